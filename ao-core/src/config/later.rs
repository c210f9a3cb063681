//! Keys that other systems of this kind have, or that `ao` will have, and that this version refuses by name.

use super::key_path::KeyPath;

/// Where a key would stand (`*` is any name), and the keys that are not supported there yet.
const KEYS: [(&[&str], &[&str]); 5] = [
    (&[], &["dashboard", "directTerminalPort", "port", "power", "readyThresholdMs", "terminalPort"]),
    (&["defaults"], &["orchestrator", "worker"]),
    (
        &["projects", "*"],
        &[
            "agentRules",
            "agentRulesFile",
            "name",
            "opencodeIssueSessionStrategy",
            "orchestratorSessionStrategy",
            "worker",
        ],
    ),
    (&["projects", "*", "orchestrator"], &["agentConfig"]),
    (&["plugins", "*"], &["name", "package", "source", "version"]),
];

/// Whether `key` below `parent` is one that this version knows of but does not support.
pub(crate) fn is_later_key(parent: &KeyPath, key: &str) -> bool {
    KEYS.iter().any(|(pattern, keys)| parent.matches(pattern) && keys.contains(&key))
}
