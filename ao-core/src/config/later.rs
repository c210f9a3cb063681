//! Keys that other systems of this kind have, or that `ao` will have, and that this version refuses by name.

use super::key_path::KeyPath;

/// The reactions that cannot be set at all yet.
const REACTIONS: &[&str] = &[
    "agent-exited",
    "agent-idle",
    "agent-needs-input",
    "all-complete",
    "approved-and-green",
    "bugbot-comments",
    "changes-requested",
    "ci-failed",
    "merge-conflicts",
    "pr-closed",
    "report-needs-input",
    "report-no-acknowledge",
    "report-stale",
];
/// What cannot be set yet of a reaction that can.
const OF_A_REACTION: &[&str] =
    &["action", "auto", "escalate", "escalateAfter", "includeSummary", "message", "priority", "retries"];

/// Where a key would stand (`*` is any name), and the keys that are not supported there yet.
const KEYS: [(&[&str], &[&str]); 8] = [
    (
        &[],
        &[
            "dashboard",
            "directTerminalPort",
            "lifecycle",
            "notificationRouting",
            "notifiers",
            "port",
            "power",
            "readyThresholdMs",
            "terminalPort",
        ],
    ),
    (&["defaults"], &["notifiers", "orchestrator", "worker"]),
    (
        &["projects", "*"],
        &[
            "agentRules",
            "agentRulesFile",
            "name",
            "opencodeIssueSessionStrategy",
            "orchestrator",
            "orchestratorRules",
            "orchestratorSessionStrategy",
            "worker",
        ],
    ),
    (&["reactions"], REACTIONS),
    (&["reactions", "agent-stuck"], OF_A_REACTION),
    (&["projects", "*", "reactions"], REACTIONS),
    (&["projects", "*", "reactions", "agent-stuck"], OF_A_REACTION),
    (&["plugins", "*"], &["name", "package", "source", "version"]),
];

/// Whether `key` below `parent` is one that this version knows of but does not support.
pub(crate) fn is_later_key(parent: &KeyPath, key: &str) -> bool {
    KEYS.iter().any(|(pattern, keys)| parent.matches(pattern) && keys.contains(&key))
}
