//! Configurations, launches, and whether a program is there.

use std::os::unix::fs::PermissionsExt;

use ao_plugin_sdk::prelude::*;

use super::{PROGRAM, agent};

#[test]
fn what_contradicts_itself_is_refused_by_name() {
    for (config, field) in [
        (json!({"argv": []}), "argv"),
        (json!({"argv": [" "]}), "argv"),
        (json!({"argv": ["a", "b\u{0}"]}), "argv[1]"),
        (json!({"argv": ["a"], "env": {"A=B": "c"}}), "env.A=B"),
        (json!({"argv": ["a"], "env": {"A": "b"}, "envRemove": ["A"]}), "envRemove[0]"),
        (json!({"argv": ["a"], "model": ""}), "model"),
        (json!({"argv": ["a"], "mode": " "}), "mode"),
    ] {
        let error = agent(config.clone()).expect_err("refused");
        assert_eq!(error.field.as_deref(), Some(field), "{config}: {error}");
    }
    assert!(agent(json!({"argv": ["a"], "shell": true})).is_err());
    let error = agent(json!({"argv": ["a"], "permissions": "autoedit"})).expect_err("refused");
    assert!(error.message.contains("`autoedit`") && error.message.contains("`auto-edit`"), "{error}");
}

#[tokio::test]
async fn a_session_says_more_than_the_configuration() {
    let agent = agent(json!({"argv": ["a"], "permissions": "suggest", "model": "small"})).unwrap();
    let mut request = PlanLaunch::new("app-1".parse::<SessionId>().unwrap(), "/tree", "/state/app-1");
    let said = |plan: &LaunchPlan| {
        let launch: Value = serde_json::from_str(&plan.files[0].content).unwrap();
        (launch["permissions"].clone(), launch["model"].clone())
    };
    let plan = agent.plan(request.clone()).await.unwrap();
    assert_eq!(plan.argv, ["ao", "__acp", "/state/app-1/acp.json"]);
    assert_eq!(said(&plan), (json!("suggest"), json!("small")));
    (request.permissions, request.model) = (PermissionMode::Permissionless, Some("big".to_owned()));
    request.program = Some("/usr/bin/ao".into());
    let plan = agent.plan(request).await.unwrap();
    assert_eq!(said(&plan), (json!("permissionless"), json!("big")));
    assert_eq!(plan.argv[0], "/usr/bin/ao");
}

#[tokio::test]
async fn a_program_is_found_with_its_version_or_missed_with_advice() {
    let found = agent(json!({"argv": [PROGRAM]})).unwrap().detect(DetectAgent::new()).await.unwrap();
    assert_eq!((found.state, found.version.as_deref()), (AvailabilityState::Usable, Some("1.2.3")));
    let scratch = tempfile::tempdir().unwrap();
    let broken = Utf8Path::from_path(scratch.path()).unwrap().join("broken");
    ao_plugin_sdk::files::write_atomically(&broken, b"#!/no/such/interpreter\n").unwrap();
    std::fs::set_permissions(&broken, std::fs::Permissions::from_mode(0o755)).unwrap();
    let found = agent(json!({"argv": [broken]})).unwrap().detect(DetectAgent::new()).await.unwrap();
    assert_eq!(found.state, AvailabilityState::Unknown, "{}", found.message);
    for (program, advice) in [("no-such-agent-anywhere", "install it"), ("/no/such/agent", "correct the first element")]
    {
        let found = agent(json!({"argv": [program]})).unwrap().detect(DetectAgent::new()).await.unwrap();
        assert_eq!(found.state, AvailabilityState::Missing);
        assert!(found.message.contains(advice), "{}", found.message);
    }
}
