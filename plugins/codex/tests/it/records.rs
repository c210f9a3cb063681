//! Records are read to the same end however they are cut, whatever stands in them, in bounded memory.

use ao_plugin_codex::rollout::{Mark, Record, Story, Turn, parse, read_on};
use ao_plugin_sdk::agent::record::Progress;
use proptest::prelude::*;

use crate::{ASKING, FAILING, FINISHED, Scratch, record};

fn story(bytes: &[u8]) -> Story {
    let mut story = Story::default();
    for line in bytes.split(|byte| *byte == b'\n') {
        if let Some(line) = parse(line) {
            story.tell(line);
        }
    }
    story
}

fn usage(story: &Story) -> Vec<(String, u64, u64, u64)> {
    let all = story.usage().unwrap_or_default();
    all.into_iter().map(|of| (of.model, of.input_tokens, of.cache_read_tokens, of.output_tokens)).collect()
}

#[test]
fn what_the_captures_tell() {
    let failing = story(&record(FAILING));
    assert!(matches!(failing.turn, Turn::Over { .. }), "{:?}", failing.turn);
    // Four answers of the provider's, each of 1000 tokens in (200 of them cached) and 50 out; two behind the resumption.
    assert_eq!(usage(&failing), [("gpt-5.5".to_owned(), 3200, 800, 200)]);
    assert_eq!(failing.about.as_deref(), Some("HTTP_429 please"));

    let asking = story(&record(ASKING));
    assert!(matches!(asking.turn, Turn::Running { .. }), "{:?}", asking.turn);
    assert_eq!(usage(&asking), [("gpt-5.5".to_owned(), 2400, 600, 150)]);

    let finished = story(&record(FINISHED));
    assert!(matches!(finished.turn, Turn::Over { .. }), "{:?}", finished.turn);
}

#[test]
fn why_turns_failed() {
    let text = String::from_utf8(record(FAILING)).expect("UTF-8");
    let failures: Vec<_> = text.lines().filter_map(|line| parse(line.as_bytes())).collect();
    let failures = failures.into_iter().filter_map(|line| match line.record {
        Record::Ended(Some(why)) => Some((why.limited, why.text)),
        _ => None,
    });
    let failures: Vec<_> = failures.collect();
    let limited: Vec<_> = failures.iter().map(|(limited, _)| *limited).collect();
    assert_eq!(limited, [true, false, true], "{failures:?}");
    assert!(failures[2].1.contains("usage limit"), "{failures:?}");
}

#[test]
fn a_window_that_is_used_up_says_until_when() {
    let line = |primary: &str| {
        format!(
            r#"{{"timestamp":"2026-11-22T02:00:00.000Z","type":"event_msg","payload":{{"type":"token_count","info":null,
            "rate_limits":{{"primary":{primary},"secondary":{{"used_percent":3.0,"resets_at":9999999999}}}}}}}}"#
        )
    };
    let until = |primary: &str| match parse(line(primary).as_bytes()).expect("a line").record {
        Record::Limits(until) => until.map(|until| until.to_string()),
        other => panic!("{other:?}"),
    };
    assert_eq!(until(r#"{"used_percent":99.5,"resets_at":1795316400}"#), None);
    assert_eq!(until(r#"{"used_percent":100.0,"resets_at":1795316400}"#).as_deref(), Some("2026-11-22T03:00:00.000Z"));
    let soon = r#"{"used_percent":100.0,"resets_in_seconds":60}"#;
    assert_eq!(until(soon).as_deref(), Some("2026-11-22T02:01:00.000Z"));
}

#[test]
fn cut_at_every_byte_it_comes_to_the_same_end() {
    let bytes = record(FINISHED);
    let whole = story(&bytes);
    let scratch = Scratch::new();
    let (mut mark, mut told) = (Mark::beginning(scratch.write("record.jsonl", "")), Story::default());
    let mut file = std::fs::OpenOptions::new().append(true).open(&mark.path).expect("a file");
    for at in 0..bytes.len() {
        std::io::Write::write_all(&mut file, &bytes[at..=at]).expect("written");
        let mut budget = u64::MAX;
        read_on(&mut mark, &mut told, &mut budget).expect("read");
        let left = usize::try_from(mark.position.offset).expect("an offset");
        assert!(left <= at + 1 && !bytes[left..=at].contains(&b'\n'), "a line without an end is left at {at}");
    }
    assert_eq!(told, whole);
}

#[test]
fn a_file_that_was_cut_or_replaced_is_read_anew() {
    let (first, second) = (record(FAILING), record(FINISHED));
    let scratch = Scratch::new();
    let path = scratch.write("record.jsonl", &first);
    let (mut mark, mut told, mut budget) = (Mark::beginning(path.clone()), Story::default(), u64::MAX);
    read_on(&mut mark, &mut told, &mut budget).expect("read");
    assert_eq!(told, story(&first));
    // Replaced by another file, which is longer than what was read.
    let longer: Vec<u8> = first.iter().chain(&second).copied().collect();
    scratch.write("record.jsonl", &longer);
    read_on(&mut mark, &mut told, &mut budget).expect("read");
    assert_eq!(told, story(&longer));
    // The same file, cut.
    std::fs::OpenOptions::new().write(true).open(&path).and_then(|file| file.set_len(0)).expect("cut");
    read_on(&mut mark, &mut told, &mut budget).expect("read");
    assert_eq!(told, Story::default());
}

#[test]
fn a_budget_is_kept_and_the_rest_is_read_later() {
    let bytes = record(FAILING);
    let scratch = Scratch::new();
    let (mut mark, mut told) = (Mark::beginning(scratch.write("record.jsonl", &bytes)), Story::default());
    let mut looks = 0;
    loop {
        let mut budget = 4096;
        looks += 1;
        if read_on(&mut mark, &mut told, &mut budget).expect("read") == Progress::Complete {
            break;
        }
        assert_eq!(budget, 0);
    }
    assert!(looks > 3, "{looks} looks");
    assert_eq!(told, story(&bytes));
}

proptest! {
    /// Bytes of a capture overwritten at random: still every other line is read, and nothing fails.
    #[test]
    fn broken_bytes_break_their_line_only(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20)) {
        let mut bytes = record(ASKING);
        let lines = bytes.split(|byte| *byte == b'\n').count() - 1;
        for (at, byte) in &changes {
            let at = at.index(bytes.len());
            if bytes[at] != b'\n' && *byte != b'\n' {
                bytes[at] = *byte;
            }
        }
        let read = bytes.split(|byte| *byte == b'\n').filter(|line| parse(line).is_some()).count();
        prop_assert!(read + changes.len() >= lines, "{read} of {lines}");
        let _ = story(&bytes).usage();
    }

    #[test]
    fn any_line_is_read(line in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&line);
    }
}
