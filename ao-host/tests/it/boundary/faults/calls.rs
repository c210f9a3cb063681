//! Faults of a library's code that its host survives: one row a fault.

use serde_json::{Value, json};

use super::rig::{Others, Played, Rig, Where};

/// What a call sees that meets a fault.
enum Sees {
    /// An error with this code, soon.
    Error(&'static str),
    /// An error with this code once the deadline is over, and not much later.
    TimeOut,
    /// An answer, as nothing is wrong with the call itself.
    Answer,
}

/// Where the fault happens.
#[derive(Clone, Copy)]
enum At {
    Constructor,
    Call,
    Stream,
}

/// One fault, and what a host sees of it, whether the library is in its own process or in another. (What ends a process
/// is in `process.rs`.)
struct Row {
    fault: &'static str,
    at: At,
    sees: Sees,
    others: Others,
}

const fn row(fault: &'static str, at: At, sees: Sees) -> Row {
    Row { fault, at, sees, others: Others::OfTheSameLibraryToo }
}

fn check(row: &Row) -> Played {
    check_at(row, Where::Apart);
    check_at(row, Where::Here)
}

fn check_at(row: &Row, place: Where) -> Played {
    let mut rig = Rig::with_at("ao_faulty", place);
    match row.at {
        At::Constructor => rig.get("faulty", json!({"fault": row.fault, "at": "constructor"}), "1"),
        At::Call => rig.get("faulty", json!({"fault": row.fault}), "1"),
        At::Stream => rig.step(json!({
            "do": "stream", "plugin": "faulty", "config": {"fault": row.fault, "at": "stream"}, "frames": 2,
        })),
    };
    let played = rig.play_and_others_answer(row.others);
    let last = played.last().clone();
    let seen: &Value = if let At::Stream = row.at { &last["read"][1] } else { &last };
    let ms = last["ms"].as_u64().unwrap();
    match row.sees {
        Sees::Error(code) => assert_eq!(seen["error"]["code"], code, "{}: {last}", row.fault),
        Sees::TimeOut => {
            assert_eq!(seen["error"]["code"], "timeout", "{}: {last}", row.fault);
            assert!(
                (place.deadline()..place.deadline() + 3000).contains(&ms),
                "{}: the deadline ends the call: {last}",
                row.fault
            );
        }
        Sees::Answer => assert!(seen["error"].is_null(), "{}: {last}", row.fault),
    }
    played
}

#[test]
fn a_constructor_refuses() {
    let played = check(&row("refuse", At::Constructor, Sees::Error("invalid_input")));
    assert_eq!(played.last()["error"]["field"], "fault");
}

#[test]
fn a_constructor_panics() {
    check(&row("panic", At::Constructor, Sees::Error("panic")));
}

#[test]
fn a_constructor_never_ends() {
    for fault in ["sleep", "busy"] {
        let config = || json!({"fault": fault, "at": "constructor"});
        let mut rig = Rig::with("ao_faulty");
        rig.get("faulty", config(), "1").get("faulty", config(), "1");
        let played = rig.play_and_others_answer(Others::OfTheSameLibraryToo);
        let (first, second) = (&played.seen[3], &played.seen[4]);
        assert_eq!(first["error"]["code"], "timeout", "{first}");
        assert!((10_000..15_000).contains(&first["ms"].as_u64().unwrap()), "{first}");
        assert_eq!(second["error"]["code"], "unavailable", "it is refused while the first attempt hangs: {second}");
        assert!(second["ms"].as_u64().unwrap() < 1000, "at once: {second}");
    }
}

#[test]
fn a_destructor_never_ends() {
    for fault in ["sleep", "busy"] {
        let mut rig = Rig::with("ao_faulty");
        let config = json!({"fault": fault, "at": "drop"});
        rig.get("faulty", config.clone(), "1").step(json!({"do": "close"})).assemble_again();
        rig.step(json!({"do": "stream", "plugin": "faulty", "config": config, "frames": 1}));
        let played = rig.play_and_others_answer(Others::OfTheSameLibraryToo);
        assert!(played.seen[3]["ok"].is_string(), "{:?}", played.seen);
        for ended in [&played.seen[4], &played.seen[6]] {
            assert!(ended["error"].is_null() && ended["ms"].as_u64().unwrap() < 4000, "{ended}");
        }
    }
}

#[test]
fn a_call_panics() {
    let played = check(&row("panic", At::Call, Sees::Error("panic")));
    assert_eq!(played.last()["error"]["message"], "`get` panicked: on purpose");
}

#[test]
fn a_stream_panics() {
    check(&row("panic", At::Stream, Sees::Error("panic")));
}

#[test]
fn a_thread_of_its_own_panics() {
    check(&row("thread_panic", At::Call, Sees::Answer));
    check(&row("thread_panic", At::Constructor, Sees::Answer));
}

/// With the thread-locals of `tracing`, the SDK and the host gone already, or still there.
#[test]
fn logs_when_a_threads_locals_are_dropped() {
    check(&row("late_log", At::Call, Sees::Answer));
    check(&row("late_log", At::Constructor, Sees::Answer));
}

#[test]
fn panics_when_it_is_cancelled() {
    check(&row("late_panic", At::Call, Sees::TimeOut));
}

#[test]
fn an_instance_panics_when_it_is_dropped() {
    let mut rig = Rig::with("ao_faulty");
    rig.get("faulty", json!({"fault": "panic", "at": "drop"}), "1").step(json!({"do": "forget"})).assemble_again();
    let played = rig.play_and_others_answer(Others::OfTheSameLibraryToo);
    assert!(played.seen[3]["ok"].is_string(), "{:?}", played.seen);
    assert!(played.seen[4]["error"].is_null(), "{:?}", played.seen);
}

#[test]
fn a_stream_panics_when_it_is_dropped() {
    let mut rig = Rig::with("ao_faulty");
    let config = json!({"fault": "panic", "at": "drop"});
    rig.step(json!({"do": "stream", "plugin": "faulty", "config": config, "frames": 1}));
    let played = rig.play_and_others_answer(Others::OfTheSameLibraryToo);
    assert_eq!(played.last()["read"], json!([{"bytes": 5}]));
}

#[test]
fn a_call_never_returns() {
    check(&row("never", At::Call, Sees::TimeOut));
}

#[test]
fn a_stream_never_yields() {
    let mut rig = Rig::with("ao_faulty");
    let config = json!({"fault": "never", "at": "stream"});
    rig.step(json!({"do": "stream", "plugin": "faulty", "config": config, "frames": 2}));
    let played = rig.play_and_others_answer(Others::OfTheSameLibraryToo);
    assert_eq!(played.last()["read"][1], json!({"silent": true}), "no deadline is on a stream, whoever reads has one");
}

#[test]
fn a_call_is_slow_but_in_time() {
    check(&row("slow", At::Call, Sees::Answer));
}

#[test]
fn a_call_computes_for_ever() {
    check(&row("busy", At::Call, Sees::TimeOut));
}

#[test]
fn a_call_blocks_its_worker() {
    check(&row("sleep", At::Call, Sees::TimeOut));
    check(&row("lock", At::Call, Sees::TimeOut));
}

/// A library has two workers: with both of them gone, nothing that waits in it is answered any more. The host and all
/// other libraries do not notice.
#[test]
fn all_workers_of_a_library_are_blocked() {
    let mut rig = Rig::with("ao_faulty");
    let ids = ["busy", "sleep", "lock"];
    rig.step(json!({"do": "calls", "plugin": "faulty", "config": {}, "ids": ids}));
    rig.get("faulty", json!({"number": 1}), "fine");
    let played = rig.play_and_others_answer(Others::OfOtherLibraries);
    for answer in played.seen[3]["answers"].as_array().unwrap() {
        assert_eq!(answer["error"]["code"], "timeout", "{answer}");
    }
    assert!(["timeout", "unavailable"].contains(&played.code()), "the library is wedged: {}", played.last());
}

#[test]
fn a_call_answers_more_than_the_host_takes() {
    let mut rig = Rig::with("ao_faulty");
    rig.get("faulty", json!({"fault": "huge"}), "1").step(json!({"do": "measure"}));
    let played = rig.play_and_others_answer(Others::OfTheSameLibraryToo);
    let refused = &played.seen[3]["error"];
    // Writing down 100 MiB may take a debug build longer than the deadline.
    assert!(["protocol", "timeout"].contains(&refused["code"].as_str().unwrap()), "{refused}");
    bounded(played.last());
}

/// A host that met 100 MiB has kept none of it, and has copied none of it.
pub(super) fn bounded(measured: &Value) {
    let peak = measured["peak_kib"].as_u64().unwrap();
    assert!(peak < 512 * 1024, "the host had {peak} KiB");
}

#[test]
fn a_stream_sends_a_frame_of_100_mib() {
    let mut rig = Rig::with("ao_faulty");
    let config = json!({"fault": "huge", "at": "stream"});
    rig.step(json!({"do": "stream", "plugin": "faulty", "config": config, "frames": 2})).step(json!({"do": "measure"}));
    let played = rig.play_and_others_answer(Others::OfTheSameLibraryToo);
    assert_eq!(played.seen[3]["read"][0], json!({"bytes": 5}));
    bounded(played.last());
}

#[test]
fn a_call_floods_the_log() {
    let mut rig = Rig::with("ao_faulty");
    rig.get("faulty", json!({"fault": "noise"}), "1").step(json!({"do": "measure"}));
    let played = rig.play_and_others_answer(Others::OfTheSameLibraryToo);
    let lines = played.last()["lines"].as_u64().unwrap();
    // A thousand a second, of an instance and for the time that the call took.
    assert!((1..20_000).contains(&lines), "{lines} lines were kept");
}

#[test]
fn a_call_leaks_threads() {
    let mut rig = Rig::with("ao_faulty");
    rig.get("faulty", json!({"fault": "threads"}), "1").step(json!({"do": "measure"}));
    let played = rig.play_and_others_answer(Others::OfTheSameLibraryToo);
    assert!(played.seen[3]["error"].is_null(), "{:?}", played.seen);
    assert!(played.last()["threads"].as_u64().unwrap() > 50, "they are there: {}", played.last());
}

#[test]
fn many_failures_in_a_row_are_the_failing_instances_alone() {
    let mut rig = Rig::with("ao_faulty");
    for _ in 0..20 {
        rig.get("faulty", json!({"fault": "panic"}), "1");
    }
    let played = rig.play_and_others_answer(Others::OfTheSameLibraryToo);
    assert_eq!(played.seen[3]["error"]["code"], "panic");
    let codes: Vec<_> = played.seen[3..].iter().map(|seen| seen["error"]["code"].as_str().unwrap()).collect();
    assert_eq!(codes.iter().filter(|code| **code == "panic").count(), 5, "then it is left alone: {codes:?}");
    assert!(codes[5..].iter().all(|code| *code == "unavailable"), "{codes:?}");
}
