//! Sessions through plugin libraries: the same walk as with what is linked in, by `.so` files that the configuration
//! lists.

use camino::Utf8PathBuf;
use insta::assert_snapshot;
use serde_json::Value;

use crate::studio::{Engine, Studio, heard, in_every_engine};
use crate::support::{World, built_library};

const LIBRARIES: [&str; 11] =
    ["acp", "claude_code", "codex", "command", "git", "local", "notify", "opencode", "process", "pty", "tmux"];

/// The configuration with every library in it, in the directory `lib`.
fn with_libraries(studio: &Studio) -> String {
    let entries: Vec<_> =
        LIBRARIES.iter().map(|name| format!("  - {{ path: ../lib/libao_plugin_{name}.so }}\n")).collect();
    studio.config("").replacen("version: 1\n", &format!("version: 1\nplugins:\n{}", entries.concat()), 1)
}

/// Puts a copy of a built library into the directory `lib`.
fn install(world: &World, name: &str) -> Utf8PathBuf {
    let file = format!("libao_plugin_{name}.so");
    world.file(&format!("lib/{file}"), fs_err::read(built_library(name)).unwrap())
}

/// A studio whose plugins are all libraries, trusted.
fn studio_of_libraries(engine: Engine) -> Studio {
    let studio = Studio::new(engine);
    for name in LIBRARIES {
        let library = install(&studio.world, name);
        studio.world.ao(&["plugin", "trust", library.as_str()]).succeeds();
    }
    studio.write_config(&with_libraries(&studio));
    studio
}

fn plugins(world: &World) -> Vec<Value> {
    world.json(&["plugin", "list"])["plugins"].as_array().unwrap().clone()
}

in_every_engine! {
    /// What a user does with five agents.
    fn the_walk_through_libraries(engine: Engine) {
        let studio = studio_of_libraries(engine);
        let ids: Vec<_> = (0..4).map(|_| studio.spawn(&["--prompt", "a task\n"])).collect();
        let listener = studio.listen("listener");
        for id in &ids {
            studio.wait_for_status(id, "done");
            assert_eq!(studio.git(&["show", &format!("ao/{id}:work.txt")]), "a task\n");
            assert!(studio.world.ao(&["session", "logs", id]).succeeds().stdout().contains("finished"));
        }
        let status = studio.world.json(&["status", "--refresh"]);
        assert_eq!(status["sessions"].as_array().unwrap().len(), 5);
        studio.world.ao(&["send", &listener, "hello"]).succeeds();
        let worktree = studio.worktree(&listener);
        studio.wait("it is heard", || heard(&worktree).starts_with(b"hello"));
        studio.world.ao(&["session", "kill", &listener]).succeeds();
        assert_eq!(studio.status(&listener), "killed");
        studio.wait("no process is left", || studio.processes().is_empty());
        let loaded = fs_err::read_dir(studio.places().plugins_by_hash()).unwrap().count();
        assert_eq!(loaded, LIBRARIES.len(), "what is loaded are copies");
    }
}

/// One line for each library in the configuration, and nothing else is different.
#[test]
fn the_walk_through_libraries_in_processes_of_their_own() {
    let studio = studio_of_libraries(Engine::Process);
    studio.write_config(&with_libraries(&studio).replace(".so }", ".so, isolation: process }"));
    let rows = plugins(&studio.world);
    assert!(rows.iter().all(|row| row["isolation"] == "process"), "{rows:?}");
    let list = studio.world.ao(&["plugin", "list"]).stdout();
    assert_eq!(list.matches(", isolated").count(), rows.len(), "{list}");
    let shown = studio.world.ao(&["plugin", "inspect", "workspace/worktree"]).stdout();
    assert!(shown.contains("isolation: process"), "{shown}");

    let id = studio.spawn(&["--prompt", "a task\n"]);
    studio.wait_for_status(&id, "done");
    assert_eq!(studio.git(&["show", &format!("ao/{id}:work.txt")]), "a task\n");
    assert!(studio.world.ao(&["session", "logs", &id]).succeeds().stdout().contains("finished"));
    // The agent outlives the process that the runtime plugin ran in.
    let listener = studio.listen("listener");
    studio.world.ao(&["send", &listener, "hello"]).succeeds();
    let worktree = studio.worktree(&listener);
    studio.wait("it is heard", || heard(&worktree).starts_with(b"hello"));
    let run = studio.world.ao(&["-v", "session", "kill", &listener]).succeeds();
    assert!(run.stderr().contains("is hosted by a process of its own"), "{run}");
    assert_eq!(studio.status(&listener), "killed");
    studio.wait("no process is left", || studio.processes().is_empty());
}

#[test]
fn linked_in_and_loaded_plugins_differ_in_their_origin_only() {
    let linked = plugins(&Studio::new(Engine::Process).world);
    let loaded = plugins(&studio_of_libraries(Engine::Process).world);
    assert_eq!(linked.len(), loaded.len());
    let without_origin = |rows: &[Value]| -> Vec<Value> {
        let mut rows = rows.to_vec();
        for row in rows.iter_mut().map(|row| row.as_object_mut().unwrap()) {
            row.remove("origin").unwrap();
            row.remove("replaces");
        }
        rows
    };
    assert_eq!(without_origin(&linked), without_origin(&loaded));
    assert!(linked.iter().all(|row| row["origin"]["kind"] == "linked_in"), "{linked:?}");
    assert!(loaded.iter().all(|row| row["origin"]["kind"] == "library"), "{loaded:?}");
}

#[test]
fn what_is_not_trusted_is_not_loaded() {
    let studio = Studio::new(Engine::Process);
    for name in LIBRARIES {
        install(&studio.world, name);
    }
    studio.write_config(&with_libraries(&studio));
    let run = studio.world.ao(&["spawn", "--agent", "sleeper"]).succeeds();
    for name in LIBRARIES {
        let trust = format!("`ao plugin trust [ROOT]/app/../lib/libao_plugin_{name}.so`");
        assert_eq!(run.stderr().matches(&trust).count(), 1, "{run}");
    }
    assert!(!studio.places().plugins_by_hash().exists(), "no library was even copied");
}

#[test]
fn a_damaged_library_is_told_once_and_the_rest_works() {
    let studio = studio_of_libraries(Engine::Process);
    let library = studio.world.path("lib/libao_plugin_command.so");
    let mut bytes = fs_err::read(&library).unwrap();
    bytes.truncate(bytes.len() / 2);
    studio.world.file("lib/libao_plugin_command.so", bytes);
    let run = studio.world.ao(&["spawn", "--prompt", "a task\n"]).succeeds();
    assert_snapshot!(run.stderr(), @r"
    warning: the plugin library `[ROOT]/app/../lib/libao_plugin_command.so` has changed since it was trusted; look at where it comes from, then `ao plugin trust [ROOT]/app/../lib/libao_plugin_command.so`
    agent     worker
    branch    ao/app-1
    worktree  [ROOT]/ao/state/worktrees/app/app-1
    ");
    studio.wait_for_status("app-1", "done");
    let origin = |name: &str| {
        let rows = plugins(&studio.world);
        rows.iter().find(|row| row["name"] == name).map(|row| row["origin"]["kind"].clone()).expect("a plugin")
    };
    assert_eq!((origin("command"), origin("process")), ("linked_in".into(), "library".into()));
}

#[test]
fn a_library_that_is_gone_leaves_its_sessions_reachable() {
    let studio = studio_of_libraries(Engine::Process);
    let id = studio.spawn(&["--agent", "sleeper"]);
    fs_err::rename(studio.world.path("lib"), studio.world.path("elsewhere")).unwrap();
    let run = studio.world.ao(&["session", "kill", &id]).succeeds();
    assert!(run.stderr().contains("app-1 has ended"), "{run}");
    assert_eq!(studio.status(&id), "killed");
}
