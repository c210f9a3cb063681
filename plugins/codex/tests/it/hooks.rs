//! What hooks say, as the captures have it.

use ao_plugin_sdk::prelude::*;

use crate::{ASKING, Scratch, agent, fixtures};

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

/// Whatever can write into the spool can imitate a hook.
#[tokio::test]
async fn what_a_hook_names_is_checked() {
    let home = Scratch::new();
    let name = format!("rollout-2026-11-22T02-39-30-{ASKING}.jsonl");
    let there = home.write(&format!("sessions/2026/11/22/{name}"), "123\n");
    home.write(&format!("outside/{name}"), "");
    std::os::unix::fs::symlink(home.path(), home.path().join("way")).expect("a link");
    let mark = async |path: &str, source: &str| {
        let mut payload = payload("SessionStart", ASKING);
        (payload["transcript_path"], payload["source"]) = (json!(path), json!(source));
        let seen = said("SessionStart", payload, Some(json!({"home": home.path()}))).await.expect("something");
        seen.cursor.expect("a cursor").get("mark").cloned()
    };
    assert_eq!(mark(there.as_str(), "startup").await.expect("a mark")["before"], json!(0));
    assert_eq!(mark(there.as_str(), "resume").await.expect("a mark")["before"], json!(4));
    let by_a_link = home.path().join("way/sessions/2026/11/22").join(&name);
    assert!(mark(by_a_link.as_str(), "startup").await.is_some(), "the same directory");
    let root = home.path();
    for wrong in [
        "/etc/passwd".to_owned(),
        format!("{root}/outside/{name}"),
        format!("{root}/sessions/2026/11/22/../../../../outside/{name}"),
        format!("{root}/sessions/{name}"),
        format!("sessions/2026/11/22/{name}"),
        there.as_str().replace(ASKING, "01a2011f-0000-7000-8000-000000000000"),
    ] {
        assert_eq!(mark(&wrong, "startup").await, None, "{wrong}");
    }
    for id in ["x", "", "../../x", "--last"] {
        let mut wrong = payload("SessionStart", ASKING);
        wrong["session_id"] = json!(id);
        assert_eq!(said("SessionStart", wrong, None).await, None, "{id}");
    }
}
