//! What is checked in about the configuration is what the code says.

use camino::Utf8Path;

use super::super::{Config, Document, schema};
use super::home;

const ROOT: &str = include_str!("../../../../agent-orchestrator.yaml");
const SCHEMA: &str = include_str!("../../../../docs/reference/config.schema.json");

#[test]
fn the_checked_in_schema_is_the_generated_one() {
    let generated = format!("{:#}\n", schema());
    assert!(
        generated == SCHEMA,
        "docs/reference/config.schema.json is not what the model says; run `cargo xtask schema`"
    );
}

#[test]
fn the_configuration_of_this_repository_is_right() {
    let file = Utf8Path::new("/src/ao/agent-orchestrator.yaml");
    let document = Document::parse(file, ROOT.as_bytes()).unwrap_or_else(|problems| panic!("{}", problems.render()));
    let config = Config::layered([document], Some(home())).unwrap_or_else(|problems| panic!("{}", problems.render()));
    let project = config.project(&"ao".parse().expect("name")).expect("the project `ao`");
    assert_eq!(project.path, "/src/ao");
    config.agent(&project.name, None).expect("an agent");
}

/// Every key of the schema stands in the commented reference, be it in a comment.
#[test]
fn the_reference_shows_every_accepted_key() {
    fn keys(schema: &serde_json::Value, found: &mut Vec<String>) {
        if let Some(properties) = schema["properties"].as_object() {
            found.extend(properties.keys().cloned());
        }
        let below = schema.as_object().into_iter().flatten().flat_map(|(_, value)| match value {
            serde_json::Value::Array(items) => items.iter().collect(),
            other => vec![other],
        });
        below.for_each(|value| keys(value, found));
    }
    let mut found = Vec::new();
    keys(&schema(), &mut found);
    assert!(found.len() > 30, "{found:?}");
    for key in found {
        let shown = ROOT.contains(&format!("{key}:"));
        assert!(shown, "`{key}` is not in agent-orchestrator.yaml");
    }
}
