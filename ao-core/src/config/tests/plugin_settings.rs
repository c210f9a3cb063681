//! A plugin's own JSON Schema against what stands under its slot, with the rule, the line and the column.

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::{app, places, with_project};

fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "teamId": { "type": "string", "description": "The team whose issues these are." },
            "token": { "type": "string", "minLength": 8 },
            "limit": { "type": "integer", "minimum": 1, "maximum": 100 },
            "mode": { "enum": ["fast", "careful"] },
            "labels": { "$ref": "#/$defs/labels" },
            "auth": { "anyOf": [{ "$ref": "#/$defs/auth" }, { "type": "null" }] },
        },
        "required": ["teamId"],
        "additionalProperties": false,
        "$defs": {
            "labels": { "type": "array", "items": { "type": "string" } },
            "auth": {
                "type": "object", "required": ["user"], "additionalProperties": false,
                "properties": { "user": { "type": "string" }, "realm": { "type": "string" } },
            },
        },
    })
}

#[test]
fn every_violation_names_its_rule_and_its_place() {
    let slot = app(&with_project(
        "tracker:\n  plugin: acme\n  teamID: X\n  limit: 0\n  mode: carefull\n  labels: [a, 2]\n  auth: { usr: me, realm: 3 }",
    ))
    .tracker
    .expect("a tracker");
    assert_snapshot!(slot.check(&schema()).expect_err("much is wrong").render(), @r#"
    error: unknown key `teamID`
     --> /r/agent-orchestrator.yaml:7:7 (projects.app.tracker.teamID)
      |
    7 |       teamID: X
      |       ^^^^^^
      = rule: /additionalProperties
      = help: did you mean `teamId`?

    error: the key `teamId` is missing in `tracker`
     --> /r/agent-orchestrator.yaml:7:7 (projects.app.tracker)
      |
    7 |       teamID: X
      |       ^^^^^^
      = rule: /required
      = help: `teamId`: The team whose issues these are.

    error: `limit` is refused: the value is less than the minimum of 1
     --> /r/agent-orchestrator.yaml:8:14 (projects.app.tracker.limit)
      |
    8 |       limit: 0
      |              ^
      = rule: /properties/limit/minimum

    error: `mode` must be one of `fast`, `careful`
     --> /r/agent-orchestrator.yaml:9:13 (projects.app.tracker.mode)
      |
    9 |       mode: carefull
      |             ^^^^^^^^
      = rule: /properties/mode/enum
      = help: did you mean `careful`?

    error: item 2 of `labels` must be text, not a number
      --> /r/agent-orchestrator.yaml:10:19 (projects.app.tracker.labels[1])
       |
    10 |       labels: [a, 2]
       |                   ^
      = rule: /$defs/labels/items/type
      = help: put it in quotes

    error: the key `user` is missing in `auth`
      --> /r/agent-orchestrator.yaml:11:7 (projects.app.tracker.auth)
       |
    11 |       auth: { usr: me, realm: 3 }
       |       ^^^^
      = rule: /$defs/auth/required

    error: unknown key `usr`
      --> /r/agent-orchestrator.yaml:11:15 (projects.app.tracker.auth.usr)
       |
    11 |       auth: { usr: me, realm: 3 }
       |               ^^^
      = rule: /$defs/auth/additionalProperties
      = help: did you mean `user`?

    error: `realm` must be text, not a number
      --> /r/agent-orchestrator.yaml:11:31 (projects.app.tracker.auth.realm)
       |
    11 |       auth: { usr: me, realm: 3 }
       |                               ^
      = rule: /$defs/auth/properties/realm/type
      = help: put it in quotes
    "#);
}

#[test]
fn right_settings_pass() {
    let slot =
        app(&with_project("tracker: { plugin: acme, teamId: X, auth: { user: me } }")).tracker.expect("a tracker");
    slot.check(&schema()).expect("right");
    let bare = app(&with_project("tracker: acme")).tracker.expect("a tracker");
    let problems = bare.check(&schema()).expect_err("teamId is missing");
    assert_eq!(places(&problems), ["5:14 projects.app.tracker"]);
}

#[test]
fn a_reference_is_held_to_its_type_only_until_it_is_expanded() {
    let slot = app(&with_project("tracker: { plugin: acme, teamId: X, token: '${T}', mode: '${M}', limit: '${L}' }"));
    let problems = slot.tracker.expect("a tracker").check(&schema()).expect_err("limit is no number");
    assert_eq!(places(&problems), ["5:77 projects.app.tracker.limit"]);
}

#[test]
fn settings_from_two_places_are_told_where_they_were_written() {
    let text = "version: 1\nagents:\n  fixer:\n    plugin: command\n    limit: many\nprojects:\n  app:\n    path: .\n    \
                agent: fixer\n    agentConfig:\n      teamId: 3\n      mode: slow\n";
    let problems = app(text).agent.expect("agent").check(&schema()).expect_err("wrong");
    assert_eq!(
        places(&problems),
        ["5:12 agents.fixer.limit", "11:15 projects.app.agentConfig.teamId", "12:13 projects.app.agentConfig.mode"]
    );
}

#[test]
fn a_schema_that_cannot_be_used_is_the_authors_fault() {
    let slot = app(&with_project("tracker: acme")).tracker.expect("a tracker");
    for schema in [json!({ "type": "nonsense" }), json!({ "$ref": "https://example.org/x.json" }), json!(3)] {
        let problems = slot.check(&schema).expect_err("the schema is broken");
        assert!(problems[0].message.contains("schema"), "{}", problems.render());
        assert!(problems[0].help.as_ref().is_some_and(|help| help.contains("author")), "{}", problems.render());
    }
    slot.check(&json!(true)).expect("a schema that admits anything");
}
