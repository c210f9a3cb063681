//! `ao trust`, and what is not trusted.

use insta::assert_snapshot;

use crate::support::World;

const CONFIG: &str = r#"version: 1
plugins:
  - path: ./libacme.so
agents:
  fixer: { plugin: command, argv: [./fix.py, "{prompt}"] }
projects:
  app:
    path: .
    postCreate: [[npm, ci], { sh: "make deps" }]
"#;

#[test]
fn it_shows_what_may_run_from_now_on() {
    let world = World::with_config(CONFIG);
    assert_snapshot!(world.ao(&["trust"]), @r#"
    $ ao trust
    trusted [ROOT]/app/agent-orchestrator.yaml
      sha256 [SHA256]
      may run: plugin library [ROOT]/app/libacme.so
      may run: agent fixer: plugin command: [ROOT]/app/fix.py {prompt}
      may run: postCreate of app: npm ci
      may run: postCreate of app: sh -c "make deps"
    "#);
}

#[test]
fn an_untrusted_file_is_shown_and_a_trusted_one_says_nothing() {
    let world = World::with_config("version: 1\n");
    assert_snapshot!(world.ao(&["config", "show"]), @r"
    $ ao config show
    # [ROOT]/app/agent-orchestrator.yaml (not trusted)
    version: 1
    --- stderr
    warning: `[ROOT]/app/agent-orchestrator.yaml` is not trusted: nothing in it runs before `ao trust [ROOT]/app/agent-orchestrator.yaml`
    ");
    world.ao(&["trust"]);
    assert_snapshot!(world.ao(&["config", "show"]), @r"
    $ ao config show
    # [ROOT]/app/agent-orchestrator.yaml
    version: 1
    ");
    world.file("app/agent-orchestrator.yaml", "version: 1\nagents: {}\n");
    assert_eq!(world.json(&["config", "show"])["files"][0]["trusted"], false);
}

#[test]
fn machines_trust_by_hash() {
    let hash = ao_host::hash::sha256(b"version: 1\n");
    let world = World::with_config("version: 1\n").variable("AO_TRUST_CONFIG", &hash);
    assert_eq!(world.json(&["config", "show"])["files"][0]["trusted"], true);
}

#[test]
fn what_cannot_be_used_is_not_trusted() {
    let world = World::with_config("version: 2\n");
    assert_snapshot!(world.ao(&["trust"]), @r"
    $ ao trust
    --- stderr
    error: `version` must be `1`
       ,-[[ROOT]/app/agent-orchestrator.yaml:1:10]
     1 | version: 2
       :          |
       :          `-- version
       `----
    --- exit 78
    ");
    assert!(!world.path("ao/data/trust.toml").exists());
}

#[test]
fn there_must_be_something_to_trust() {
    let world = World::new();
    assert_snapshot!(world.ao(&["trust"]), @r"
    $ ao trust
    --- stderr
    error: there is no agent-orchestrator.yaml in `[ROOT]/app` or above; `ao init` writes one for a repository
    --- exit 1
    ");
    assert_snapshot!(world.ao(&["trust", "gone.yaml"]), @r"
    $ ao trust gone.yaml
    --- stderr
    error: there is no `[ROOT]/app/gone.yaml`
    --- exit 1
    ");
    assert_snapshot!(world.ao(&["trust", "."]), @r"
    $ ao trust .
    --- stderr
    error: there is no agent-orchestrator.yaml in `[ROOT]/app`
    --- exit 1
    ");
}

#[test]
fn a_damaged_record_says_what_to_do() {
    let world = World::with_config("version: 1\n");
    world.ao(&["trust"]);
    world.file("ao/data/trust.toml", "[[config]]\npath = 3\n");
    assert_snapshot!(world.ao(&["config", "show"]), @r"
    $ ao config show
    --- stderr
    error: the record of trust `[ROOT]/ao/data/trust.toml` cannot be read: TOML parse error at line 2, column 8
      |   |
      | 2 | path = 3
      |   |        ^
      | invalid type: integer `3`, expected a UTF-8 path string
      | ; move it away and trust your files again
    --- exit 78
    ");
}
