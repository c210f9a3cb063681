//! Libraries that are installed, removed, trusted no more, and looked at again.

use std::os::unix::fs::PermissionsExt;

use insta::assert_snapshot;
use serde_json::Value;

use crate::support::{World, exists};

const FIXTURE: &str = "libao_plugin_fixture.so";

/// A world with the fixture library installed.
fn installed() -> World {
    let world = World::new();
    let library = world.library(&format!("lib/{FIXTURE}"), |_| {});
    world.ao(&["plugin", "add", library.as_str()]).succeeds();
    world
}

fn loaded(world: &World) -> usize {
    let list = world.json(&["plugin", "list"]);
    list["plugins"].as_array().unwrap().iter().filter(|row| row["origin"]["kind"] == "library").count()
}

/// The files that are not as they should be: name, condition.
fn wrong(world: &World, arguments: &[&str]) -> Vec<(String, String)> {
    let run = world.ao(&[&["plugin", "verify", "--json"], arguments].concat());
    let shown = run.json();
    assert_eq!(run.code() == 0, shown["ok"] == true, "{run}");
    let files = shown["files"].as_array().unwrap().iter();
    let bad = files.filter(|file| file["condition"] != "ok");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    bad.map(|file| (text(&file["part"]), text(&file["condition"]))).collect()
}

#[test]
fn a_library_is_installed_and_found_from_everywhere() {
    let world = World::new();
    let library = world.library(&format!("lib/{FIXTURE}"), |_| {});
    let added = world.ao(&["plugin", "add", library.as_str()]);
    assert_snapshot!(added, @r"
    $ ao plugin add [ROOT]/lib/libao_plugin_fixture.so
    installed [ROOT]/ao/data/plugins/installed/libao_plugin_fixture.so
      sha256 [SHA256]
      runtime/fixture: Sessions that live in memory.
      agent/fixture: An agent that repeats what it is told.
      workspace/fixture: Workspaces that are names only.
      tracker/fixture: Issues that live in memory.
      scm/fixture: Pull requests that live in memory and are always green.
      notifier/fixture: Notifications that are logged.
      terminal/fixture: A place for each session.

    # runtime/fixture: Sessions that live in memory.
    # below `defaults`, or below a project
    runtime:
      plugin: fixture
      # besides: greeting (see `ao plugin inspect runtime/fixture`)

    # agent/fixture: An agent that repeats what it is told.
    agents:
      fixture:
        plugin: fixture
        # besides: args, program (see `ao plugin inspect agent/fixture`)

    # workspace/fixture: Workspaces that are names only.
    # below `defaults`, or below a project
    workspace:
      plugin: fixture
      # besides: branches, head (see `ao plugin inspect workspace/fixture`)

    # tracker/fixture: Issues that live in memory.
    # below `defaults`, or below a project
    tracker:
      plugin: fixture
      # besides: file, issues, label, pageSize (see `ao plugin inspect tracker/fixture`)

    # scm/fixture: Pull requests that live in memory and are always green.
    # below `defaults`, or below a project
    scm:
      plugin: fixture
      # besides: checks, pulls (see `ao plugin inspect scm/fixture`)

    # notifier/fixture: Notifications that are logged.
    # and its name in `defaults.notifiers`
    notifiers:
      fixture:
        plugin: fixture
        # besides: prefix (see `ao plugin inspect notifier/fixture`)

    # terminal/fixture: A place for each session.
    # this version has no key in the configuration for a terminal
    ");
    assert_eq!(loaded(&world), 7);
    assert!(exists(&library), "the user's own file stays");
    let again = world.ao(&["plugin", "add", library.as_str()]);
    assert!(again.stdout().starts_with("already installed: "), "{again}");
    assert_eq!(world.json(&["plugin", "add", library.as_str()])["result"], "same");
}

#[test]
fn other_bytes_are_an_upgrade_and_the_old_ones_are_kept() {
    let world = installed();
    let before = ao_host::hash::sha256(&fs_err::read(world.path(&format!("lib/{FIXTURE}"))).unwrap());
    let library = world.library(&format!("lib/{FIXTURE}"), |bytes| bytes.push(0));
    let upgraded = world.json(&["plugin", "add", library.as_str()]);
    assert_eq!((&upgraded["result"], &upgraded["replaced"]), (&"upgraded".into(), &before.clone().into()));
    assert_eq!(loaded(&world), 7);
    assert!(exists(&world.path(&format!("ao/data/plugins/by-hash/{before}/{FIXTURE}"))));
    assert_eq!(wrong(&world, &[]), []);
}

#[test]
fn what_may_be_an_only_copy_is_not_replaced_or_removed() {
    let world = installed();
    let place = format!("ao/data/plugins/installed/{FIXTURE}");
    fs_err::remove_file(world.path(&place)).unwrap();
    world.library(&place, |bytes| bytes.push(7));
    let library = world.path(&format!("lib/{FIXTURE}"));
    for arguments in [&["plugin", "add", library.as_str()][..], &["plugin", "remove", FIXTURE]] {
        let run = world.ao(arguments);
        assert!(run.code() == 1 && run.stderr().contains("may be the only copy"), "{run}");
    }
    assert!(exists(&world.path(&place)));
}

#[test]
fn a_library_is_installed_under_another_name() {
    let world = World::new();
    let library = world.library("lib/some.thing", |_| {});
    world.ao(&["plugin", "add", library.as_str(), "--name", "acme"]).succeeds();
    assert!(exists(&world.path("ao/data/plugins/installed/libacme.so")));
    assert_eq!(loaded(&world), 7);
    assert_eq!(world.ao(&["plugin", "add", library.as_str(), "--name", "../x"]).code(), 2);
}

#[test]
fn what_is_no_plugin_is_not_installed() {
    let world = World::new();
    world.file("app/libtext.so", "#!/bin/sh\n");
    let run = world.ao(&["plugin", "add", "libtext.so"]);
    assert_eq!(run.code(), 2, "{run}");
    assert!(!exists(&world.path("ao/data/plugins/installed")) && !exists(&world.path("ao/data/trust.toml")));
}

#[test]
fn removing_takes_the_copy_and_the_trust_and_names_who_counts_on_it() {
    let world = installed();
    world.file(
        "app/agent-orchestrator.yaml",
        "version: 1\nprojects:\n  app:\n    path: .\n    tracker: { plugin: fixture }\n",
    );
    let dry = world.ao(&["plugin", "remove", "tracker/fixture", "--dry-run"]);
    assert_snapshot!(dry, @r"
    $ ao plugin remove tracker/fixture --dry-run
    would remove [ROOT]/ao/data/plugins/installed/libao_plugin_fixture.so
      sha256 [SHA256]
    --- stderr
    warning: [ROOT]/app/agent-orchestrator.yaml:5 still names tracker/fixture
    ");
    assert_eq!(loaded(&world), 7);
    let removed = world.ao(&["plugin", "remove", FIXTURE]).succeeds();
    assert!(removed.stdout().starts_with("removed "), "{removed}");
    assert_eq!(loaded(&world), 0);
    assert!(exists(&world.path(&format!("lib/{FIXTURE}"))), "the user's own file stays");
    let trust = fs_err::read_to_string(world.path("ao/data/trust.toml")).unwrap();
    assert!(!trust.contains("library"), "{trust}");
    assert_snapshot!(world.ao(&["plugin", "remove", "fixture"]), @r"
    $ ao plugin remove fixture
    --- stderr
    error: `fixture` is not installed in `[ROOT]/ao/data/plugins/installed`; there: nothing is installed
    --- exit 1
    ");
}

#[test]
fn a_name_of_two_libraries_is_not_guessed() {
    let world = installed();
    let other = world.library("lib/other.so", |bytes| bytes.push(0));
    world.ao(&["plugin", "add", other.as_str()]).succeeds();
    let run = world.ao(&["plugin", "remove", "fixture"]);
    assert!(run.code() == 1 && run.stderr().contains("other.so") && run.stderr().contains(FIXTURE), "{run}");
    world.ao(&["plugin", "remove", "other.so"]).succeeds();
    world.ao(&["plugin", "remove", "ao_plugin_fixture"]).succeeds();
}

#[test]
fn trust_is_taken_back_wherever_the_bytes_are() {
    let world = installed();
    let library = world.path(&format!("lib/{FIXTURE}"));
    world.ao(&["plugin", "trust", library.as_str()]).succeeds();
    let hash = ao_host::hash::sha256(&fs_err::read(&library).unwrap());
    let dry = world.json(&["plugin", "untrust", library.as_str(), "--dry-run"]);
    assert_eq!((&dry["done"], dry["libraries"].as_array().unwrap().len()), (&false.into(), 2));
    assert_eq!(loaded(&world), 7);
    let run = world.ao(&["plugin", "untrust", &hash]).succeeds();
    assert_eq!(run.stdout().matches("not trusted any more:").count(), 2, "{run}");
    assert_eq!(loaded(&world), 0);
    assert!(exists(&library) && exists(&world.path(&format!("ao/data/plugins/installed/{FIXTURE}"))));
    assert_eq!(wrong(&world, &[]), [("installed".into(), "untrusted".into())]);
    assert_snapshot!(world.ao(&["plugin", "untrust", "gone.so"]), @r"
    $ ao plugin untrust gone.so
    --- stderr
    error: `gone.so` is not trusted, so there is nothing to take back
    --- exit 1
    ");
    let by_hash = world.ao_with(&["plugin", "untrust", &hash], &[("AO_TRUST_PLUGINS", hash.as_str())]);
    assert!(by_hash.stderr().contains("`AO_TRUST_PLUGINS` trusts [SHA256] too"), "{by_hash}");
}

#[test]
fn every_library_is_looked_at_again() {
    let world = installed();
    let own = world.library("lib/libown.so", |bytes| bytes.push(1));
    world.ao(&["plugin", "trust", own.as_str()]).succeeds();
    world.file(
        "app/agent-orchestrator.yaml",
        format!("version: 1\nplugins:\n  - path: {own}\n  - path: /nowhere/libx.so\n"),
    );
    assert_eq!(wrong(&world, &[]), [("listed".into(), "missing".into())]);
    world.file("app/agent-orchestrator.yaml", format!("version: 1\nplugins:\n  - path: {own}\n"));
    assert_eq!(wrong(&world, &[]), []);

    world.library("lib/libown.so", |bytes| bytes.push(2));
    assert_eq!(wrong(&world, &[]), [("listed".into(), "changed".into())]);
    assert_eq!(wrong(&world, &[own.as_str()]), [("asked".into(), "changed".into())]);
    let run = world.ao(&["plugin", "verify", own.as_str()]);
    assert!(run.stdout().contains("`ao plugin trust [ROOT]/lib/libown.so`") && run.code() == 1, "{run}");

    world.library("lib/libown.so", |bytes| bytes.push(1));
    fs_err::set_permissions(&own, PermissionsExt::from_mode(0o666)).unwrap();
    assert_eq!(wrong(&world, &[]), [("listed".into(), "exposed".into())]);
    fs_err::remove_file(&own).unwrap();
    world.file("app/agent-orchestrator.yaml", "version: 1\n");
    assert_eq!(wrong(&world, &[]), [("trusted".into(), "missing".into())]);
    world.ao(&["plugin", "untrust", own.as_str()]).succeeds();
    assert_eq!(wrong(&world, &[]), []);
}

#[test]
fn a_copy_that_was_changed_is_found() {
    let world = installed();
    let copies = world.path("ao/data/plugins/by-hash");
    let copy =
        copies.read_dir_utf8().unwrap().map(|entry| entry.unwrap().path().join(FIXTURE)).find(|path| path.exists());
    let copy = copy.expect("a copy");
    fs_err::set_permissions(&copy, PermissionsExt::from_mode(0o600)).unwrap();
    let mut bytes = fs_err::read(&copy).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    ao_host::world::files::write_atomic(&copy, &bytes, 0o500).unwrap();
    assert_eq!(wrong(&world, &[]), [("copy".into(), "changed".into())]);
}

#[test]
fn two_at_once_lose_nothing() {
    let world = World::new();
    let names: Vec<_> = (0..4_u8).map(|number| format!("lib/lib{number}.so")).collect();
    let paths: Vec<_> =
        names.iter().zip(0..).map(|(name, number)| world.library(name, |bytes| bytes.push(number))).collect();
    let started: Vec<_> = paths.iter().map(|path| world.start(&["plugin", "add", path.as_str()])).collect();
    for run in started {
        run.finish().succeeds();
    }
    assert_eq!(wrong(&world, &[]), []);
    let trust = fs_err::read_to_string(world.path("ao/data/trust.toml")).unwrap();
    assert_eq!(trust.matches("[[library]]").count(), 4, "{trust}");
}
