//! What is too much in the trash goes, and its commits stay, wherever the host dies meanwhile.

use ao_core::model::SessionId;
use ao_core::model::facts::TrashState;
use ao_host::store::{Reader, SqliteStore};

use super::Death;
use super::hosts::Hosts;
use super::rest;
use crate::studio::Studio;
use crate::support::World;

/// A worktree that is more than the trash may hold.
pub(super) fn expires(death: Death) {
    let world = World::new();
    world.file("app/.gitignore", "agent-orchestrator.yaml\n");
    let studio = Studio::with(world, death.engine, "");
    let id: SessionId = studio.spawn(&["--agent", "sleeper"]).parse().unwrap();
    fs_err::write(studio.worktree(id.as_str()).join("notes.txt"), "not committed\n").unwrap();
    studio.world.ao(&["session", "kill", "--cleanup", id.as_str()]).succeeds();
    studio.write_config(&format!("{}trash: {{ quota: 1B }}\n", studio.config("")));
    let store = SqliteStore::open(&studio.places().state_db()).unwrap();
    let item = || store.session(&id).unwrap().unwrap().trash.pop().expect("an item");
    let place = item().place;
    assert!(place.exists());
    // What is due is looked for when a host starts.
    let mut hosts = Hosts::new(&studio, death);
    hosts.start_doomed();
    hosts.play(|| item().state == TrashState::Emptied && rest::is_settled(&store));
    hosts.stop();
    let label = death.label();
    assert!(!place.exists(), "{label}");
    rest::has_worktrees(&studio, &[], &label);
    rest::has_refs(&studio, &["heads/main", "ao/sessions/app-1", "ao/trash/app-1"], &label);
    rest::nothing_is_left(&studio, &label);
}
