//! Permission modes as OpenCode's rules. Of several that match, the last one counts.

use ao_plugin_sdk::prelude::*;

/// What only looks, or talks to the human.
const LOOKS: &[&str] = &["read", "glob", "grep", "list", "lsp", "todowrite", "todoread", "skill", "question"];

/// The rules of a mode, in their order; none where OpenCode's own configuration says it.
pub(crate) fn rules(mode: PermissionMode) -> Vec<(&'static str, &'static str)> {
    let looks = || LOOKS.iter().map(|name| (*name, "allow"));
    match mode {
        PermissionMode::Permissionless => vec![("*", "allow")],
        PermissionMode::AutoEdit => [("*", "ask"), ("edit", "allow")].into_iter().chain(looks()).collect(),
        PermissionMode::Suggest => {
            [("*", "ask"), ("edit", "deny"), ("bash", "deny")].into_iter().chain(looks()).collect()
        }
        _ => Vec::new(),
    }
}

/// As a session has them.
pub(crate) fn of_session(mode: PermissionMode) -> Value {
    let rule = |(permission, action)| json!({"permission": permission, "pattern": "*", "action": action});
    rules(mode).into_iter().map(rule).collect()
}

/// As `OPENCODE_PERMISSION` has them, which holds for sub-agents, too. `*` comes first there.
pub(crate) fn of_server(mode: PermissionMode) -> Option<String> {
    let rules = rules(mode);
    let object: serde_json::Map<String, Value> =
        rules.iter().map(|(permission, action)| ((*permission).to_owned(), json!(action))).collect();
    (!rules.is_empty()).then(|| Value::Object(object).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What OpenCode would do, by the last rule that matches.
    fn action(mode: PermissionMode, permission: &str) -> Option<&'static str> {
        rules(mode).into_iter().rev().find(|(name, _)| *name == "*" || *name == permission).map(|(_, action)| action)
    }

    #[test]
    fn each_mode_gives_what_it_says() {
        use PermissionMode::{AutoEdit, Default, Permissionless, Suggest, Unknown};
        let asked = ["read", "edit", "bash", "external_directory", "webfetch", "task"];
        for (mode, wanted) in [
            (Permissionless, [Some("allow"); 6]),
            (AutoEdit, [Some("allow"), Some("allow"), Some("ask"), Some("ask"), Some("ask"), Some("ask")]),
            (Suggest, [Some("allow"), Some("deny"), Some("deny"), Some("ask"), Some("ask"), Some("ask")]),
            (Default, [None; 6]),
            (Unknown, [None; 6]),
        ] {
            assert_eq!(asked.map(|permission| action(mode, permission)), wanted, "{mode:?}");
        }
        assert!(of_server(AutoEdit).is_some_and(|text| text.starts_with(r#"{"*":"ask","#)));
        assert_eq!(of_server(Default), None);
    }
}
