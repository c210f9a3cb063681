//! Launch plans: each element of the template is one argument, whatever the prompt holds.

use ao_plugin_sdk::core::model::facts::ExitMeaning;
use ao_plugin_sdk::prelude::*;
use proptest::prelude::*;

use crate::agent;

fn request(prompt: Option<&str>) -> PlanLaunch {
    let session: SessionId = "app-1".parse().expect("session id");
    let mut request = PlanLaunch::new(session, "/work tree", "/directory");
    request.prompt = prompt.map(|text| Prompt::new(text, "/directory/prompt.md"));
    request
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("runtime").block_on(future)
}

fn plan(config: Value, request: PlanLaunch) -> Result<LaunchPlan> {
    block_on(agent(config).expect("configuration").plan(request))
}

#[test]
fn every_placeholder_is_replaced() {
    let argv = ["{workspace}/x", "{prompt}", "--file={prompt_file}", "{session}@{directory}", "{{{model}}}", ""];
    let mut request = request(Some("do; it\n$(now)"));
    request.model = Some("big".into());
    let config = json!({ "argv": argv, "env": { "LANG": "C" }, "envRemove": ["TOKEN"] });
    let plan = plan(config, request).expect("plan");
    let expected = ["/work tree/x", "do; it\n$(now)", "--file=/directory/prompt.md", "app-1@/directory", "{big}", ""];
    assert_eq!(plan.argv, expected);
    assert_eq!((plan.prompt, plan.exit_meaning), (PromptDelivery::AtLaunch, ExitMeaning::Completion));
    assert_eq!((plan.env["LANG"].as_str(), plan.env_remove), ("C", vec!["TOKEN".to_owned()]));
}

#[test]
fn a_prompt_that_no_argument_names_is_sent() {
    assert_eq!(plan(json!({ "argv": ["x"] }), request(Some("go"))).expect("plan").prompt, PromptDelivery::WhenReady);
    assert_eq!(plan(json!({ "argv": ["x"] }), request(None)).expect("plan").prompt, PromptDelivery::AtLaunch);
}

#[test]
fn what_cannot_be_launched_says_what_to_do() {
    let refused = |config: Value, request: PlanLaunch, part: &str| {
        let error = plan(config, request).expect_err(part);
        assert!(error.message.contains(part), "{error}");
    };
    refused(json!({ "argv": ["x", "{prompt}"] }), request(None), "`--prompt`");
    refused(json!({ "argv": ["x", "{prompt_file}"] }), request(None), "`--prompt`");
    refused(json!({ "argv": ["x", "{model}"] }), request(None), "set `model`");
    refused(json!({ "argv": ["x", "{prompt}"] }), request(Some("a\0b")), "`{prompt_file}`");
    let long = "x".repeat(100 * 1024);
    assert!(plan(json!({ "argv": ["x", "{prompt}"] }), request(Some(&long))).is_ok());
    refused(json!({ "argv": ["x", "-{prompt}"] }), request(Some(&long)), "use `{prompt_file}`");
    assert!(plan(json!({ "argv": ["x", "{prompt_file}"] }), request(Some(&long.repeat(9)))).is_ok());

    let mut resume = request(None);
    resume.mode = LaunchMode::Resume { agent_session: "1".into() };
    refused(json!({ "argv": ["x"] }), resume, "no conversation");
    for (permissions, accepted) in [
        (PermissionMode::Default, true),
        (PermissionMode::Permissionless, true),
        (PermissionMode::AutoEdit, false),
        (PermissionMode::Suggest, false),
    ] {
        let mut request = request(None);
        request.permissions = permissions;
        assert_eq!(plan(json!({ "argv": ["x"] }), request).is_ok(), accepted, "{permissions:?}");
    }
}

proptest! {
    #[test]
    fn a_prompt_is_one_part_of_one_argument(
        prompt in "[^\0]{0,200}",
        around in proptest::collection::vec("[^{}\0]{1,8}", 1..5),
        at in 0..5usize,
    ) {
        let at = at % around.len();
        let argv: Vec<String> =
            around.iter().enumerate().map(|(index, text)| if index == at { format!("-{text}{{prompt}}{text}") } else { format!("-{text}") }).collect();
        let plan = plan(json!({ "argv": argv }), request(Some(&prompt))).expect("plan");
        prop_assert_eq!(plan.argv.len(), around.len());
        for (index, argument) in plan.argv.iter().enumerate() {
            let text = &around[index];
            let expected = if index == at { format!("-{text}{prompt}{text}") } else { format!("-{text}") };
            prop_assert_eq!(argument, &expected);
        }
    }
}
