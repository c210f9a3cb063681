//! How Claude Code is launched.

use ao_plugin_sdk::prelude::*;

use super::{LONG, Scratch, add, agent, plain};

fn has(plan: &LaunchPlan, words: &[&str]) -> bool {
    plan.argv.windows(words.len()).any(|window| window == words)
}

fn settings(plan: &LaunchPlan) -> Value {
    serde_json::from_str(&plan.files[0].content).expect("JSON")
}

#[tokio::test]
async fn a_new_conversation_has_an_id_of_its_own() {
    let scratch = Scratch::new();
    let plan = plain().plan(scratch.request()).await.expect("a plan");
    let conversation = plan.agent_session.clone().expect("an id");
    assert_eq!(plan.argv[0], "claude");
    assert!(has(&plan, &["--session-id", &conversation]), "{:?}", plan.argv);
    assert!(has(&plan, &["--settings", scratch.path("launch/claude-settings.json").as_str()]));
    assert_eq!(plan.prompt, PromptDelivery::AtLaunch, "nothing is to be said");

    let mut second = scratch.request();
    second.directory = scratch.path("launch/launch-2");
    let second = plain().plan(second).await.expect("a plan");
    assert_ne!(second.agent_session, plan.agent_session, "a conversation of another launch");

    // The program refuses an id that was used.
    add(&scratch.transcript(&conversation), b"{}\n");
    let again = plain().plan(scratch.request()).await.expect("a plan");
    assert_ne!(again.agent_session, plan.agent_session);
}

#[tokio::test]
async fn a_conversation_goes_on_under_its_id() {
    let scratch = Scratch::new();
    let mut request = scratch.request();
    request.mode = LaunchMode::Resume { agent_session: LONG.to_owned() };
    let unheard = plain().plan(request.clone()).await.expect("a plan");
    assert!(has(&unheard, &["--resume", LONG]), "nobody knows that it is empty: {:?}", unheard.argv);
    request.cursor = Some(scratch.cursor(LONG));
    let empty = plain().plan(request.clone()).await.expect("a plan");
    assert!(has(&empty, &["--session-id", LONG]), "nothing was said in it yet: {:?}", empty.argv);
    // It has a past, and that is not where it ought to be: it is not silently begun anew, now or the next time.
    let mut moved = request.clone();
    let mut used = scratch.cursor(LONG);
    for (name, value) in [
        ("wasUsed", json!(true)),
        ("mark", json!({"o": 10, "i": 7})),
        ("transcript", json!("/home/other/.claude/projects/-w/c.jsonl")),
        ("conversation", json!("0192f0c0-aaaa-8bbb-8ccc-123456789abc")),
    ] {
        used[name] = value;
        moved.cursor = Some(std::mem::replace(&mut used, scratch.cursor(LONG)));
        let plan = plain().plan(moved.clone()).await.expect("a plan");
        assert!(has(&plan, &["--resume", LONG]), "{name}: {:?}", plan.argv);
        moved.cursor = plan.cursor;
        let again = plain().plan(moved.clone()).await.expect("a plan");
        assert!(has(&again, &["--resume", LONG]), "{name}: {:?}", again.argv);
    }
    add(&scratch.transcript(LONG), b"{}\n");
    let plan = plain().plan(request.clone()).await.expect("a plan");
    assert!(has(&plan, &["--resume", LONG]) && !plan.argv.contains(&"--session-id".to_owned()), "{:?}", plan.argv);
    assert_eq!(plan.agent_session.as_deref(), Some(LONG));
    for wrong in ["", "--help", "the last one"] {
        request.mode = LaunchMode::Resume { agent_session: wrong.to_owned() };
        assert_eq!(plain().plan(request.clone()).await.expect_err("refused").code, Code::INVALID_INPUT);
    }
}

#[tokio::test]
async fn instructions_stand_in_a_file_and_the_task_is_sent() {
    let scratch = Scratch::new();
    let mut request = scratch.request();
    let file = scratch.path("launch/rules.md");
    let mut parts = PromptParts::new(Prompt::new("Be kind.", file.clone()));
    parts.task = Some(Prompt::new("/mend it", scratch.path("launch/task.md")));
    request.prompt = Some(Prompt::new("Be kind.\n\n/mend it", scratch.path("launch/prompt.md")));
    request.parts = Some(parts);
    let plan = plain().plan(request.clone()).await.expect("a plan");
    assert!(has(&plan, &["--append-system-prompt-file", file.as_str()]));
    assert_eq!((plan.prompt, plan.message.as_deref()), (PromptDelivery::WhenReady, Some("/mend it")));
    request.parts.as_mut().expect("parts").task = None;
    assert_eq!(plain().plan(request.clone()).await.expect("a plan").prompt, PromptDelivery::AtLaunch);
    request.parts = None;
    let whole = plain().plan(request).await.expect("a plan");
    assert_eq!((whole.prompt, whole.message), (PromptDelivery::WhenReady, None));
}

#[tokio::test]
async fn permissions_and_models_of_the_session_win() {
    let scratch = Scratch::new();
    let config =
        json!({"permissions": "auto-edit", "model": "haiku", "args": ["--verbose"], "env": {"IS_SANDBOX": "1"}});
    let agent = agent(config).expect("a plugin");
    let mut request = scratch.request();
    let plan = agent.plan(request.clone()).await.expect("a plan");
    assert!(has(&plan, &["--model", "haiku"]) && has(&plan, &["--permission-mode", "acceptEdits"]));
    assert_eq!(plan.argv.last().map(String::as_str), Some("--verbose"));
    assert_eq!(settings(&plan).get("skipDangerousModePermissionPrompt"), None);
    request.model = Some("opus".to_owned());
    request.permissions = PermissionMode::Permissionless;
    let plan = agent.plan(request.clone()).await.expect("a plan");
    assert!(has(&plan, &["--model", "opus"]) && has(&plan, &["--dangerously-skip-permissions"]));
    assert_eq!(settings(&plan)["skipDangerousModePermissionPrompt"], json!(true));
    request.permissions = PermissionMode::Suggest;
    let plan = agent.plan(request.clone()).await.expect("a plan");
    assert!(has(&plan, &["--permission-mode", "plan"]));
    request.permissions = PermissionMode::Unknown;
    assert_eq!(agent.plan(request).await.expect_err("refused").code, Code::UNSUPPORTED);
}

#[tokio::test]
async fn hooks_are_quoted_for_a_shell() {
    let scratch = Scratch::new();
    let mut request = scratch.request();
    let plan = plain().plan(request.clone()).await.expect("a plan");
    let stop = &settings(&plan)["hooks"]["Stop"][0]["hooks"][0];
    assert_eq!(stop["command"], json!(r"'/opt/my ao'\''s/ao' __hook Stop"));
    assert_eq!(stop["type"], json!("command"));
    request.hook = Vec::new();
    let plan = plain().plan(request).await.expect("a plan");
    assert_eq!(settings(&plan).get("hooks"), None);
}

#[tokio::test]
async fn what_is_too_long_to_be_typed_may_be_read() {
    let scratch = Scratch::new();
    let mut request = scratch.request();
    let session = request.session.clone();
    for (directory, rule) in [
        (
            format!("/it's a state/sessions/{session}"),
            Some(format!("Read(//it's a state/sessions/{session}/messages/**)")),
        ),
        (format!("/s/{session}/launch-2"), Some(format!("Read(//s/{session}/messages/**)"))),
        // A pattern would be more than this path.
        (format!("/s*/{session}"), None),
        (format!("/s)/{session}"), None),
        (format!("s/{session}"), None),
    ] {
        request.directory = directory.into();
        let allowed = settings(&plain().plan(request.clone()).await.expect("a plan"))["permissions"]["allow"].clone();
        assert_eq!(allowed, rule.map_or(Value::Null, |rule| json!([rule])), "{}", request.directory);
    }
}

#[tokio::test]
async fn a_claude_code_around_it_is_not_inherited() {
    let scratch = Scratch::new();
    let plan = plain().plan(scratch.request()).await.expect("a plan");
    assert!(plan.env_remove.contains(&"CLAUDECODE".to_owned()));
    let own = agent(json!({"env": {"CLAUDECODE": "1"}})).expect("a plugin");
    let plan = own.plan(scratch.request()).await.expect("a plan");
    assert!(!plan.env_remove.contains(&"CLAUDECODE".to_owned()), "it is set on purpose");
}
