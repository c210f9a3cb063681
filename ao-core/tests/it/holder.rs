//! The files and frames of a holder of version 1, held: a holder lives as long as its agent, and so meets every host that
//! comes after it. What is here is never edited; a later version gets texts of its own.

use ao_core::model::process::{ExitRecord, ExitStatus, HOLDER_VERSION, HoldSpec, HoldStdio, HolderRecord};
use ao_core::model::terminal::{Packet, PacketReader, TERMINAL_VERSION, TerminalReply, TerminalRequest};
use serde_json::{Value, json};

const HOLDER: &str =
    r#"{"version":1,"holder":{"pid":41,"start":901,"boot":"b"},"started_at":"2026-01-01T00:00:00.000Z"}"#;
const HOLDER_WITH_CHILD: &str = r#"{"version":1,"holder":{"pid":41,"start":901,"boot":"b"},"started_at":"2026-01-01T00:00:00.000Z","child":{"pid":42,"start":902,"boot":"b"}}"#;
const EXITS: [(&str, ExitStatus); 3] = [
    (
        r#"{"version":1,"status":{"kind":"code","code":3},"at":"2026-01-01T00:00:00.000Z"}"#,
        ExitStatus::Code { code: 3 },
    ),
    (
        r#"{"version":1,"status":{"kind":"signal","signal":9},"at":"2026-01-01T00:00:00.000Z"}"#,
        ExitStatus::Signal { signal: 9 },
    ),
    (
        r#"{"version":1,"status":{"kind":"code","code":127},"at":"2026-01-01T00:00:00.000Z","error":"not found"}"#,
        ExitStatus::Code { code: 127 },
    ),
];
const SPECS: [&str; 3] = [
    r#"{"version":1,"argv":["sh","a.sh"],"cwd":"/w","directory":"/s","env":{"PATH":"/bin"}}"#,
    r#"{"version":1,"argv":["x"],"cwd":"/w","directory":"/s","env":{},"stdio":{"kind":"files","input":"/s/in","output":"/s/out"}}"#,
    r#"{"version":1,"argv":["x"],"cwd":"/w","directory":"/s","env":{},"stdio":{"kind":"pty","socket":"/r/x.sock","output":"/s/log","size":{"columns":80,"rows":24},"scrollback":5,"log_bytes":9}}"#,
];
const REQUESTS: [&str; 12] = [
    r#"{"kind":"attach","size":{"columns":80,"rows":24}}"#,
    r#"{"kind":"resize","size":{"columns":80,"rows":24}}"#,
    r#"{"kind":"detach"}"#,
    r#"{"kind":"screen","lines":3}"#,
    r#"{"kind":"output","cursor":null,"max_bytes":5}"#,
    r#"{"kind":"output","cursor":7,"max_bytes":5}"#,
    r#"{"kind":"send","text":"a"}"#,
    r#"{"kind":"submit"}"#,
    r#"{"kind":"signal","signal":2}"#,
    r#"{"kind":"wait"}"#,
    r#"{"kind":"watch"}"#,
    r#"{"kind":"ping"}"#,
];
const REPLIES: [&str; 7] = [
    r#"{"kind":"hello","version":1,"tty":"/dev/pts/4"}"#,
    r#"{"kind":"done"}"#,
    r#"{"kind":"screen","text":"a","size":{"columns":80,"rows":24},"last_output_at":"2026-01-01T00:00:00.000Z"}"#,
    r#"{"kind":"output","from":7,"truncated":false}"#,
    r#"{"kind":"changed"}"#,
    r#"{"kind":"exit","status":{"kind":"code","code":0}}"#,
    r#"{"kind":"failed","code":"unsupported","message":"x"}"#,
];

/// Reads a text, and gives back what would be written.
fn again<T: serde::Serialize + serde::de::DeserializeOwned>(text: &str) -> Value {
    let read: T = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    serde_json::to_value(read).unwrap()
}

fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn the_records_of_the_first_version_are_read() {
    for text in [HOLDER, HOLDER_WITH_CHILD] {
        assert_eq!(again::<HolderRecord>(text), value(text));
    }
    let record: HolderRecord = serde_json::from_str(HOLDER_WITH_CHILD).unwrap();
    assert_eq!((record.version, record.holder.pid, record.child.map(|child| child.start)), (1, 41, Some(902)));
    for (text, status) in EXITS {
        assert_eq!(again::<ExitRecord>(text), value(text));
        assert_eq!(serde_json::from_str::<ExitRecord>(text).unwrap().status, status);
    }
}

/// A host hands the program of its own version what to hold, but a program that is replaced meanwhile is met, too.
#[test]
fn what_is_to_be_held_is_said_as_the_first_version_reads_it() {
    assert_eq!(HOLDER_VERSION, 1, "a new version needs texts of its own here");
    for text in SPECS {
        assert_eq!(again::<HoldSpec>(text), value(text));
    }
    let mut newer = value(SPECS[0]);
    newer["stdio"] = json!({"kind": "hologram", "depth": 3});
    let spec: HoldSpec = serde_json::from_value(newer).unwrap();
    assert_eq!(spec.stdio, HoldStdio::Unknown, "refused by name, not misread");
}

#[test]
fn the_frames_of_the_first_version_are_said_and_heard() {
    assert_eq!(TERMINAL_VERSION, 1, "a new version needs texts of its own here");
    for text in REQUESTS {
        assert_eq!(again::<TerminalRequest>(text), value(text));
    }
    for text in REPLIES {
        assert_eq!(again::<TerminalReply>(text), value(text));
    }
    let mut reader = PacketReader::default();
    reader.push(b"\x01\x00\x00\x00\x0f{\"kind\":\"ping\"}\x00\x00\x00\x00\x02hi");
    assert_eq!(reader.take(), Ok(Some(Packet::Control(br#"{"kind":"ping"}"#.to_vec()))));
    assert_eq!(reader.take(), Ok(Some(Packet::Data(b"hi".to_vec()))));
}
