//! What hooks say.

use std::time::Duration;

use ao_plugin_sdk::prelude::*;

use super::{LONG, fixture, later, long_ago, look_at, pane, plain, target};

async fn call(cursor: &mut Value, hook: &str, payload: Value, at: Timestamp) -> Option<AgentObservation> {
    let mut event = HookEvent::new(super::id(), hook, payload);
    event.at = Some(at);
    event.cursor = Some(cursor.clone());
    let seen = plain().interpret(event).await.expect("an answer").into_iter().next()?;
    *cursor = seen.cursor.clone().expect("a cursor");
    Some(seen)
}

fn state(seen: Option<&AgentObservation>) -> Option<ActivityState> {
    seen?.activity.as_ref().map(|activity| activity.state)
}

#[tokio::test]
async fn a_whole_conversation() {
    let (mut cursor, mut told) = (json!({}), Vec::new());
    let lines = String::from_utf8(fixture("hooks.jsonl")).expect("utf-8");
    for (index, line) in lines.lines().enumerate() {
        let payload: Value = serde_json::from_str(line).expect("JSON");
        let hook = payload["hook_event_name"].as_str().expect("a name").to_owned();
        let at = long_ago().after(Duration::from_secs(index as u64));
        let seen = call(&mut cursor, &hook, payload.clone(), at).await;
        if let Some(found) = state(seen.as_ref()) {
            told.push(found);
            assert_eq!(seen.as_ref().expect("one").activity.as_ref().expect("one").since, at);
        }
        let asks = seen.and_then(|seen| seen.ask);
        assert_eq!(asks.is_some(), hook == "PermissionRequest", "{line}");
    }
    told.dedup();
    let told: Vec<String> = told.iter().map(|state| format!("{state:?}")).collect();
    // Thrice asked, idle and stopped; resumed, asked twice, and failed.
    let wanted = "Active WaitingInput Active Ready Active WaitingInput Active Ready Active WaitingInput Active Ready Idle \
                  Active Ready Exited Active WaitingInput Active Ready Active WaitingInput Active Blocked Exited";
    assert_eq!(told.join(" "), wanted);
    assert_eq!(cursor["conversation"], json!(LONG));
}

fn permission(command: &str) -> Value {
    json!({"session_id": LONG, "tool_name": "Bash", "tool_input": {"command": command}, "permission_suggestions": [{}]})
}

#[tokio::test]
async fn a_question_keeps_its_name_when_its_dialog_is_seen() {
    let mut cursor = json!({});
    let command = "echo more >> more.txt && git add -A && git commit -q -m more";
    let asked = call(&mut cursor, "PermissionRequest", permission(command), later()).await.expect("one");
    let ask = asked.ask.expect("a question");
    assert_eq!(ask.text, format!("May it use Bash: {command}"));
    let kinds: Vec<_> = ask.options.iter().map(|option| option.answer.as_str()).collect();
    assert_eq!(kinds, ["allow_once", "allow_always", "reject_once"]);

    let mut seen_later = target(cursor.clone());
    seen_later.screen = Some(pane("permission"));
    let seen = look_at(&plain(), seen_later.clone()).await;
    let shown = seen.ask.expect("a question");
    assert_eq!((shown.id.as_str(), shown.text.as_str()), (ask.id.as_str(), ask.text.as_str()));
    assert!(shown.options[1].label.contains("git add"), "the dialog's own words: {:?}", shown.options);
    let activity = seen.activity.expect("one");
    assert_eq!((activity.state, activity.strength), (ActivityState::WaitingInput, Strength::Strong));

    // The dialog of another tool is another question.
    seen_later.screen = Some(pane("permission-rm"));
    let other = look_at(&plain(), seen_later).await.ask.expect("a question");
    assert_ne!(other.id, ask.id);
    assert!(other.text.contains("rm -f more.txt"));

    // The same question once more is another one.
    let again = later().after(Duration::from_secs(1));
    let again = call(&mut cursor, "PermissionRequest", permission(command), again).await.expect("one");
    assert_ne!(again.ask.expect("a question").id, ask.id);
}

#[tokio::test]
async fn a_tool_that_ends_beside_a_question_does_not_answer_it() {
    let mut cursor = json!({});
    let command = "rm -f more.txt";
    let ask = call(&mut cursor, "PermissionRequest", permission(command), later()).await.expect("one").ask;
    call(&mut cursor, "PostToolUse", json!({"session_id": LONG, "tool_name": "Read"}), later()).await;
    let mut target = target(cursor);
    target.screen = Some(pane("permission-rm"));
    let seen = look_at(&plain(), target).await;
    assert_eq!(seen.activity.expect("one").state, ActivityState::WaitingInput);
    assert_eq!(seen.ask.expect("a question").id, ask.expect("a question").id);
}

#[tokio::test]
async fn a_question_of_an_agents_has_its_answers() {
    let mut cursor = json!({});
    let question = json!({"question": "Which colour?", "options": [{"label": "Red"}, {"label": "Blue"}]});
    let payload = |questions: Value| json!({"session_id": LONG, "tool_name": "AskUserQuestion", "tool_input": {"questions": questions}});
    let one = call(&mut cursor, "PermissionRequest", payload(json!([question])), later()).await.expect("one");
    let ask = one.ask.expect("a question");
    assert_eq!(ask.text, "Which colour?");
    let options: Vec<_> = ask.options.iter().map(|option| (option.answer.as_str(), option.label.as_str())).collect();
    assert_eq!(options, [("1", "Red"), ("2", "Blue")]);
    let two = call(&mut cursor, "PermissionRequest", payload(json!([question, question])), later()).await.expect("one");
    assert_eq!(two.ask.expect("a question").options, [], "its dialog is answered one by one");
}

#[tokio::test]
async fn a_limit_is_told_from_a_failure() {
    for (error, text, limit) in [
        ("rate_limit", "API Error: Request rejected (429) · fake error 429", true),
        ("server_error", "API Error: Repeated 529 Overloaded errors.", true),
        ("invalid_request", "Prompt is too long", false),
        ("authentication_failed", "Please run /login", false),
    ] {
        let payload = json!({"session_id": LONG, "error": error, "last_assistant_message": text});
        let seen = call(&mut json!({}), "StopFailure", payload, later()).await.expect("one");
        assert_eq!(state(Some(&seen)), Some(ActivityState::Blocked), "{error}");
        assert_eq!(seen.limit.is_some(), limit, "{error}");
    }
    let text = "Claude AI usage limit reached|1795395600";
    let payload = json!({"session_id": LONG, "error": "rate_limit", "last_assistant_message": text});
    let limit = call(&mut json!({}), "StopFailure", payload, later()).await.expect("one").limit.expect("a limit");
    assert_eq!(limit.text, "Claude AI usage limit reached");
    assert_eq!(limit.until, Some(Timestamp::from_millis(1_795_395_600_000)));
}

#[tokio::test]
async fn another_conversation_is_followed_where_it_begins() {
    let mut cursor = json!({"conversation": LONG});
    let other = "0192f0c0-aaaa-8bbb-8ccc-123456789abc";
    let payload = json!({"session_id": other, "transcript_path": "/home/dev/t.jsonl", "source": "clear"});
    assert_eq!(call(&mut cursor, "Stop", payload.clone(), later()).await, None, "of somebody else");
    let ended = call(&mut cursor, "SessionEnd", json!({"session_id": LONG, "reason": "clear"}), later()).await;
    assert_eq!(state(ended.as_ref()), None);
    let began = call(&mut cursor, "SessionStart", payload, later()).await.expect("one");
    assert_eq!(began.agent_session.as_deref(), Some(other));
    assert_eq!(cursor["transcript"], json!("/home/dev/t.jsonl"));
    let compacted = json!({"session_id": other, "source": "compact"});
    assert_eq!(state(call(&mut cursor, "SessionStart", compacted, later()).await.as_ref()), None);
}

#[tokio::test]
async fn a_sub_agent_behind_a_turn_that_is_over_is_no_work() {
    let mut cursor = json!({});
    call(&mut cursor, "Stop", json!({"session_id": LONG}), later()).await;
    let tool = json!({"session_id": LONG, "agent_id": "a1", "tool_name": "Bash"});
    assert_eq!(state(call(&mut cursor, "PostToolUse", tool.clone(), later()).await.as_ref()), None);
    call(&mut cursor, "UserPromptSubmit", json!({"session_id": LONG}), later()).await;
    let seen = call(&mut cursor, "PostToolUse", tool, later()).await;
    assert_eq!(state(seen.as_ref()), Some(ActivityState::Active));
}
