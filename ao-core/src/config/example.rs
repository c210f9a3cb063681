//! The YAML that switches a plugin on, made from its manifest: what is required with a value to replace, the rest named.

use std::fmt::Write as _;

use serde_json::Value;

use crate::plugin::ComponentManifest;
use crate::slots::Slot;
use crate::text::one_line;

/// The longest comment, in characters.
const MOST_COMMENT: usize = 110;

/// The block to write for a plugin, with where it goes; each line of it is YAML. A plugin wrote the descriptions in it,
/// so nothing of them but one line stands behind a `#`.
#[must_use]
pub fn example_block(plugin: &ComponentManifest) -> String {
    let (slot, name, schema) = (plugin.slot, plugin.name.as_str(), &plugin.config_schema);
    let mut out = format!("# {slot}/{name}: {}\n", one_line(&plugin.summary, MOST_COMMENT));
    let indent = match slot {
        Slot::Agent => {
            let _ = writeln!(out, "agents:\n  {name}:\n    plugin: {name}");
            "    "
        }
        Slot::Runtime | Slot::Workspace | Slot::Tracker | Slot::Scm => {
            let _ = writeln!(out, "# below `defaults`, or below a project\n{slot}:\n  plugin: {name}");
            "  "
        }
        Slot::Notifier => {
            let _ = writeln!(out, "# and its name in `defaults.notifiers`\nnotifiers:\n  {name}:\n    plugin: {name}");
            "    "
        }
        Slot::Terminal => {
            let _ = writeln!(out, "# this version has no key in the configuration for a {slot}");
            return out;
        }
    };
    let properties = schema.get("properties").and_then(Value::as_object);
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    let required: Vec<&str> = required.filter_map(Value::as_str).collect();
    for key in &required {
        let rule = properties.and_then(|properties| properties.get(*key)).unwrap_or(&Value::Null);
        if let Some(text) = rule.get("description").and_then(Value::as_str) {
            let _ = writeln!(out, "{indent}# {}", one_line(text, MOST_COMMENT));
        }
        let _ = writeln!(out, "{indent}{}: {}", plain_key(key), placeholder(resolved(rule, schema)));
    }
    let optional = properties.into_iter().flatten().map(|(key, _)| key.as_str()).filter(|key| !required.contains(key));
    let optional: Vec<String> = optional.map(|key| one_line(key, MOST_COMMENT)).collect();
    if !optional.is_empty() {
        let keys = one_line(&optional.join(", "), MOST_COMMENT);
        let _ = writeln!(out, "{indent}# besides: {keys} (see `ao plugin inspect {slot}/{name}`)");
    }
    out
}

/// A key as YAML takes it whatever is in it.
fn plain_key(key: &str) -> String {
    let is_plain = key.starts_with(|c: char| c.is_ascii_alphabetic())
        && key.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&key.to_ascii_lowercase().as_str());
    if is_plain { key.to_owned() } else { quoted(key) }
}

/// JSON is YAML, but for the characters that YAML wants escaped.
fn quoted(text: &str) -> String {
    let json = Value::from(text).to_string();
    let mut out = String::with_capacity(json.len());
    for character in json.chars() {
        if character.is_ascii() && !character.is_ascii_control() || character.is_alphanumeric() {
            out.push(character);
        } else {
            let _ = write!(out, "\\U{:08x}", u32::from(character));
        }
    }
    out
}

/// The rule itself, where the schema only refers to it.
fn resolved<'a>(rule: &'a Value, schema: &'a Value) -> &'a Value {
    let target = rule.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix('#'));
    target.and_then(|pointer| schema.pointer(pointer)).unwrap_or(rule)
}

/// A value of the right type, in place of which the user writes theirs.
fn placeholder(rule: &Value) -> String {
    let first = |key: &str| rule.get(key).and_then(Value::as_array).and_then(|values| values.first());
    if let Some(known) = rule.get("const").or_else(|| first("enum")).or_else(|| first("examples")) {
        return match known {
            Value::String(text) => quoted(text),
            other => other.to_string(),
        };
    }
    let single = rule.get("type").and_then(Value::as_str);
    match single.or_else(|| first("type").and_then(Value::as_str)) {
        Some("integer" | "number") => rule.get("minimum").map_or_else(|| "0".to_owned(), ToString::to_string),
        Some("boolean") => "false".to_owned(),
        Some("array") => "[]".to_owned(),
        Some("object") => "{}".to_owned(),
        _ => "\"…\"".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Document;
    use proptest::prelude::*;
    use serde_json::json;

    fn plugin(slot: Slot, schema: Value) -> ComponentManifest {
        let mut plugin = ComponentManifest::new(slot, "acme".parse::<crate::model::PluginName>().unwrap(), [], schema);
        plugin.summary = "Issues of Acme.\nMore.".to_owned();
        plugin
    }

    #[test]
    fn what_is_required_stands_there_with_its_description() {
        let schema = json!({
            "properties": {
                "teamId": {"type": "string", "description": "The team.\n\nIts short name."},
                "mode": {"$ref": "#/$defs/Mode"},
                "limit": {"type": "integer", "minimum": 5},
                "token": {"type": ["string", "null"]},
            },
            "required": ["teamId", "mode", "limit"],
            "$defs": {"Mode": {"enum": ["fast", "slow"]}},
        });
        insta::assert_snapshot!(example_block(&plugin(Slot::Tracker, schema.clone())), @r#"
        # tracker/acme: Issues of Acme. More.
        # below `defaults`, or below a project
        tracker:
          plugin: acme
          # The team. Its short name.
          teamId: "…"
          mode: "fast"
          limit: 5
          # besides: token (see `ao plugin inspect tracker/acme`)
        "#);
        insta::assert_snapshot!(example_block(&plugin(Slot::Agent, schema)), @r#"
        # agent/acme: Issues of Acme. More.
        agents:
          acme:
            plugin: acme
            # The team. Its short name.
            teamId: "…"
            mode: "fast"
            limit: 5
            # besides: token (see `ao plugin inspect agent/acme`)
        "#);
    }

    /// The block where it belongs, in a whole file.
    fn in_a_file(block: &str) -> String {
        let indented: Vec<_> = block.lines().map(|line| format!("  {line}")).collect();
        format!("version: 1\ndefaults:\n{}\n", indented.join("\n"))
    }

    proptest! {
        #[test]
        fn whatever_a_plugin_says_the_block_is_yaml(
            key in "(\\PC|[\\x00-\\x1f:#'\"{}]){1,12}", text in "(\\PC|\n|#|: ){0,40}", summary in "(\\PC|\n){0,40}",
        ) {
            let schema = json!({
                "properties": {key.clone(): {"type": "string", "description": text, "enum": [text]}},
                "required": [key.clone()],
            });
            let mut plugin = plugin(Slot::Tracker, schema);
            plugin.summary = summary;
            let file = in_a_file(&example_block(&plugin));
            let parsed = Document::parse("agent-orchestrator.yaml".into(), file.as_bytes());
            let reserved = ["plugin", "enabled", "<<"].contains(&key.as_str());
            prop_assert!(parsed.is_ok() || reserved, "{:?}\n{file}", parsed.err());
        }
    }
}
