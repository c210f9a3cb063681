//! Faults that end the process they happen in. Native code in the host's own process can do that, and nothing in the
//! process can stop it: this is what is documented, and what keeping a library in a process of its own is for.

use rustix::process::Signal;
use serde_json::json;

use super::rig::{Others, Played, Rig, Where};

/// Calls another plugin, which answers, and then the fault.
fn ends(fault: &str) -> Played {
    let mut rig = Rig::with("ao_faulty");
    rig.get("fixture", json!({"issues": {"12": "Fix the door"}}), "12");
    rig.get("faulty", json!({"fault": fault}), "1");
    rig.get("fixture", json!({"issues": {"12": "Fix the door"}}), "12");
    let played = rig.play();
    assert_eq!(played.seen[3]["ok"], "Fix the door");
    assert_eq!(played.seen.len(), 4, "nothing comes after it: {:?}", played.seen);
    played
}

fn is(signal: Signal) -> Result<i32, i32> {
    Err(signal.as_raw())
}

#[test]
fn a_library_exits() {
    assert_eq!(ends("exit").end(), Ok(7));
}

#[test]
fn a_library_aborts() {
    assert_eq!(ends("abort").end(), is(Signal::ABORT));
}

#[test]
fn a_library_runs_out_of_stack() {
    // Which of the two depends on whose handler finds the guard page: the library's standard library or nobody's.
    let end = ends("overflow").end();
    assert!([is(Signal::SEGV), is(Signal::ABORT)].contains(&end), "{end:?}");
}

/// In a process of its own, the same costs the call in flight: the next one is answered by a new process.
fn costs_a_call(fault: &str) -> String {
    let mut rig = Rig::with_at("ao_faulty", Where::Apart);
    rig.get("faulty", json!({}), "fine");
    rig.get("faulty", json!({"fault": fault}), "1");
    let played = rig.play_and_others_answer(Others::OfTheSameLibraryToo);
    assert_eq!(played.code(), "lost", "{:?}", played.seen);
    played.last()["error"]["message"].as_str().unwrap().to_owned()
}

#[test]
fn an_isolated_library_that_exits_costs_a_call() {
    let said = costs_a_call("exit");
    assert!(said.ends_with("ended during the call: exit code 7"), "{said}");
}

#[test]
fn an_isolated_library_that_aborts_costs_a_call() {
    let said = costs_a_call("abort");
    assert!(said.ends_with("ended during the call: signal 6"), "{said}");
}

#[test]
fn an_isolated_library_that_runs_out_of_stack_costs_a_call() {
    let said = costs_a_call("overflow");
    assert!(said.contains("ended during the call: signal "), "{said}");
}
