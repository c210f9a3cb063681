//! References in a plugin's settings: what they become, what is left alone, and that no secret reaches a message.

use std::cell::RefCell;

use camino::Utf8Path;
use insta::assert_snapshot;
use serde_json::json;

use super::super::{Diagnostics, Expanded, Lookup};
use super::{app, home, with_project};

fn expanded(settings: &str, schema: &serde_json::Value) -> Result<Expanded, Diagnostics> {
    let variable = |name: &str| match name {
        "TOKEN" => Some("s3cret-token".to_owned()),
        "SNEAKY" => Some("file:/etc/passwd ${TOKEN}".to_owned()),
        "EMPTY" => Some(String::new()),
        "DIR" => Some("/secret-dir".to_owned()),
        _ => None,
    };
    let file = |path: &Utf8Path| match path.as_str() {
        "/home/u/.url" => Ok("https://hooks.example/s3cret-path\r\n\n".to_owned()),
        "/r/near" => Ok("near".to_owned()),
        other => Err(format!("`{other}` does not exist")),
    };
    let slot = app(&with_project(&format!("tracker:\n  plugin: acme\n{settings}"))).tracker.expect("a tracker");
    slot.expand(&Lookup { variable: &variable, file: &file, home: Some(home()) }, schema)
}

fn value(settings: &str) -> serde_json::Value {
    let expanded = expanded(settings, &json!(true)).unwrap_or_else(|problems| panic!("{}", problems.render()));
    expanded.settings.to_json()
}

#[test]
fn references_become_their_values() {
    for (text, wanted) in [
        ("${TOKEN}", "s3cret-token"),
        ("a ${TOKEN} b ${EMPTY}c", "a s3cret-token b c"),
        ("$${TOKEN}", "${TOKEN}"),
        ("a$${b", "a${b"),
        ("$$${TOKEN}", "$${TOKEN}"),
        ("$TOKEN $ $$ {x}", "$TOKEN $ $$ {x}"),
        ("file:~/.url", "https://hooks.example/s3cret-path"),
        ("file:./near", "near"),
        ("file:near", "near"),
        ("file:///srv/repo", "file:///srv/repo"),
        ("x file:near", "x file:near"),
        ("${SNEAKY}", "file:/etc/passwd ${TOKEN}"),
    ] {
        assert_eq!(value(&format!("  v: '{text}'"))["v"], wanted, "{text}");
    }
    assert_eq!(
        value("  '${TOKEN}': [1, true, {a: ['${TOKEN}']}]"),
        json!({ "${TOKEN}": [1, true, { "a": ["s3cret-token"] }] })
    );
}

#[test]
fn what_has_no_value_is_told_with_its_place() {
    let problems = expanded(
        "  url: 'x ${NOT_SET}'\n  list: ['${', '${a b}', '${}', 'file:gone', 'file:${DIR}/gone', 'file:']",
        &json!(true),
    )
    .expect_err("nothing of this has a value");
    assert_snapshot!(problems.render(), @r#"
    error: the variable `NOT_SET` is not set
     --> /r/agent-orchestrator.yaml:7:12 (projects.app.tracker.url)
      |
    7 |       url: 'x ${NOT_SET}'
      |            ^^^^^^^^^^^^^^
      = help: set it in the environment of `ao`

    error: `${` is never closed
     --> /r/agent-orchestrator.yaml:8:14 (projects.app.tracker.list[0])
      |
    8 |       list: ['${', '${a b}', '${}', 'file:gone', 'file:${DIR}/gone', 'file:']
      |              ^^^^
      = help: write `${NAME}`, or `$${` for the characters `${`

    error: `${…}` does not hold the name of a variable
     --> /r/agent-orchestrator.yaml:8:20 (projects.app.tracker.list[1])
      |
    8 |       list: ['${', '${a b}', '${}', 'file:gone', 'file:${DIR}/gone', 'file:']
      |                    ^^^^^^^^
      = help: a name is letters, digits and `_`; write `$${` for the characters `${`

    error: `${…}` does not hold the name of a variable
     --> /r/agent-orchestrator.yaml:8:30 (projects.app.tracker.list[2])
      |
    8 |       list: ['${', '${a b}', '${}', 'file:gone', 'file:${DIR}/gone', 'file:']
      |                              ^^^^^
      = help: a name is letters, digits and `_`; write `$${` for the characters `${`

    error: cannot read the file `gone`: `/r/gone` does not exist
     --> /r/agent-orchestrator.yaml:8:37 (projects.app.tracker.list[3])
      |
    8 |       list: ['${', '${a b}', '${}', 'file:gone', 'file:${DIR}/gone', 'file:']
      |                                     ^^^^^^^^^^^
      = help: create it, or correct the path after `file:`

    error: cannot read the file `${DIR}/gone`: `***/gone` does not exist
     --> /r/agent-orchestrator.yaml:8:50 (projects.app.tracker.list[4])
      |
    8 |       list: ['${', '${a b}', '${}', 'file:gone', 'file:${DIR}/gone', 'file:']
      |                                                  ^^^^^^^^^^^^^^^^^^
      = help: create it, or correct the path after `file:`

    error: the file of this reference is empty
     --> /r/agent-orchestrator.yaml:8:70 (projects.app.tracker.list[5])
      |
    8 |       list: ['${', '${a b}', '${}', 'file:gone', 'file:${DIR}/gone', 'file:']
      |                                                                      ^^^^^^^
      = help: write an absolute path, or one relative to this file
    "#);
}

#[test]
fn a_secret_that_breaks_the_schema_is_not_repeated() {
    let schema = json!({ "properties": { "token": { "maxLength": 3 }, "mode": { "const": "s3cret-token" } } });
    let problems = expanded("  token: '${TOKEN}'\n  mode: '${DIR}'", &schema).expect_err("too long");
    assert_eq!(problems.len(), 2);
    assert!(!problems.render().contains("s3cret"), "{}", problems.render());
    let expanded = expanded("  token: '${TOKEN}'", &json!(true)).expect("right");
    assert_eq!(expanded.secrets.mask("GET /?t=s3cret-token"), "GET /?t=***");
}

#[test]
fn what_a_plugin_gets_is_held_to_every_rule() {
    let schema = json!({ "properties": { "v": { "maxLength": 3 } } });
    assert!(expanded("  v: '$${long}'", &schema).is_err());
    assert!(expanded("  v: '${EMPTY}'", &schema).is_ok());
}

#[test]
fn nothing_is_looked_up_before_it_is_asked_for() {
    let asked = RefCell::new(Vec::new());
    let variable = |name: &str| {
        asked.borrow_mut().push(name.to_owned());
        Some(String::new())
    };
    let file = |_: &Utf8Path| Ok(String::new());
    let slot = app(&with_project("tracker: { plugin: acme, a: '${A}' }\nsymlinks: ['${B}']\npostCreate: [['${C}']]"));
    assert_eq!(slot.symlinks[0].as_path(), "${B}");
    let tracker = slot.tracker.expect("a tracker");
    assert_eq!(tracker.to_json(), json!({ "a": "${A}" }));
    tracker.check(&json!({ "properties": { "a": { "const": "b" } } })).expect("held back until expansion");
    assert!(asked.borrow().is_empty());
    tracker.expand(&Lookup { variable: &variable, file: &file, home: None }, &json!(true)).expect("expanded");
    assert_eq!(*asked.borrow(), ["A"]);
}
