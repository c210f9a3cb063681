//! Whether Codex is there, by a stand-in that says what the real one would.

use std::os::unix::fs::PermissionsExt;

use ao_plugin_sdk::prelude::*;

use crate::{Scratch, agent};

/// A program that answers `--version` and `login status`.
fn stand_in(scratch: &Scratch, version: &str, login: u8) -> Utf8PathBuf {
    let text = format!("#!/bin/sh\ncase $1 in --version) echo '{version}' ;; login) exit {login} ;; esac\n");
    let path = scratch.write("bin/codex", text);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("mode");
    path
}

async fn detect(scratch: &Scratch, binary: &Utf8Path) -> AgentAvailability {
    let config = json!({"binary": binary, "env": {"CODEX_HOME": scratch.path().join("home")}});
    agent(config).expect("agent").detect(DetectAgent::new()).await.expect("an answer")
}

#[tokio::test]
async fn what_is_there_is_said() {
    for (version, login, state, part) in [
        ("codex-cli 0.169.0", 0, AvailabilityState::Usable, "logged in"),
        ("codex-cli 0.169.0", 1, AvailabilityState::LoggedOut, "codex login"),
        ("codex-cli 0.42.0", 0, AvailabilityState::TooOld, "older than 0.160"),
        ("codex-cli 1.0.0-alpha.1", 0, AvailabilityState::Usable, "1.0.0-alpha.1"),
        ("something else", 0, AvailabilityState::Unknown, "does not say that it is Codex"),
    ] {
        let scratch = Scratch::new();
        let found = detect(&scratch, &stand_in(&scratch, version, login)).await;
        assert_eq!(found.state, state, "{version}: {}", found.message);
        assert!(found.message.contains(part), "{}", found.message);
    }
    let scratch = Scratch::new();
    let missing = detect(&scratch, &scratch.path().join("none")).await;
    assert_eq!(missing.state, AvailabilityState::Missing);
    assert!(missing.message.contains("npm install -g @openai/codex"), "{}", missing.message);
}

#[tokio::test]
async fn a_login_and_a_provider_are_seen_without_being_read() {
    for (file, content) in [("auth.json", "{}"), ("config.toml", "model_provider = \"mine\"\n")] {
        let scratch = Scratch::new();
        scratch.write(&format!("home/{file}"), content);
        let found = detect(&scratch, &stand_in(&scratch, "codex-cli 0.169.0", 1)).await;
        assert_eq!(found.state, AvailabilityState::Usable, "{file}: {}", found.message);
    }
}

#[tokio::test]
async fn a_directory_below_the_temporary_one_is_a_trap() {
    let scratch = Scratch::new();
    let binary = stand_in(&scratch, "codex-cli 0.169.0", 0);
    for (temporary, traps) in [(scratch.path().to_string(), 1), ("/nonexistent".to_owned(), 0)] {
        let env = json!({"CODEX_HOME": scratch.path().join("home"), "TMPDIR": temporary});
        let agent = agent(json!({"binary": binary, "env": env})).expect("agent");
        let findings = agent.doctor(Doctor::new(Owner::new("00000000", "/run", "/state"))).await.expect("findings");
        assert_eq!(findings[0].level, FindingLevel::Ok, "{}", findings[0].message);
        assert_eq!(findings[1..].iter().filter(|finding| finding.subject == "CODEX_HOME").count(), traps);
    }
}
