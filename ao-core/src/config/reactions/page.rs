//! The user's page about reactions says what the code says: its tables are generated, and its example is run.

use std::fmt::Write as _;

use camino::Utf8Path;
use schemars::schema_for;
use serde_json::Value;

use super::{Action, Layer, MessageFacts, Reactions, WrittenReactions};
use crate::cases::CaseFile;
use crate::model::ReactionKey;

const PAGE: &str = include_str!("../../../../docs/reactions.md");

/// What stands between two marks of the page.
fn part(name: &str) -> &'static str {
    let (_, rest) = PAGE.split_once(&format!("<!-- {name} -->\n")).expect("the first mark");
    rest.split_once(&format!("<!-- /{name} -->")).expect("the second mark").0
}

fn rules() -> String {
    // Those two are only where they are written.
    let written = r#"{"report-stale": {}, "report-no-acknowledge": {}}"#;
    let (written, nothing): (WrittenReactions, _) =
        (serde_json::from_str(written).unwrap(), WrittenReactions::default());
    let layer = |written| Layer { written, node: None };
    let rules = Reactions::resolve(layer(&written), layer(&nothing));
    let mut table =
        "| rule | reacts to | action | priority | retries | escalateAfter |\n|---|---|---|---|---|---|\n".to_owned();
    for key in ReactionKey::ALL {
        let rule = rules.get(*key).unwrap();
        let number = |number: Option<String>| number.unwrap_or_default();
        let by_itself = if rule.auto || rule.action == Action::Notify { "" } else { " (not by itself)" };
        let priority = serde_json::to_value(rule.priority).unwrap();
        let _ = writeln!(
            table,
            "| `{key}` | {} | `{}`{by_itself} | `{}` | {} | {} |",
            key.about().trim_end_matches('.'),
            rule.action.as_str(),
            priority.as_str().unwrap(),
            number(rule.retries.map(|retries| retries.to_string())),
            number(rule.escalate_after.map(|after| after.to_string())),
        );
    }
    table
}

fn variables() -> String {
    let schema = schema_for!(MessageFacts).to_value();
    let follow = |field: &Value| match field["$ref"].as_str() {
        Some(name) => schema.pointer(name.trim_start_matches('#')).cloned().unwrap_or_default(),
        None => Value::Null,
    };
    let about = |field: &Value| field["description"].as_str().unwrap_or_default().trim_end_matches('.').to_owned();
    let mut table = "| variable | what it is |\n|---|---|\n".to_owned();
    for (name, field) in schema["properties"].as_object().unwrap() {
        let (inner, path) = if field["items"].is_object() {
            (follow(&field["items"]), format!("{name}[]."))
        } else {
            (follow(field), format!("{name}."))
        };
        let list = if field["items"].is_object() { "a list: " } else { "" };
        let _ = writeln!(table, "| `{name}` | {list}{} |", about(field));
        for (key, field) in inner["properties"].as_object().into_iter().flatten() {
            let _ = writeln!(table, "| `{path}{key}` | {} |", about(field));
        }
    }
    table
}

#[test]
fn the_tables_are_what_the_code_says() {
    for (name, table) in [("rules", rules()), ("variables", variables())] {
        assert!(part(name) == table, "in docs/reactions.md, between the marks `{name}`, put:\n{table}");
    }
}

#[test]
fn the_example_does_what_it_says() {
    let text = part("example").trim().trim_start_matches("```yaml\n").trim_end_matches("```");
    let file = CaseFile::parse(Utf8Path::new("docs/reactions.md"), text.as_bytes())
        .unwrap_or_else(|problems| panic!("{}", problems.render()));
    for result in file.run(None) {
        assert!(result.is_passed(), "{result:#?}");
    }
}
