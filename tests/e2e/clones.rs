//! Sessions in clones: the same as in worktrees, in a repository of their own.

#![expect(clippy::disallowed_methods, reason = "tests lose directories on purpose")]

use serde_json::Value;

use crate::studio::{Engine, Studio};

fn studio() -> Studio {
    let studio = Studio::new(Engine::Process);
    studio.configure("    workspace: clone\n");
    studio
}

#[test]
fn a_clone_works_is_compared_and_comes_back() {
    let studio = studio();
    let id = studio.spawn(&["--prompt", "one\n"]);
    studio.wait_for_status(&id, "done");
    assert_eq!(studio.git(&["branch", "--format=%(refname:short)"]), "main\n", "its branch is its own");
    assert!(studio.world.ao(&["session", "diff", "--stat", &id]).succeeds().stdout().contains("work.txt"));
    let worktree = studio.worktree(&id);
    std::fs::write(worktree.join("left"), "over").unwrap();
    studio.world.ao(&["session", "kill", "--cleanup", &id]).succeeds();
    assert!(!worktree.exists());
    let trashed = studio.world.ao(&["session", "diff", &id]).succeeds().stdout();
    assert!(trashed.contains("+one") && trashed.contains("+over"), "{trashed}");
    studio.world.ao(&["trash", "restore", &id]).succeeds();
    assert_eq!(std::fs::read_to_string(worktree.join("left")).unwrap(), "over");

    // Also from the pins alone, when the directory is lost.
    studio.world.ao(&["session", "cleanup", &id]).succeeds();
    let item = studio.world.json(&["trash", "list"])["items"][0].clone();
    std::fs::remove_dir_all(item["place"].as_str().unwrap()).unwrap();
    studio.world.ao(&["session", "restore", &id]).succeeds();
    assert_eq!(std::fs::read_to_string(worktree.join("left")).unwrap(), "over");
    assert_eq!(studio.show(&id)["session"]["runtime"]["launch"], 2);
    assert_eq!(studio.show(&id)["session"]["op"], Value::Null);
}

#[test]
fn a_clone_whose_spawn_fails_or_is_killed_leaves_nothing() {
    let studio = studio();
    let before = studio.traces();
    for label in ["spawn.worktree_add.before", "spawn.worktree_add.after"] {
        let run = studio.world.ao_with(&["spawn"], &[("AO_FAILPOINTS", &format!("{label}=kill"))]);
        assert_eq!(run.signal(), Some(9), "{run}");
        studio.world.ao(&["gc"]).succeeds();
        assert_eq!(studio.traces(), before, "after {label}");
    }
    studio.configure("    workspace: clone\n    postCreate: [[\"false\"]]\n");
    assert_ne!(studio.world.ao(&["spawn"]).code(), 0);
    assert_eq!(studio.traces(), before);
}

#[test]
fn a_lost_state_is_rebuilt_from_what_clones_say() {
    let studio = studio();
    let id = studio.spawn(&["--prompt", "one\n"]);
    studio.wait_for_status(&id, "done");
    let (worktree, places) = (studio.worktree(&id), studio.places());
    for database in
        [places.state_db(), format!("{}-wal", places.state_db()).into(), format!("{}-shm", places.state_db()).into()]
    {
        let _ = std::fs::remove_file(database);
    }
    for directory in ["sessions", "backups"] {
        let _ = std::fs::remove_dir_all(places.state_db().with_file_name(directory));
    }
    studio.world.ao(&["doctor", "--rebuild"]).succeeds();
    let shown = studio.show(&id)["session"].clone();
    assert_eq!(shown["workspace"]["path"], worktree.as_str(), "{shown}");
    assert_eq!(shown["workspace"]["plugin"], "clone", "{shown}");
    assert_ne!(shown["project_path"], shown["workspace"]["path"], "{shown}");
    assert!(studio.world.ao(&["session", "diff", &id]).succeeds().stdout().contains("+one"));
}
