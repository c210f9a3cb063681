//! Permission modes as OpenCode's rules. Of several that match, the last one counts.

use std::collections::BTreeMap;

use ao_plugin_sdk::prelude::*;

/// What only looks, or talks to the human.
const LOOKS: &[&str] = &["read", "glob", "grep", "list", "lsp", "todowrite", "todoread", "skill", "question"];

/// A rule: the permission, what it is about, and what becomes of it. A `*` stands for anything, slashes too.
type Rule<'a> = (&'a str, &'a str, &'a str);

/// Git's own files: what stands there decides what git runs for `ao`, and where.
const GITS: [&str; 2] = ["*.git", "*.git/*"];

/// The rules of a mode, in their order; none where OpenCode's own configuration says it.
fn rules(mode: PermissionMode) -> Vec<Rule<'static>> {
    let looks = LOOKS.iter().map(|name| (*name, "*", "allow"));
    match mode {
        PermissionMode::Permissionless => vec![("*", "*", "allow")],
        PermissionMode::AutoEdit => {
            let edits = [("*", "*", "ask"), ("edit", "*", "allow")];
            edits.into_iter().chain(GITS.map(|file| ("edit", file, "ask"))).chain(looks).collect()
        }
        PermissionMode::Suggest => {
            [("*", "*", "ask"), ("edit", "*", "deny"), ("bash", "*", "deny")].into_iter().chain(looks).collect()
        }
        _ => Vec::new(),
    }
}

/// As a session has them.
pub(crate) fn of_session(mode: PermissionMode) -> Value {
    let rule = |(permission, pattern, action)| json!({"permission": permission, "pattern": pattern, "action": action});
    rules(mode).into_iter().map(rule).collect()
}

/// As `OPENCODE_PERMISSION` has them, which holds for sub-agents, too.
pub(crate) fn of_server(mode: PermissionMode) -> Option<String> {
    let rules = rules(mode);
    (!rules.is_empty()).then(|| object(&rules))
}

/// [`PermissionMode::AutoEdit`] that runs these commands, too, with whatever arguments, as `OPENCODE_PERMISSION` has it.
#[must_use]
pub fn auto_edit_and_run(commands: &[&str]) -> String {
    let lines: Vec<_> = commands.iter().flat_map(|command| [(*command).to_owned(), format!("{command} *")]).collect();
    let mut rules = rules(PermissionMode::AutoEdit);
    rules.push(("bash", "*", "ask"));
    rules.extend(lines.iter().map(|line| ("bash", line.as_str(), "allow")));
    object(&rules)
}

/// Rules in the order of their names, in which `*` comes first, and what begins with it next.
fn object(rules: &[Rule<'_>]) -> String {
    let mut object: BTreeMap<&str, BTreeMap<&str, &str>> = BTreeMap::new();
    for (permission, pattern, action) in rules {
        object.entry(permission).or_default().insert(pattern, action);
    }
    // Some permissions are about nothing, and know no patterns.
    let plain = |rules: BTreeMap<&str, &str>| match rules.get("*") {
        Some(action) if rules.len() == 1 => json!(action),
        _ => json!(rules),
    };
    let object: BTreeMap<_, _> = object.into_iter().map(|(permission, rules)| (permission, plain(rules))).collect();
    json!(object).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What OpenCode would do about a file, or anything else, by the last rule that matches.
    fn action(mode: PermissionMode, permission: &str, about: &str) -> Option<&'static str> {
        let fits = |pattern: &str| match pattern.strip_prefix('*') {
            Some(end) if end.ends_with('*') => about.contains(end.trim_end_matches('*')),
            Some(end) => about.ends_with(end),
            None => about == pattern,
        };
        let mut last = rules(mode).into_iter().rev();
        let found = last.find(|(name, pattern, _)| (*name == "*" || *name == permission) && fits(pattern));
        found.map(|(_, _, action)| action)
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
            assert_eq!(asked.map(|permission| action(mode, permission, "src/main.rs")), wanted, "{mode:?}");
        }
        assert_eq!(of_server(Default), None);
    }

    #[test]
    fn what_is_gits_is_asked_about() {
        for (file, wanted) in [
            (".git", "ask"),
            ("../app-1/.git", "ask"),
            ("sub/.git/hooks/post-commit", "ask"),
            (".gitignore", "allow"),
            (".github/workflows/ci.yml", "allow"),
        ] {
            assert_eq!(action(PermissionMode::AutoEdit, "edit", file), Some(wanted), "{file}");
            assert_eq!(action(PermissionMode::AutoEdit, "read", file), Some("allow"), "{file}");
        }
        let server = of_server(PermissionMode::AutoEdit).unwrap();
        let edits = r#""edit":{"*":"allow","*.git":"ask","*.git/*":"ask"}"#;
        assert!(server.starts_with(r#"{"*":"ask","#) && server.contains(edits), "{server}");
    }

    #[test]
    fn commands_that_may_be_run_are_added() {
        let rules: Value = serde_json::from_str(&auto_edit_and_run(&["sh tests.sh"])).unwrap();
        assert_eq!(rules["bash"], json!({ "*": "ask", "sh tests.sh": "allow", "sh tests.sh *": "allow" }));
        let edits: Value = serde_json::from_str(&of_server(PermissionMode::AutoEdit).unwrap()).unwrap();
        for (permission, rule) in edits.as_object().unwrap() {
            assert_eq!(&rules[permission], rule, "{permission}");
        }
    }
}
