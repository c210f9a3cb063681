//! Whether a message has arrived.

use ao_plugin_sdk::prelude::*;

use super::{LONG, Scratch, add, fixture, look_at, plain, target};

async fn proof(text: &str, cursor: &Value) -> Proof {
    let mut request = ConfirmDelivery::new("key", super::id(), text);
    request.cursor = Some(cursor.clone());
    plain().confirm(request).await.expect("an answer")
}

async fn mark(scratch: &Scratch) -> Value {
    look_at(&plain(), target(scratch.cursor(LONG))).await.cursor.expect("a cursor")
}

fn prompt(content: &Value) -> Vec<u8> {
    let line =
        json!({"type": "user", "timestamp": "2026-11-21T00:00:00Z", "message": {"role": "user", "content": content}});
    format!("{line}\n").into_bytes()
}

#[tokio::test]
async fn it_stands_behind_the_mark_or_nowhere() {
    let scratch = Scratch::new();
    let before_the_file = mark(&scratch).await;
    let path = scratch.transcript(LONG);
    assert_eq!(proof("FIX_CI now", &before_the_file).await, Proof::Absent);
    add(&path, &fixture("transcripts/long.jsonl"));
    assert!(matches!(proof("FIX_CI now", &before_the_file).await, Proof::Found { .. }));
    let behind = mark(&scratch).await;
    assert_eq!(proof("FIX_CI now", &behind).await, Proof::Absent, "it was said before");
    // A record that is not whole yet is none, whatever it holds.
    let line = prompt(&json!("\n/FIX_CI  now\nand\tthen\\\n"));
    add(&path, &line[..line.len() - 20]);
    assert_eq!(proof("/FIX_CI now\nand then\\", &behind).await, Proof::Absent);
    add(&path, &line[line.len() - 20..]);
    assert!(matches!(proof("/FIX_CI now\nand then\\", &behind).await, Proof::Found { .. }));
    assert_eq!(proof("/FIX_CI now\nand then", &behind).await, Proof::Absent, "not all of it");
}

#[tokio::test]
async fn a_queued_message_has_arrived() {
    let scratch = Scratch::new();
    let marked = mark(&scratch).await;
    add(&scratch.transcript(LONG), &fixture("transcripts/resumed.jsonl"));
    assert!(matches!(proof("queued message\nwith two lines", &marked).await, Proof::Found { .. }));
    assert_eq!(proof("FAKE-DONE: all work is complete.", &marked).await, Proof::Absent, "said by the agent");
}

#[tokio::test]
async fn blocks_are_a_message_and_a_tools_output_is_none() {
    let scratch = Scratch::new();
    let marked = mark(&scratch).await;
    let path = scratch.transcript(LONG);
    add(&path, &prompt(&json!([{"type": "tool_result", "content": "mend it"}, {"type": "text", "text": "mend it"}])));
    assert_eq!(proof("mend it", &marked).await, Proof::Absent);
    add(&path, &prompt(&json!([{"type": "image", "source": {}}, {"type": "text", "text": "mend it"}])));
    assert!(matches!(proof("mend it", &marked).await, Proof::Found { .. }));
}

#[tokio::test]
async fn another_file_proves_nothing() {
    let scratch = Scratch::new();
    let path = scratch.transcript(LONG);
    add(&path, &prompt(&json!("mend it")));
    let marked = mark(&scratch).await;
    ao_plugin_sdk::files::write_atomically(&path, &fixture("transcripts/long.jsonl")).expect("replaced");
    assert_eq!(proof("FIX_CI now", &marked).await, Proof::Unknown);
    assert_eq!(proof("FIX_CI now", &json!({"conversation": LONG})).await, Proof::Unknown, "no mark");
}
