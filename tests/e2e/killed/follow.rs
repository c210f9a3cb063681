//! An agent asks for a decision, and a rule has a program run, or another session started: the program at most once, the
//! session once.

use ao_core::lifecycle::decide::Deed;
use ao_core::model::facts::Session;
use ao_core::model::{DeliveryLevel, SessionId};
use ao_core::slots::agent::Role;
use ao_host::store::{OutboxEntry, OutboxState, Reader, Scope, SessionFilter, SqliteStore};
use ao_host::world::files::write_atomic;
use serde_json::{Value, json};

use super::Death;
use super::hosts::Hosts;
use super::rest;
use crate::studio::{Studio, said_in};
use crate::support::World;

/// What the rule says.
const TOLD: &str = "look after app-1";

/// A program is run.
pub(super) fn runs(death: Death) {
    let scene = Scene::new(death, |root| json!({ "run": ["sh", format!("{root}/ran.sh"), root] }));
    let mut hosts = Hosts::new(&scene.studio, death);
    hosts.start_doomed();
    hosts.play(|| scene.is_over());
    hosts.stop();
    let label = death.label();
    let ran = fs_err::read_to_string(scene.studio.world.path("ran")).unwrap_or_default();
    let entry = scene.only(&|deed| matches!(deed, Deed::Run { .. }));
    let inbox = scene.studio.world.ao(&["inbox"]).stdout();
    match entry.state {
        OutboxState::Done => {
            assert_eq!(ran, "report-needs-input app-1\n", "{label}");
            assert_eq!(scene.intents().len(), 1, "{label}");
        }
        OutboxState::Uncertain => {
            let is_lost = ["react.render_store.after", "react.settle.before"].contains(&label.as_str());
            assert!(is_lost && ran.lines().count() <= 1, "{label}: {ran}");
            assert!(inbox.contains("killed while the program ran"), "{label}: {inbox}");
        }
        other => panic!("{label}: {other:?}"),
    }
    scene.ends(&[], &label);
}

/// A session is started.
pub(super) fn spawns(death: Death) {
    let scene = Scene::new(death, |_| json!({ "spawn": { "role": "worker", "agent": "child" } }));
    let mut hosts = Hosts::new(&scene.studio, death);
    hosts.start_doomed();
    hosts.play(|| scene.is_over());
    rest::has_no_buffers(&scene.studio, &death.label());
    hosts.stop();
    let label = death.label();
    let children: Vec<_> = scene.sessions().into_iter().filter(|session| session.id != scene.id).collect();
    let there: Vec<&Session> = children.iter().filter(|child| child.failure.is_none()).collect();
    let [child] = there[..] else { panic!("{label}: {children:?}") };
    assert_eq!((child.role, child.parent.as_ref()), (Role::Worker, Some(&scene.id)), "{label}");
    let is_alone = scene.studio.processes().len();
    assert_eq!(is_alone, 4, "{label}: two agents and their holders");
    let entry = scene.only(&|deed| matches!(deed, Deed::Spawn { .. }));
    assert_eq!(entry.state, OutboxState::Done, "{label}");

    // What it was to be told it hears once; or it is known that it may not have.
    let heard = said_in(&scene.studio.world.path(&format!("said-{}", child.id)));
    let levels: Vec<_> = scene.store.messages(&child.id).unwrap().iter().map(|message| message.level).collect();
    let inbox = scene.studio.world.ao(&["inbox"]).stdout();
    if levels == [DeliveryLevel::Acked] {
        assert_eq!(heard, [TOLD], "{label}");
    } else {
        assert!(heard.len() <= 1, "{label}: {heard:?}");
        assert!(
            inbox.contains(child.id.as_str()),
            "{label}: nobody is told that it was told nothing: {levels:?} {inbox}"
        );
    }
    let ids: Vec<_> = children.iter().filter(|child| child.failure.is_none()).map(|child| child.id.clone()).collect();
    scene.ends(&ids, &label);
}

struct Scene {
    studio: Studio,
    store: SqliteStore,
    id: SessionId,
}

impl Scene {
    /// A session that has asked for a decision, and no host that has heard of it.
    fn new(death: Death, action: impl FnOnce(&str) -> Value) -> Self {
        let world = World::new();
        world.file("app/.gitignore", "agent-orchestrator.yaml\n");
        let studio = Studio::with(world, death.engine, "");
        let root = studio.world.path("").as_str().trim_end_matches('/').to_owned();
        studio.world.file("ran.sh", "echo \"$AO_REACTION $AO_SESSION\" >> \"$1/ran\"\n");
        let child = format!(
            "  child: {{ plugin: command, argv: [sh, {root}/child.sh, {root}], ready: ready, draft: '^> ?(.*)\\z', \
             transcript: {{ path: '{root}/said-{{session}}' }} }}\ndefaults:"
        );
        studio.world.file("child.sh", CHILD);
        let rules = json!({
            "report-needs-input": { "action": action(&root), "message": "look after {{ session.id }}" },
            "agent-idle": { "enabled": false },
            "agent-needs-input": { "enabled": false },
        });
        let text = studio.config("    postCreate: [[\"true\"]]\n").replace("defaults:", &child);
        studio.write_config(&format!("{text}reactions: {rules}\n"));
        let id: SessionId = studio.spawn(&["--agent", "sleeper"]).parse().unwrap();
        let spool = studio.places().session_dir(&id).join("spool");
        let report = json!({ "state": "needs_input", "note": "which way?" });
        write_atomic(&spool.join("1.report.json"), report.to_string().as_bytes(), 0o600).unwrap();
        let store = SqliteStore::open(&studio.places().state_db()).unwrap();
        Self { studio, store, id }
    }

    fn sessions(&self) -> Vec<Session> {
        self.store.sessions(&SessionFilter::default()).unwrap()
    }

    fn intents(&self) -> Vec<OutboxEntry> {
        self.store.intents_of(&Scope::session(&self.id)).unwrap()
    }

    /// The one intent of a kind.
    fn only(&self, kind: &dyn Fn(&Deed) -> bool) -> OutboxEntry {
        let found: Vec<_> = self.intents().into_iter().filter(|entry| kind(&entry.intent.deed)).collect();
        found.try_into().map(|[entry]: [OutboxEntry; 1]| entry).expect("it is decided once")
    }

    fn is_over(&self) -> bool {
        !self.intents().is_empty() && rest::is_settled(&self.store)
    }

    /// Everything is ended, and nothing is left but the worktrees of those that lived.
    fn ends(&self, children: &[SessionId], label: &str) {
        let studio = &self.studio;
        let ids: Vec<_> = [&self.id].into_iter().chain(children).collect();
        let worktrees: Vec<_> = ids.iter().map(|id| studio.worktree(id.as_str())).collect();
        let worktrees: Vec<_> = worktrees.iter().map(camino::Utf8PathBuf::as_path).collect();
        rest::has_worktrees(studio, &worktrees, label);
        let mut refs = vec!["heads/main".to_owned()];
        for id in ids {
            studio.world.ao(&["session", "kill", id.as_str()]).succeeds();
            refs.extend([format!("ao/created/ao%2F{id}"), format!("ao/sessions/{id}"), format!("heads/ao/{id}")]);
        }
        let refs: Vec<_> = refs.iter().map(String::as_str).collect();
        rest::has_refs(studio, &refs, label);
        rest::nothing_is_left(studio, label);
    }
}

/// Has a composer, and writes down what it is told.
const CHILD: &str = r#"printf 'ready\n> '
while IFS= read -r line; do
  printf '{"text":"%s"}\n' "$line" >> "$1/said-$AO_SESSION_ID"
  printf '> '
done
"#;
