//! What hooks say, as the captures have it.

use ao_plugin_sdk::prelude::*;

use crate::{ASKING, agent, fixtures};

fn payload(hook: &str, thread: &str) -> Value {
    let all = std::fs::read_to_string(fixtures().join("hooks.jsonl")).expect("captures");
    let mut all = all.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let found = all.find(|said| said["hook"] == hook && said["payload"]["session_id"] == thread);
    found.expect("a capture")["payload"].clone()
}

async fn said(hook: &str, payload: Value, cursor: Option<Value>) -> Option<AgentObservation> {
    let session: SessionId = "app-1".parse().expect("id");
    let mut event = HookEvent::new(session, hook, payload);
    event.at = Some(Timestamp::from_millis(5_000));
    event.cursor = cursor;
    agent(json!({})).expect("agent").interpret(event).await.expect("read").pop()
}

#[tokio::test]
async fn each_says_what_is_going_on() {
    for (hook, state) in [
        ("SessionStart", ActivityState::Active),
        ("UserPromptSubmit", ActivityState::Active),
        ("PermissionRequest", ActivityState::WaitingInput),
        ("Interrupt", ActivityState::Ready),
    ] {
        let seen = said(hook, payload(hook, ASKING), None).await.expect("something");
        let activity = seen.activity.expect("an activity");
        assert_eq!((activity.state, activity.strength), (state, Strength::Strong), "{hook}");
        assert_eq!(activity.since, Timestamp::from_millis(5_000), "{hook}");
        assert_eq!(seen.agent_session.as_deref(), Some(ASKING), "{hook}");
        assert_eq!(seen.ask.is_some(), hook == "PermissionRequest", "{hook}");
    }
    let asked = said("PermissionRequest", payload("PermissionRequest", ASKING), None).await;
    let text = asked.and_then(|seen| seen.ask).expect("a question").text;
    assert!(text.starts_with("apply_patch: *** Begin Patch"), "{text}");
}

#[tokio::test]
async fn other_conversations_and_other_hooks_say_nothing() {
    let ours = said("SessionStart", payload("SessionStart", ASKING), None).await.expect("something").cursor;
    let mut other = payload("UserPromptSubmit", ASKING);
    other["session_id"] = json!("01a2011f-0000-7000-8000-000000000000");
    assert_eq!(said("UserPromptSubmit", other.clone(), ours.clone()).await, None, "of another conversation");
    other["transcript_path"] = Value::Null;
    assert_eq!(said("SessionStart", other, ours.clone()).await, None, "one of Codex's own");
    assert_eq!(said("PostToolUse", payload("PostToolUse", ASKING), ours.clone()).await, None);
    assert_eq!(said("Stop", json!([1]), ours).await, None);
}

#[tokio::test]
async fn a_record_is_taken_only_from_a_name_that_fits() {
    let mut wrong = payload("SessionStart", ASKING);
    wrong["transcript_path"] = json!("/etc/passwd");
    let seen = said("SessionStart", wrong, None).await.expect("something");
    let cursor = seen.cursor.expect("a cursor");
    assert_eq!(cursor.get("mark"), None, "{cursor}");
}
