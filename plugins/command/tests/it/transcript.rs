//! A message has arrived when the program's own record says so, and not a line earlier.

use ao_plugin_sdk::prelude::*;

use crate::agent;

/// A program with a record, as it is looked at and asked.
struct Desk {
    directory: tempfile::TempDir,
    agent: ao_plugin_command::CommandAgent,
}

impl Desk {
    fn new(text: &str) -> Self {
        let config = json!({"argv": ["x"], "transcript": {"path": "{directory}/{session}.jsonl", "text": text}});
        Self { directory: tempfile::tempdir().expect("scratch"), agent: agent(config).expect("agent") }
    }

    fn write(&self, text: &str) {
        let file = self.directory.path().join("app-1.jsonl");
        let before = std::fs::read_to_string(&file).unwrap_or_default();
        let path = Utf8PathBuf::from_path_buf(file).expect("UTF-8");
        ao_plugin_sdk::files::write_atomically(&path, (before + text).as_bytes()).expect("written");
    }

    /// Looks at it, and returns the cursor.
    async fn look(&self) -> Option<Value> {
        let session: SessionId = "app-1".parse().expect("id");
        let mut target = AgentTarget::new(session, Liveness::Alive, Timestamp::from_millis(0), "/nonexistent");
        target.screen = Some(String::new());
        target.directory = Utf8PathBuf::from_path_buf(self.directory.path().to_owned()).ok();
        let request = ObserveAgents::new(vec![target], Timestamp::from_millis(9));
        self.agent.observe(request).await.expect("seen").pop().expect("one").cursor
    }

    async fn proof(&self, text: &str, cursor: Option<&Value>) -> Proof {
        let mut request = ConfirmDelivery::new("key", "app-1".parse::<SessionId>().expect("id"), text);
        request.cursor = cursor.cloned();
        self.agent.confirm(request).await.expect("answered")
    }
}

#[tokio::test]
async fn what_stands_behind_the_mark_has_arrived() {
    let desk = Desk::new("/message/text");
    let before = desk.look().await;
    assert_eq!(desk.proof("hello", before.as_ref()).await, Proof::Absent, "there is no record yet");
    desk.write("{\"message\": {\"text\": \"hello\\r\\nyou\"}}\nno JSON\n{\"message\": {\"text\": 7}}\n{\"message\"");
    assert!(matches!(desk.proof("hello\nyou\n", before.as_ref()).await, Proof::Found { .. }));
    assert_eq!(desk.proof("hello", before.as_ref()).await, Proof::Absent, "a part of it is not it");
    let after = desk.look().await;
    assert_eq!(desk.proof("hello\nyou", after.as_ref()).await, Proof::Absent, "that was an earlier one");
}

#[tokio::test]
async fn what_cannot_be_told_is_unknown() {
    let desk = Desk::new("/text");
    desk.write("{\"text\": \"hello\"}\n");
    assert_eq!(desk.proof("hello", None).await, Proof::Unknown, "nobody looked before");
    let after = desk.look().await;
    std::fs::remove_file(desk.directory.path().join("app-1.jsonl")).expect("removed");
    assert_eq!(desk.proof("hello", after.as_ref()).await, Proof::Unknown, "the record is gone");
    desk.write("{}\n");
    assert_eq!(desk.proof("hello", after.as_ref()).await, Proof::Unknown, "it was begun anew");
    let without = agent(json!({"argv": ["x"]})).expect("agent");
    let request = ConfirmDelivery::new("key", "app-1".parse::<SessionId>().expect("id"), "hello");
    assert_eq!(without.confirm(request).await.expect("answered"), Proof::Unknown);
}
