//! A configuration that nobody would write, and that is valid all the same.

use std::fmt::Write as _;

use super::chance::Chance;

const PULL: [&str; 6] =
    ["ci-failed", "changes-requested", "bugbot-comments", "merge-conflicts", "approved-and-green", "pr-closed"];
const AGENT: [&str; 5] = ["agent-idle", "agent-stuck", "agent-needs-input", "agent-exited", "all-complete"];

/// What no agent can be told of.
const NO_AGENT: [&str; 3] = ["agent-needs-input", "agent-exited", "all-complete"];

/// The configuration of a story whose plugins find their world by this name.
pub(super) fn drawn(world: &str, projects: u64, chance: &mut Chance) -> String {
    let instance = format!("{{ plugin: fake, world: \"{world}\" }}");
    let mut text = format!(
        "version: 1\nagents: {{ helper: {instance} }}\n\
         defaults: {{ runtime: {instance}, agent: helper, workspace: {instance} }}\n\
         notifiers:\n  pager: {{ plugin: pager, world: \"{world}\" }}\n  screen: {{ plugin: screen, world: \"{world}\" }}\n\
         notificationRouting:\n"
    );
    for priority in ["urgent", "action", "warning", "info"] {
        let route = chance.of(&["[pager]", "[screen]", "[pager, screen]", "[screen, pager]"]);
        writeln!(text, "  {priority}: {route}").unwrap();
    }
    text.push_str("reactions:\n");
    for key in PULL.into_iter().chain(AGENT) {
        if chance.happens(550) {
            writeln!(text, "  {key}: {}", rule(key, chance)).unwrap();
        }
    }
    if text.ends_with("reactions:\n") {
        text.push_str("  ci-failed: { auto: true }\n");
    }
    text.push_str("projects:\n");
    for project in ["app", "web"].into_iter().take(usize::try_from(projects).unwrap()) {
        writeln!(text, "  {project}: {{ path: ./{project}, sessionPrefix: {project}, scm: {instance} }}").unwrap();
    }
    text
}

fn rule(key: &str, chance: &mut Chance) -> String {
    let mut parts = Vec::new();
    if chance.happens(50) {
        parts.push("enabled: false".to_owned());
    }
    if chance.happens(400) {
        parts.push(format!("auto: {}", chance.happens(800)));
    }
    if key == "approved-and-green" && chance.happens(800) {
        parts.retain(|part| !part.starts_with("auto"));
        parts.push("auto: true, action: auto-merge".to_owned());
    } else if chance.happens(500) && !NO_AGENT.contains(&key) {
        parts.push(format!("action: {}", chance.of(&["send-to-agent", "send-to-agent", "notify"])));
    }
    if chance.happens(500) {
        parts.push(format!("retries: {}", chance.below(4)));
    }
    if chance.happens(500) {
        parts.push(format!("escalateAfter: {}", chance.of(&["1", "2", "3", "2m", "10m", "45m"])));
    }
    if chance.happens(300) {
        parts.push(format!("priority: {}", chance.of(&["urgent", "action", "warning", "info"])));
    }
    if chance.happens(150) && key != "all-complete" {
        parts.push(format!("threshold: {}", chance.of(&["1m", "5m"])));
    }
    if parts.is_empty() {
        parts.push("auto: true".to_owned());
    }
    format!("{{ {} }}", parts.join(", "))
}
