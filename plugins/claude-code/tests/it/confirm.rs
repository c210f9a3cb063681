//! Whether a message has arrived.

use ao_plugin_sdk::prelude::*;

use super::{LONG, Scratch, add, fixture, look_at, plain, target};

async fn proof(text: &str, cursor: &Value) -> Proof {
    confirmed(text, cursor).await.expect("an answer")
}

async fn confirmed(text: &str, cursor: &Value) -> Result<Proof> {
    let mut request = ConfirmDelivery::new("key", super::id(), text);
    request.cursor = Some(cursor.clone());
    plain().confirm(request).await
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
    let none_yet = confirmed("FIX_CI now", &before_the_file).await.expect_err("where it ought to be there is none");
    assert_eq!(none_yet.code, Code::NOT_FOUND, "it may come: {none_yet}");
    let mut named = before_the_file.clone();
    named["isNamed"] = json!(true);
    assert_eq!(proof("FIX_CI now", &named).await, Proof::Absent, "there is none where Claude Code keeps it");
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

/// What a human says may begin like what Claude Code writes in its name.
#[tokio::test]
async fn words_are_compared_as_they_stand() {
    let scratch = Scratch::new();
    for text in [
        "Caveat: the tests are slow",
        "<system-reminder> is in the log",
        "<bash-input>",
        "[Request interrupted by user] is what it says",
    ] {
        add(&scratch.transcript(LONG), b"{}\n");
        let marked = mark(&scratch).await;
        assert_eq!(proof(text, &marked).await, Proof::Absent, "{text}");
        add(&scratch.transcript(LONG), &prompt(&json!(text)));
        assert!(matches!(proof(text, &marked).await, Proof::Found { .. }), "{text}");
    }
    let marked = mark(&scratch).await;
    let own = json!({"type": "user", "isMeta": true, "message": {"content": "Caveat: of its own"}});
    add(&scratch.transcript(LONG), format!("{own}\n").as_bytes());
    assert_eq!(proof("Caveat: of its own", &marked).await, Proof::Absent);
}

/// Where its work has moved, or the program has another home, what it has to say stands elsewhere.
#[tokio::test]
async fn a_transcript_that_is_not_where_it_ought_to_be_proves_nothing() {
    let scratch = Scratch::new();
    let mut request = scratch.request();
    request.workspace = Utf8PathBuf::from(format!("/{}", "nowhere/".repeat(40)));
    let plan = plain().plan(request).await.expect("a plan");
    let cursor = look_at(&plain(), target(plan.cursor.expect("a cursor"))).await.cursor.expect("a cursor");
    assert_eq!(proof("mend it", &cursor).await, Proof::Unknown);
}

/// A search ends where it has found, and where it has had enough.
#[tokio::test]
async fn what_never_ends_is_not_read_to_its_end() {
    let scratch = Scratch::new();
    let marked = mark(&scratch).await;
    let path = scratch.transcript(LONG);
    add(&path, &prompt(&json!("mend it")));
    let file = std::fs::OpenOptions::new().write(true).open(&path).expect("a file");
    // Sparse: it takes no room.
    file.set_len(1 << 40).expect("longer");
    assert!(matches!(proof("mend it", &marked).await, Proof::Found { .. }));
    assert_eq!(proof("another", &marked).await, Proof::Unknown);
    let mut linked = marked.clone();
    linked["isNamed"] = json!(true);
    linked["transcript"] = json!("/dev/zero");
    assert_eq!(proof("mend it", &linked).await, Proof::Unknown);
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
