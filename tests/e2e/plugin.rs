//! `ao plugin`, with libraries good and bad.

use insta::assert_snapshot;
use object::{Object, ObjectSection};
use serde_json::Value;

use crate::support::{World, exists, replace};

/// The rows of `ao plugin list --json` that are not linked in.
fn loaded(world: &World) -> Vec<Value> {
    let list = world.json(&["plugin", "list"]);
    let rows = list["plugins"].as_array().unwrap().iter();
    rows.filter(|row| row["origin"]["kind"] == "library").cloned().collect()
}

/// A library that is refused, and leaves no trust behind.
fn refused(world: &World, library: &str) -> String {
    let run = world.ao(&["plugin", "trust", library]);
    assert!(!exists(&world.path("ao/data/trust.toml")), "{run}");
    assert_eq!(loaded(world), [] as [Value; 0]);
    run.to_string()
}

#[test]
fn a_library_that_is_missing() {
    assert_snapshot!(refused(&World::new(), "libgone.so"), @r"
    $ ao plugin trust libgone.so
    --- stderr
    error: cannot read the plugin library `[ROOT]/app/libgone.so`: No such file or directory (os error 2)
    --- exit 1
    ");
}

#[test]
fn a_text_file() {
    let world = World::new();
    world.file("app/libtext.so", "#!/bin/sh\necho hello\n");
    assert_snapshot!(refused(&world, "libtext.so"), @r"
    $ ao plugin trust libtext.so
    --- stderr
    error: `[ROOT]/app/libtext.so` is not a plugin library for this machine: it is a text file (Unknown file magic)
    --- exit 2
    ");
}

#[test]
fn a_truncated_library() {
    let world = World::new();
    world.library("app/libcut.so", |bytes| bytes.truncate(4096));
    let said = refused(&world, "libcut.so");
    assert!(said.contains("is cut short") && said.ends_with("--- exit 2"), "{said}");
}

#[test]
fn a_library_that_is_not_ours() {
    let world = World::new();
    world.library("app/libother.so", |bytes| replace(bytes, b"__ao_plugin_v1_", b"__xo_plugin_v1_"));
    assert_snapshot!(refused(&world, "libother.so"), @r#"
    $ ao plugin trust libother.so
    --- stderr
    error: `[ROOT]/app/libother.so` is a library, but exports no plugin: its crate needs `export_plugin!` and `crate-type = ["cdylib"]`
    --- exit 2
    "#);
}

#[test]
fn a_library_of_another_layout() {
    let world = World::new();
    // The island's version stands in its layout as text.
    world.library("app/libold.so", |bytes| replace(bytes, b"deadline_ms", b"deadline_xx"));
    let said = refused(&world, "libold.so");
    assert!(said.contains("built with an incompatible plugin interface"), "{said}");
}

#[test]
fn a_library_that_crashes_takes_only_a_child_with_it() {
    let world = World::new();
    world.library("app/libcrash.so", |bytes| {
        let file = object::File::parse(bytes.as_slice()).unwrap();
        let (start, size) = file.section_by_name(".text").unwrap().file_range().unwrap();
        let code = usize::try_from(start).unwrap()..usize::try_from(start + size).unwrap();
        bytes[code].fill(0);
    });
    let said = refused(&world, "libcrash.so");
    assert!(said.contains("the process that loaded the library `libcrash.so` was killed by signal"), "{said}");
}

#[test]
fn a_library_that_others_may_change() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    let library = world.library("app/libopen.so", |_| {});
    fs_err::set_permissions(library, PermissionsExt::from_mode(0o666)).unwrap();
    assert_snapshot!(refused(&world, "libopen.so"), @r"
    $ ao plugin trust libopen.so
    --- stderr
    error: `[ROOT]/app/libopen.so` may be changed by others (its mode is 666); plugin libraries are native code: `chmod go-w` it, or move it
    --- exit 78
    ");
}

#[test]
fn a_good_library_is_trusted_listed_and_inspected() {
    let world = World::new();
    world.library("app/libao_plugin_fixture.so", |_| {});
    assert_snapshot!(world.ao(&["plugin", "inspect", "./libao_plugin_fixture.so"]), @r"
    $ ao plugin inspect ./libao_plugin_fixture.so
    file:    [ROOT]/app/libao_plugin_fixture.so
    sha256:  [SHA256]
    symbol:  __ao_plugin_v1_ao_plugin_fixture
    trusted: no; its manifest is read by `ao plugin trust`
    ");
    assert_snapshot!(world.ao(&["plugin", "trust", "libao_plugin_fixture.so"]), @r"
    $ ao plugin trust libao_plugin_fixture.so
    trusted [ROOT]/app/libao_plugin_fixture.so
      sha256 [SHA256]
      runtime/fixture: Sessions that live in memory.
      agent/fixture: An agent that repeats what it is told.
      workspace/fixture: Workspaces that are names only.
      tracker/fixture: Issues that live in memory.
      scm/fixture: Pull requests that live in memory and are always green.
      notifier/fixture: Notifications that are logged.
      terminal/fixture: A place for each session.
    ");

    let world = world.variable("AO_PLUGIN_PATH", "/nowhere:.");
    let rows = loaded(&world);
    assert_eq!(rows.len(), 7);
    assert_eq!((&rows[0]["slot"], &rows[0]["name"]), (&"runtime".into(), &"fixture".into()));

    let shown = world.ao(&["plugin", "inspect", "scm/fixture"]).stdout();
    assert_snapshot!(shown, @r#"
    scm/fixture: Pull requests that live in memory and are always green.
    library: ao_plugin_fixture 0.1.0, built with SDK 0.1.0
    origin:  ./libao_plugin_fixture.so
    sha256:  [SHA256]

    METHOD        KIND  DEADLINE  REPEAT      PROVIDED
    snapshot      call  60 s      idempotent  yes
    list          call  60 s      idempotent  yes
    conversation  call  60 s      idempotent  yes
    diff          call  60 s      idempotent  yes
    check_log     call  60 s      idempotent  yes
    open_pull     call  60 s      once        yes
    merge         call  60 s      once        yes
    update        call  30 s      once        yes
    find_effect   call  30 s      idempotent  yes
    checkout      call  10 s      idempotent  yes
    webhook       call  5 s       idempotent  yes
    doctor        call  10 s      idempotent  yes

    settings (JSON Schema): {
      "$schema": "https://json-schema.org/draft/2020-12/schema",
      "additionalProperties": false,
      "description": "What stands under the plugin's block.",
      "properties": {
        "checks": {
          "default": [
            "build"
          ],
          "description": "The checks that every pull request has.",
          "items": {
            "type": "string"
          },
          "type": "array"
        },
        "pulls": {
          "default": [],
          "description": "Branches with a pull request that is there at first; the first of them has the number 1.",
          "items": {
            "type": "string"
          },
          "type": "array"
        }
      },
      "title": "Config",
      "type": "object"
    }
    "#);
    let file = world.json(&["plugin", "inspect", "./libao_plugin_fixture.so"]);
    assert_eq!((&file["file"]["trusted"], file["plugins"].as_array().unwrap().len()), (&true.into(), 7));
}

#[test]
fn a_library_that_changes_is_not_trusted_any_more() {
    let world = World::new().variable("AO_PLUGIN_PATH", ".");
    world.library("app/libao_plugin_fixture.so", |_| {});
    world.ao(&["plugin", "trust", "libao_plugin_fixture.so"]);
    assert_eq!(loaded(&world).len(), 7);
    world.library("app/libao_plugin_fixture.so", |bytes| bytes.push(0));
    assert_eq!(loaded(&world), [] as [Value; 0]);
    let run = world.ao(&["plugin", "list"]);
    assert_eq!(run.code(), 0);
    assert_snapshot!(run.stderr(), @r"warning: the plugin library `./libao_plugin_fixture.so` has changed since it was trusted; look at where it comes from, then `ao plugin trust ./libao_plugin_fixture.so`");
    assert_eq!(world.json(&["plugin", "list"])["problems"][0]["code"], "untrusted");
}

#[test]
fn machines_trust_libraries_by_hash() {
    let world = World::new();
    let library = world.library("app/libao_plugin_fixture.so", |_| {});
    let hash = ao_host::hash::sha256(&fs_err::read(library).unwrap());
    let world = world.variable("AO_PLUGIN_PATH", ".").variable("AO_TRUST_PLUGINS", &hash);
    assert_eq!(loaded(&world).len(), 7);
    assert!(!exists(&world.path("ao/data/trust.toml")));
}

#[test]
fn a_plugin_that_does_not_exist() {
    let world = World::new();
    let run = world.ao(&["plugin", "inspect", "tracker/linear"]);
    assert!(run.stderr().contains("no tracker plugin is named `linear`"), "{run}");
    assert_snapshot!(world.ao(&["plugin", "inspect", "tracker/../x"]), @r"
    $ ao plugin inspect tracker/../x
    --- stderr
    error: plugin name `../x` must start with an ASCII letter or digit
    --- exit 2
    ");
    assert_snapshot!(world.ao(&["plugin", "inspect", "trackr/linear"]), @r"
    $ ao plugin inspect trackr/linear
    --- stderr
    error: cannot read the plugin library `[ROOT]/app/trackr/linear`: No such file or directory (os error 2)
    --- exit 1
    ");
}

#[test]
fn only_our_own_copies_are_loaded_by_the_child() {
    let world = World::new();
    let library = world.library("app/libao_plugin_fixture.so", |_| {});
    let run = world.ao(&["__manifest", library.as_str()]);
    assert!(run.stdout().contains("is not one of the copies"), "{run}");
}

/// Writes down, as another process would, that the linked-in plugin `workspace/worktree` is not called.
fn rest_git(world: &World, retry_at: &str) {
    world.ao(&["status", "--refresh"]).succeeds();
    let condition = serde_json::json!({
        "slot": "workspace", "name": "worktree", "origin": {"kind": "linked_in"}, "config": "0", "state": "open",
        "since": "2026-01-01T00:00:00Z", "retry_at": retry_at, "why": "`timeout` from `create`: too slow",
        "failures": 5, "dropped_lines": 0,
    });
    let process = serde_json::json!({"pid": 1, "start": 1, "boot": "another boot"});
    let database = rusqlite::Connection::open(world.path("ao/state/state.db")).unwrap();
    database
        .execute(
            "INSERT OR REPLACE INTO plugin_conditions VALUES ('workspace', 'worktree', '0', unixepoch() * 1000, ?, ?)",
            (process.to_string(), condition.to_string()),
        )
        .unwrap();
}

#[test]
fn a_plugin_that_is_not_called_as_usual_is_shown() {
    let world = World::new();
    let row = |world: &World| {
        let list = world.json(&["plugin", "list"]);
        let rows = list["plugins"].as_array().unwrap();
        rows.iter().find(|row| row["name"] == "worktree").unwrap().clone()
    };
    assert_eq!(row(&world)["state"], "closed");
    assert!(world.json(&["status"]).get("plugins").is_none());
    rest_git(&world, "2999-01-01T00:00:00Z");
    // The process that wrote it is gone: the next call decides.
    assert_eq!(row(&world)["state"], "half_open");
    assert_eq!(row(&world)["conditions"][0]["failures"], 5);
    assert_eq!(world.json(&["status"])["plugins"][0]["state"], "half_open");
    let said = world.ao(&["status"]).succeeds().stderr();
    assert!(said.contains("workspace plugin `worktree`") && said.contains("its next call decides"), "{said}");
    assert!(said.contains("too slow"), "{said}");
    let list = world.ao(&["plugin", "list"]).succeeds().stdout();
    assert!(list.lines().any(|line| line.contains("worktree") && line.contains("half_open")), "{list}");
    let checks = world.ao(&["doctor", "--json"]).json();
    let found = checks["checks"].as_array().unwrap().iter().find(|check| check["subject"] == "calls").unwrap().clone();
    assert_eq!((found["by"].as_str(), found["level"].as_str()), (Some("workspace/worktree"), Some("warn")));
}
