//! Whether the program is there.

use std::os::unix::fs::PermissionsExt;

use ao_plugin_sdk::prelude::*;

use super::{Scratch, add, agent};

async fn detect(scratch: &Scratch, says: Option<&str>) -> AgentAvailability {
    let program = scratch.path("claude");
    if let Some(says) = says {
        // tidy: shell because a program that prints a line is wanted, and this is the shortest.
        add(&program, format!("#!/bin/sh\necho '{says}'\n").as_bytes());
        fs_err::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("executable");
    }
    let env = json!({"HOME": scratch.path("home"), "CLAUDE_CONFIG_DIR": scratch.path("home/.claude"), "ANTHROPIC_API_KEY": ""});
    let agent = agent(json!({"binary": program, "env": env})).expect("a plugin");
    agent.detect(DetectAgent::new()).await.expect("an answer")
}

/// What a launch takes for a sandbox, the doctor does, too.
#[tokio::test]
async fn a_sandbox_is_one_for_launch_and_doctor() {
    for (name, is_sandbox) in [("IS_SANDBOX", true), ("CLAUDE_CODE_BUBBLEWRAP", true), ("OTHER", false)] {
        let env = json!({"HOME": "/nonexistent", name: "1"});
        let agent = agent(json!({"binary": "/nonexistent/claude", "permissions": "permissionless", "env": env}));
        let findings = agent.expect("a plugin").doctor(Doctor::new(Owner::new("00000000", "/run", "/state"))).await;
        let refused = findings.expect("findings").iter().any(|finding| finding.subject.starts_with("permissions"));
        assert_eq!(refused, !is_sandbox && rustix::process::geteuid().is_root(), "{name}");
    }
}

#[tokio::test]
async fn missing_too_old_or_not_set_up() {
    let missing = detect(&Scratch::new(), None).await;
    assert_eq!(missing.state, AvailabilityState::Missing);
    assert!(missing.message.contains("npm install"), "{}", missing.message);
    let old = detect(&Scratch::new(), Some("2.0.76 (Claude Code)")).await;
    assert_eq!((old.state, old.version.as_deref()), (AvailabilityState::TooOld, Some("2.0.76")));
    let other = detect(&Scratch::new(), Some("claude, the coffee machine")).await;
    assert_eq!(other.state, AvailabilityState::Unknown);
    let new = detect(&Scratch::new(), Some("2.1.197 (Claude Code)")).await;
    assert_eq!((new.state, new.version.as_deref()), (AvailabilityState::LoggedOut, Some("2.1.197")));
    let used = Scratch::new();
    add(&used.path("home/.claude/.credentials.json"), b"{}");
    assert_eq!(detect(&used, Some("2.1.197 (Claude Code)")).await.state, AvailabilityState::Usable);
}
