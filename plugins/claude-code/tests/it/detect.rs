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
