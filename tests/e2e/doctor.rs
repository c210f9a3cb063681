//! `ao doctor`.

use camino::Utf8PathBuf;
use serde_json::Value;

use crate::support::{World, machine_path};

fn check<'a>(checkup: &'a Value, subject: &str) -> &'a Value {
    let checks = checkup["checks"].as_array().unwrap();
    checks.iter().find(|check| check["subject"] == subject).unwrap_or_else(|| panic!("{subject}: {checkup}"))
}

#[test]
fn what_is_there_passes() {
    let checkup = World::with_repository().json(&["doctor"]);
    for subject in ["git", "processes", "state"] {
        assert_eq!(check(&checkup, subject)["level"], "pass", "{checkup}");
    }
    assert_eq!(check(&checkup, "configuration")["level"], "warn");
    assert_eq!(check(&checkup, "configuration")["remedy"], "in a repository: `ao init`");
}

#[test]
fn a_missing_git_fails() {
    let run = World::new().variable("PATH", "/nowhere").ao(&["doctor"]);
    assert_eq!(run.code(), 1, "{run}");
    let said = "FAIL  git: cannot start `git`: there is no such program\n      install git\n";
    assert!(run.stdout().contains(said), "{run}");
}

#[test]
fn a_missing_tmux_fails_only_who_asks_for_it() {
    let world = World::with_repository();
    let bin = world.path("bin");
    fs_err::create_dir(&bin).unwrap();
    fs_err::os::unix::fs::symlink(find_git(), bin.join("git")).unwrap();
    let world = world.variable("PATH", bin.as_str());
    assert_eq!(check(&world.json(&["doctor"]), "tmux")["level"], "warn");
    for (runtime, level) in [("", "warn"), (", runtime: tmux", "fail")] {
        let config = format!("version: 1\nprojects:\n  app: {{ path: .{runtime} }}\n");
        world.file("app/agent-orchestrator.yaml", config);
        world.ao(&["trust"]);
        assert_eq!(check(&world.json(&["doctor"]), "tmux")["level"], level, "{runtime}");
    }
}

fn find_git() -> Utf8PathBuf {
    let path = machine_path();
    path.split(':').map(|directory| Utf8PathBuf::from(directory).join("git")).find(|git| git.is_file()).unwrap()
}

#[test]
fn an_untrusted_configuration_is_worth_a_warning_and_a_wrong_one_fails() {
    let world = World::with_config("version: 1\n");
    assert_eq!(check(&world.json(&["doctor"]), "configuration")["level"], "warn");
    world.ao(&["trust"]);
    assert_eq!(check(&world.json(&["doctor"]), "configuration")["level"], "pass");
    world.file("app/agent-orchestrator.yaml", "version: 2\n");
    let checkup = world.json(&["doctor"]);
    assert_eq!((&checkup["healthy"], &check(&checkup, "configuration")["level"]), (&false.into(), &"fail".into()));
}

#[test]
fn a_listed_library_that_cannot_be_used_fails() {
    let world = World::with_config("version: 1\nplugins: [{ path: ./libgone.so }]\n");
    world.ao(&["trust"]);
    let checkup = world.json(&["doctor"]);
    assert_eq!(check(&checkup, "library")["level"], "fail");
}

#[test]
fn something_in_the_place_of_the_state_directory_fails() {
    let world = World::new();
    world.file("ao/state", "");
    let checkup = world.json(&["doctor"]);
    assert_eq!(check(&checkup, "state")["level"], "fail", "{checkup}");
}

#[test]
fn configured_plugins_are_asked_with_their_settings() {
    let world = World::new();
    let library = world.library("lib/libao_plugin_fixture.so", |_| {});
    world.ao(&["plugin", "trust", library.as_str()]);
    let config = format!(
        "version: 1\nplugins: [{{ path: {library} }}]\nagents:\n  echo: {{ plugin: fixture }}\n\
         projects:\n  app: {{ path: ., tracker: {{ plugin: fixture, label: \"${{NOT_SET}}\" }} }}\n"
    );
    world.file("app/agent-orchestrator.yaml", config);
    world.ao(&["trust"]);
    let checkup = world.json(&["doctor"]);
    let by = |name: &str| checkup["checks"].as_array().unwrap().iter().find(|check| check["by"] == name);
    assert_eq!(by("agent/echo").unwrap()["level"], "pass", "{checkup}");
    let tracker = by("tracker/fixture").unwrap();
    assert!(tracker["level"] == "fail" && tracker["message"].as_str().unwrap().contains("NOT_SET"), "{checkup}");
}
