//! What `ao start` is given: a project, a directory, an address. `--once`, so that nothing stays.

use insta::assert_snapshot;

use crate::support::{World, exists};

const CONFIG: &str = "version: 1\nprojects: { app: { path: . } }\n";

#[test]
fn a_repository_without_a_configuration_gets_one() {
    let world = World::with_repository();
    fs_err::create_dir(world.path("app/below")).unwrap();
    assert_snapshot!(world.ao(&["start", "--once", "below"]), @r"
    $ ao start --once below
    --- stderr
    wrote and trusted [ROOT]/app/agent-orchestrator.yaml: project app, branch main
    ");
    // From here on it is there, and the argument may be left out or be the project.
    for arguments in [&["start", "--once"][..], &["start", "--once", "."], &["start", "--once", "app"]] {
        assert_eq!(world.ao(arguments).succeeds().stderr(), "", "{arguments:?}");
    }
}

#[test]
fn without_an_argument_the_directory_is_meant() {
    let world = World::with_repository();
    let run = world.ao(&["start", "--once"]).succeeds();
    assert!(run.stderr().starts_with("wrote and trusted"), "{run}");
    let nowhere = World::new();
    let run = nowhere.ao(&["start", "--once"]);
    assert_eq!(run.code(), 2, "{run}");
    assert!(run.stderr().contains("is not in a git repository"), "{run}");
    assert!(!exists(&nowhere.path("ao/state/host.lock")));
}

#[test]
fn a_name_that_is_nothing() {
    let world = World::with_config(CONFIG);
    world.ao(&["trust"]).succeeds();
    let run = world.ao(&["start", "ap"]);
    assert_eq!(run.code(), 1, "{run}");
    assert!(run.stderr().contains("ap"), "{run}");
    assert_eq!(World::new().ao(&["start", "ap"]).code(), 1);
    assert_eq!(World::new().ao(&["start", "./ap"]).code(), 1);
}

#[test]
fn a_configuration_that_cannot_be_used_is_refused_before_anything_runs() {
    for (text, trusted) in [(CONFIG, false), ("version: 1\nprojcts: {}\n", true), ("version: [", true)] {
        let world = World::with_config(text);
        if trusted {
            // Trust refuses a broken file; nothing else is wrong with it.
            world.ao(&["trust"]);
        }
        for arguments in [&["start"][..], &["start", "--detach"], &["start", "."], &["start", "--once"]] {
            let run = world.ao(arguments);
            assert_eq!(run.code(), 78, "{run}");
        }
        assert!(!exists(&world.path("ao/state/host.lock")), "{text}");
    }
}

#[test]
fn an_address_is_cloned() {
    let world = World::with_repository();
    let url = format!("file://{}", world.path("app"));
    assert_snapshot!(world.ao(&["start", "--once", &url]), @r"
    $ ao start --once file://[ROOT]/app
    --- stderr
    cloning file://[ROOT]/app into [ROOT]/app/app
    wrote and trusted [ROOT]/app/app/agent-orchestrator.yaml: project app, branch main
    ");
    assert!(exists(&world.path("app/app/agent-orchestrator.yaml")));
    assert_snapshot!(world.ao(&["start", "--once", &url]), @r"
    $ ao start --once file://[ROOT]/app
    --- stderr
    error: `[ROOT]/app/app` exists already and is left as it is; `ao start ./app` starts with what is there
    --- exit 1
    ");
}

#[test]
fn a_configuration_above_is_not_about_a_clone() {
    let world = World::with_repository();
    world.file("home/agent-orchestrator.yaml", CONFIG);
    let url = format!("file://{}", world.path("app"));
    let mut command = world.command(env!("CARGO_BIN_EXE_ao"));
    let output = command.args(["start", "--once", &url]).current_dir(world.path("home")).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(exists(&world.path("home/app/agent-orchestrator.yaml")));
}

#[test]
fn what_a_clone_brings_is_not_trusted() {
    let world = World::with_repository();
    world.file("app/agent-orchestrator.yaml", CONFIG);
    world.git(&["add", "."]);
    world.commit("with a configuration");
    let url = format!("file://{}", world.path("app"));
    let mut command = world.command(env!("CARGO_BIN_EXE_ao"));
    let output = command.args(["start", "--once", &url]).current_dir(world.path("home")).output().unwrap();
    assert_eq!(output.status.code(), Some(78));
    assert!(String::from_utf8_lossy(&output.stderr).contains("ao trust"));
    assert!(!exists(&world.path("ao/state/host.lock")));
}

#[test]
fn a_clone_that_fails_asks_nobody_and_tells_no_password() {
    let world = World::with_repository();
    let run = world.ao(&["start", "https://user:s3cret@localhost:1/acme/gone.git"]);
    assert_eq!(run.code(), 1, "{run}");
    assert!(run.stderr().contains("cannot clone https://localhost:1/acme/gone.git"), "{run}");
    assert!(!run.stderr().contains("s3cret"), "{run}");
    assert!(!exists(&world.path("app/gone")));
    assert_eq!(world.ao(&["start", "ext://x/y"]).code(), 2);
}
