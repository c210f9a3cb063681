//! A message arrives as text, and is found in the record behind where that ended.

use ao_plugin_sdk::prelude::*;

use crate::{ASKING, Scratch, agent, record};

const NAME: &str = "sessions/2026/11/22/rollout-2026-11-22T02-39-30-01a2011f-7bc0-71e3-ab42-ae30dde1bbba.jsonl";

/// Looks, and returns the cursor.
async fn look(home: &Scratch) -> Option<Value> {
    let launched: Timestamp = "2026-11-22T02:39:00.000Z".parse().expect("a time");
    let session: SessionId = "app-1".parse().expect("id");
    let target = AgentTarget::new(session, Liveness::Alive, launched, "/home/dev/src/wt-a");
    let agent = agent(json!({"env": {"CODEX_HOME": home.path()}})).expect("agent");
    agent.observe(ObserveAgents::new(vec![target], launched)).await.expect("seen").pop().expect("one").cursor
}

async fn proof(text: &str, cursor: Option<&Value>) -> Proof {
    confirmed(text, cursor).await.expect("answered")
}

async fn confirmed(text: &str, cursor: Option<&Value>) -> Result<Proof> {
    let mut request = ConfirmDelivery::new("key", "app-1".parse::<SessionId>().expect("id"), text);
    request.cursor = cursor.cloned();
    agent(json!({})).expect("agent").confirm(request).await
}

#[tokio::test]
async fn what_stands_behind_the_mark_has_arrived() {
    let home = Scratch::new();
    let before = look(&home).await;
    let none_yet = confirmed("SLOW=20 interrupt", before.as_ref()).await.expect_err("there is none to be found");
    assert_eq!(none_yet.code, Code::NOT_FOUND, "it may come: {none_yet}");
    let named = json!({"thread": ASKING, "mark": {"path": home.path().join(NAME), "position": {}, "before": 0}});
    assert_eq!(proof("SLOW=20 interrupt", Some(&named)).await, Proof::Absent, "Codex itself says where it will be");
    let whole = record(ASKING);
    let text = String::from_utf8(whole.clone()).expect("UTF-8");
    let second = text.find("\"HTTP").or_else(|| text.find("deny me")).expect("the second message");
    let start = text[..second].rfind('\n').map_or(0, |at| at + 1);
    home.write(NAME, &whole[..start]);
    assert!(matches!(proof("PATCH=patched.txt;; go", before.as_ref()).await, Proof::Found { .. }));
    let middle = look(&home).await;
    let path = home.path().join(NAME);
    let more = || std::fs::OpenOptions::new().append(true).open(&path);
    more().and_then(|mut file| std::io::Write::write_all(&mut file, &whole[start..])).expect("appended");
    assert!(matches!(proof("SLOW=20 interrupt\r\n", middle.as_ref()).await, Proof::Found { .. }));
    assert_eq!(proof("PATCH=patched.txt;; go", middle.as_ref()).await, Proof::Absent, "that was an earlier one");
    assert_eq!(proof("SLOW=20", middle.as_ref()).await, Proof::Absent, "a part of it is not it");
    // Replaced: nobody can tell what of it is new.
    home.write(NAME, &whole);
    assert_eq!(proof("SLOW=20 interrupt", middle.as_ref()).await, Proof::Unknown);
    assert_eq!(proof("SLOW=20 interrupt", None).await, Proof::Unknown);
}

#[tokio::test]
async fn commands_of_codex_are_not_typed() {
    for (text, typed) in
        [("fix it", "fix it"), ("/quit", " /quit"), ("!rm -rf x", " !rm -rf x"), ("see @src", "see @src ")]
    {
        let request = DeliverMessage::new("key", "app-1".parse::<SessionId>().expect("id"), text);
        let plan = agent(json!({})).expect("agent").deliver(request).await.expect("a plan");
        let inputs = vec![Input::Text { text: typed.to_owned() }, Input::Submit];
        assert_eq!(plan, DeliverPlan::Runtime { inputs });
    }
}
