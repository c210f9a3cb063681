//! Whether the program is there: `detect` and `doctor`.

use std::os::unix::fs::PermissionsExt;

use ao_plugin_sdk::prelude::*;

use crate::agent;

async fn detect(config: Value, cwd: Option<&Utf8Path>) -> AgentAvailability {
    let mut request = DetectAgent::new();
    request.cwd = cwd.map(Utf8Path::to_owned);
    agent(config).expect("configuration").detect(request).await.expect("detect")
}

#[tokio::test]
async fn programs_are_found_where_they_would_be_run_from() {
    let scratch = tempfile::tempdir().expect("scratch");
    let directory = Utf8Path::from_path(scratch.path()).expect("utf-8");
    for (name, mode) in [("tool", 0o755), ("text", 0o644)] {
        let mut options = std::fs::OpenOptions::new();
        let file = options.write(true).create_new(true).open(directory.join(name)).expect("file");
        file.set_permissions(std::fs::Permissions::from_mode(mode)).expect("mode");
    }
    let path = json!({ "PATH": format!("/nowhere:{directory}") });
    let whole = directory.join("tool");
    for (argv, env, expected, part) in [
        ("tool", path.clone(), AvailabilityState::Usable, whole.as_str()),
        ("text", path.clone(), AvailabilityState::Missing, "is not on the PATH"),
        ("ao-no-such-program", json!({}), AvailabilityState::Missing, "is not on the PATH; install it"),
        ("sh", json!({}), AvailabilityState::Usable, "/sh`"),
        (whole.as_str(), json!({}), AvailabilityState::Usable, whole.as_str()),
        ("./tool", json!({}), AvailabilityState::Usable, "tool`"),
        ("./text", json!({}), AvailabilityState::Missing, "chmod +x"),
        ("./", json!({}), AvailabilityState::Missing, "is not a file"),
        ("./none", json!({}), AvailabilityState::Missing, "there is no program at"),
        ("{workspace}/x", json!({}), AvailabilityState::Unknown, "placeholder"),
    ] {
        let found = detect(json!({ "argv": [argv], "env": env }), Some(directory)).await;
        assert_eq!(found.state, expected, "{argv}: {}", found.message);
        assert!(found.message.contains(part), "{argv}: {}", found.message);
    }
}

#[tokio::test]
async fn doctor_says_the_same() {
    for (program, level) in
        [("sh", FindingLevel::Ok), ("ao-no-such-program", FindingLevel::Fail), ("{session}", FindingLevel::Warn)]
    {
        let agent = agent(json!({ "argv": [program] })).expect("configuration");
        let findings = agent.doctor(Doctor::new(Owner::new("00000000", "/run", "/state"))).await.expect("doctor");
        let shown: Vec<_> = findings.iter().map(|finding| (finding.level, finding.subject.as_str())).collect();
        assert_eq!(shown, [(level, program)]);
    }
}
