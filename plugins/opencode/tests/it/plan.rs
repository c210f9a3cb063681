//! Configurations, launches, and whether a program is there.

use ao_plugin_sdk::prelude::*;

use super::agent;

#[test]
fn what_contradicts_itself_is_refused_by_name() {
    for (config, field) in [
        (json!({"binary": " "}), "binary"),
        (json!({"args": ["a", "b\u{0}"]}), "args[1]"),
        (json!({"env": {"A=B": "c"}}), "env.A=B"),
        (json!({"env": {"OPENCODE_SERVER_PASSWORD": "c"}}), "env.OPENCODE_SERVER_PASSWORD"),
        (json!({"model": "gpt-5"}), "model"),
        (json!({"model": "/gpt-5"}), "model"),
        (json!({"agent": " "}), "agent"),
        (json!({"turnMinutes": 0}), "turnMinutes"),
        (json!({"model": ""}), "model"),
    ] {
        let error = agent(config.clone()).expect_err("refused");
        assert_eq!(error.field.as_deref(), Some(field), "{config}: {error}");
    }
    let error = agent(json!({"permissions": "autoedit"})).expect_err("refused");
    assert!(error.message.contains("`auto-edit`"), "{error}");
    assert!(agent(json!({"server": "mine"})).is_err() && agent(json!({"shell": true})).is_err());
}

fn request(directory: &str) -> PlanLaunch {
    PlanLaunch::new("app-1".parse::<SessionId>().expect("an id"), "/tree", directory)
}

fn launch(plan: &LaunchPlan) -> Value {
    serde_json::from_str(&plan.files[0].content).expect("a launch")
}

#[tokio::test]
async fn a_session_says_more_than_the_configuration() {
    let agent = agent(json!({"permissions": "suggest", "model": "a/small", "agent": "plan"})).unwrap();
    let mut request = request("/state/sessions/app-1");
    let plan = agent.plan(request.clone()).await.unwrap();
    assert_eq!(plan.argv, ["ao", "__opencode", "/state/sessions/app-1/opencode.json"]);
    let said = |plan: &LaunchPlan| (launch(plan)["permissions"].clone(), launch(plan)["model"]["name"].clone());
    assert_eq!(said(&plan), (json!("suggest"), json!("small")));
    assert!(plan.env["OPENCODE_PERMISSION"].contains(r#""edit":"deny""#), "sub-agents are bound, too");
    assert!(!plan.argv.iter().chain(plan.env.values()).any(|text| text.contains("PASSWORD")));
    (request.permissions, request.model) = (PermissionMode::Permissionless, Some("b/big/model".to_owned()));
    let plan = agent.plan(request.clone()).await.unwrap();
    assert_eq!(said(&plan), (json!("permissionless"), json!("big/model")));
    request.model = Some("unknown".to_owned());
    assert_eq!(agent.plan(request).await.unwrap_err().code, Code::INVALID_INPUT);
}

#[tokio::test]
async fn rules_of_the_configuration_stand_where_the_session_says_nothing() {
    let rules = r#"{"*":"ask","bash":{"git commit *":"allow"}}"#;
    let agent = agent(json!({"permissions": "auto-edit", "env": {"OPENCODE_PERMISSION": rules}})).unwrap();
    let mut request = request("/state/sessions/app-1");
    let plan = agent.plan(request.clone()).await.unwrap();
    assert_eq!(plan.env["OPENCODE_PERMISSION"], rules);
    assert_eq!(launch(&plan)["permissions"], "default", "no rule of the session comes behind them");
    request.permissions = PermissionMode::Suggest;
    let plan = agent.plan(request).await.unwrap();
    assert!(plan.env["OPENCODE_PERMISSION"].contains(r#""edit":"deny""#), "{:?}", plan.env);
    assert_eq!(launch(&plan)["permissions"], "suggest");
}

#[tokio::test]
async fn sessions_that_are_launched_alike_share_a_place() {
    let place = async |config: Value, directory: &str, project: &str| {
        let session = directory.split('/').nth(3).expect("a session's directory");
        let mut request = PlanLaunch::new(session.parse::<SessionId>().expect("an id"), "/tree", directory);
        request.environment.insert("AO_PROJECT_ID".to_owned(), project.to_owned());
        launch(&agent(config).unwrap().plan(request).await.unwrap())["shared"]["directory"].clone()
    };
    let shared = || json!({"server": "shared"});
    let one = place(shared(), "/state/sessions/app-1", "app").await;
    assert!(one.as_str().unwrap().starts_with("/state/opencode/"), "{one}");
    assert_eq!(place(shared(), "/state/sessions/app-2/launch-3", "app").await, one);
    assert_eq!(place(shared(), "/state/sessions/launch-2", "app").await, one, "a prefix is anything");
    assert_ne!(place(shared(), "/state/sessions/app-1", "lib").await, one);
    assert_ne!(place(json!({"server": "shared", "permissions": "suggest"}), "/state/sessions/app-1", "app").await, one);
    assert_eq!(place(json!({}), "/state/sessions/app-1", "app").await, Value::Null);
}

#[tokio::test]
async fn a_program_that_is_missing_is_missed_with_advice() {
    for (program, advice) in [("no-such-agent-anywhere", "npm install"), ("/no/such/agent", "correct `binary`")] {
        let found = agent(json!({"binary": program})).unwrap().detect(DetectAgent::new()).await.unwrap();
        assert_eq!(found.state, AvailabilityState::Missing);
        assert!(found.message.contains(advice), "{}", found.message);
    }
}
