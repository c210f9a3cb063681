//! What is read from transcripts: a part at a time, whatever is in them.

use ao_plugin_sdk::prelude::*;
use proptest::prelude::*;

use super::{LONG, Scratch, add, fixture, look_at, plain, target};

/// What each message of the fixtures has used.
fn usage(messages: u64) -> Vec<ModelUsage> {
    let mut usage = ModelUsage::new("claude-opus-4-8");
    (usage.input_tokens, usage.output_tokens) = (1000 * messages, 50 * messages);
    (usage.cache_read_tokens, usage.cache_write_tokens) = (200 * messages, 100 * messages);
    vec![usage]
}

/// Looks once more.
async fn again(cursor: &mut Value) -> AgentObservation {
    let seen = look_at(&plain(), target(cursor.clone())).await;
    *cursor = seen.cursor.clone().expect("a cursor");
    seen
}

fn told(seen: &AgentObservation) -> Option<(ActivityState, &str)> {
    seen.activity.as_ref().map(|activity| (activity.state, activity.source.as_str()))
}

#[tokio::test]
async fn usage_counts_each_message_once() {
    for (name, messages) in [("long", 11), ("headless", 2), ("denied-and-limited", 5)] {
        let scratch = Scratch::new();
        add(&scratch.transcript(LONG), &fixture(&format!("transcripts/{name}.jsonl")));
        let seen = again(&mut scratch.cursor(LONG)).await;
        assert_eq!(seen.usage, Some(usage(messages)), "{name}");
    }
}

#[tokio::test]
async fn sub_agents_count_and_decide_nothing() {
    let scratch = Scratch::new();
    let path = scratch.transcript(LONG);
    add(&path, &fixture("transcripts/resumed.jsonl"));
    let mut cursor = scratch.cursor(LONG);
    assert_eq!(again(&mut cursor).await.usage, Some(usage(8)));
    let sub_agent = path.with_extension("").join("subagents/agent-af49b26faac94909d.jsonl");
    let lines = fixture("transcripts/resumed/subagents/agent-af49b26faac94909d.jsonl");
    // Line by line, as it is written: one message is several lines.
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        add(&sub_agent, line);
        again(&mut cursor).await;
    }
    let seen = again(&mut cursor).await;
    assert_eq!(seen.usage, Some(usage(10)));
    assert_eq!(told(&seen), Some((ActivityState::Blocked, "transcript")));
}

#[tokio::test]
async fn a_state_is_told_by_the_last_record() {
    use ActivityState::{Active, Blocked, Ready};
    let scratch = Scratch::new();
    let path = scratch.transcript(LONG);
    let lines = fixture("transcripts/denied-and-limited.jsonl");
    let mut cursor = scratch.cursor(LONG);
    let mut states = Vec::new();
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        add(&path, line);
        let seen = again(&mut cursor).await;
        states.extend(told(&seen).map(|(state, _)| state));
    }
    states.dedup();
    // Denied, written, written, and a provider that let it wait until it gave up.
    assert_eq!(states, [Active, Ready, Active, Ready, Active, Ready, Active, Blocked]);
    let seen = again(&mut cursor).await;
    assert_eq!(seen.summary.as_deref(), Some("Fake session title"));
    assert_eq!(seen.limit.expect("a limit").text, "API Error: Request rejected (429) · fake error 429");
    // What was said before a launch is of another process.
    let mut resumed = target(scratch.cursor(LONG));
    resumed.launched_at = super::later();
    let seen = look_at(&plain(), resumed).await;
    assert_eq!(told(&seen), None);
    assert_eq!(seen.usage, Some(usage(5)));
}

#[tokio::test]
async fn one_that_was_cut_or_replaced_is_read_anew() {
    let scratch = Scratch::new();
    let path = scratch.transcript(LONG);
    add(&path, &fixture("transcripts/long.jsonl"));
    let mut cursor = scratch.cursor(LONG);
    again(&mut cursor).await;
    let file = std::fs::OpenOptions::new().write(true).open(&path).expect("a file");
    file.set_len(0).expect("cut");
    add(&path, &fixture("transcripts/headless.jsonl"));
    assert_eq!(again(&mut cursor).await.usage, Some(usage(2)));
    let mut twice = fixture("transcripts/long.jsonl");
    twice.extend(fixture("transcripts/headless.jsonl"));
    ao_plugin_sdk::files::write_atomically(&path, &twice).expect("replaced");
    assert_eq!(again(&mut cursor).await.usage, Some(usage(13)));
}

#[tokio::test]
async fn a_new_beginning_is_counted_by_itself() {
    let scratch = Scratch::new();
    add(&scratch.transcript(LONG), &fixture("transcripts/long.jsonl"));
    let mut cursor = scratch.cursor(LONG);
    again(&mut cursor).await;
    let other = "0192f0c0-aaaa-8bbb-8ccc-123456789abc";
    let payload = json!({"session_id": other, "transcript_path": scratch.transcript(other), "source": "clear"});
    let mut event = HookEvent::new(super::id(), "SessionStart", payload);
    event.cursor = Some(cursor.clone());
    cursor = plain().interpret(event).await.expect("one").remove(0).cursor.expect("a cursor");
    assert_eq!(again(&mut cursor).await.usage, None);
    add(&scratch.transcript(other), &fixture("transcripts/headless.jsonl"));
    let seen = again(&mut cursor).await;
    assert_eq!((seen.usage, seen.agent_session.as_deref()), (Some(usage(2)), Some(other)));
}

#[tokio::test]
async fn a_large_one_is_read_in_parts() {
    const LARGE: usize = 100 * 1024 * 1024;
    let scratch = Scratch::new();
    let path = scratch.transcript(LONG);
    // A tool's output of many MiB, in lines that are read and in one that is not.
    let output = |length: usize| {
        let text = "x".repeat(length);
        let content = json!([{"type": "tool_result", "tool_use_id": "t", "content": text}]);
        let line = json!({"type": "user", "timestamp": "2026-11-21T00:00:00Z", "message": {"content": content}});
        format!("{line}\n").into_bytes()
    };
    add(&path, &fixture("transcripts/headless.jsonl"));
    add(&path, &output(40 * 1024 * 1024));
    let lines = output(6 * 1024 * 1024);
    for _ in 0..(LARGE / lines.len()) - 6 {
        add(&path, &lines);
    }
    add(&path, &fixture("transcripts/long.jsonl"));
    let mut cursor = scratch.cursor(LONG);
    let mut looks = 1;
    let mut seen = again(&mut cursor).await;
    while seen.usage.is_none() {
        looks += 1;
        assert!(looks < 50, "it comes to no end");
        assert!(cursor.to_string().len() < 4096, "what is remembered stays small");
        seen = again(&mut cursor).await;
    }
    assert!(looks > 3, "one look reads {looks} parts");
    assert_eq!(seen.usage, Some(usage(13)));
}

/// 48 MiB while it is looked at, cut anywhere, and once replaced by another file: each look says what stands there.
#[tokio::test]
async fn one_that_grows_while_it_is_watched() {
    let scratch = Scratch::new();
    let path = scratch.transcript(LONG);
    let content = json!([{"type": "tool_result", "tool_use_id": "t", "content": "x".repeat(1000 * 1000)}]);
    let at = "2026-11-21T00:00:00Z";
    let line = json!({"type": "user", "timestamp": at, "message": {"content": content}});
    let lines = format!("{line}\n").repeat(4).into_bytes();
    add(&path, &fixture("transcripts/headless.jsonl"));
    let mut cursor = scratch.cursor(LONG);
    let mut began = 0;
    for look in 0..12 {
        // The rest of the line that was begun, and a beginning of the next.
        add(&path, &lines[began..]);
        began = 70_001 * (look + 1);
        add(&path, &lines[..began]);
        let seen = again(&mut cursor).await;
        assert_eq!((seen.usage.as_ref(), told(&seen)), (Some(&usage(2)), Some((ActivityState::Active, "transcript"))));
        let read = cursor["reading"]["position"]["o"].as_u64().expect("an offset");
        assert_eq!(
            read,
            std::fs::metadata(&path).expect("a file").len() - began as u64,
            "all but the line that was begun"
        );
        assert!(cursor.to_string().len() < 4096, "what is remembered stays small");
    }
    ao_plugin_sdk::files::write_atomically(&path, &fixture("transcripts/long.jsonl")).expect("replaced");
    let seen = again(&mut cursor).await;
    assert_eq!((seen.usage.as_ref(), told(&seen)), (Some(&usage(11)), Some((ActivityState::Blocked, "transcript"))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Cut anywhere, any number of times, with broken characters in its texts: the same comes of it.
    #[test]
    fn however_it_grows(cuts in proptest::collection::vec(0_usize..42_000, 0..6), broken in 0_u8..2) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let scratch = Scratch::new();
        let path = scratch.transcript(LONG);
        let mut bytes = fixture("transcripts/long.jsonl");
        if broken == 1 {
            let at = bytes.windows(8).position(|window| window == b"FAKE-DON").expect("a text");
            bytes[at..at + 4].copy_from_slice(&[0xff, 0xc3, 0x28, 0xf0]);
            bytes.splice(0..0, b"\xff\xfe{\"type\n\n{}\n[1]\nnull\n".iter().copied());
        }
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        cuts.sort_unstable();
        cuts.push(bytes.len());
        let (mut cursor, mut from) = (scratch.cursor(LONG), 0);
        for cut in cuts {
            add(&path, &bytes[from..cut]);
            from = cut;
            runtime.block_on(again(&mut cursor));
        }
        let seen = runtime.block_on(again(&mut cursor));
        prop_assert_eq!(&seen.usage, &Some(usage(11)));
        prop_assert_eq!(told(&seen), Some((ActivityState::Blocked, "transcript")));
    }
}

#[tokio::test]
async fn cut_at_every_byte() {
    let scratch = Scratch::new();
    let path = scratch.transcript(LONG);
    let bytes = fixture("transcripts/headless.jsonl");
    let mut cursor = scratch.cursor(LONG);
    let mut last = 0;
    for byte in bytes {
        add(&path, &[byte]);
        let seen = again(&mut cursor).await;
        let output = seen.usage.as_deref().and_then(<[_]>::first).map_or(0, |usage| usage.output_tokens);
        assert!(output >= last, "nothing is taken back");
        last = output;
    }
    assert_eq!(last, 100);
}
