//! Hosts that are killed while they take their place, or while they read what agents left.

use ao_host::world::files::write_atomic;
use serde_json::{Value, json};

use crate::host::Stage;
use crate::studio::{Engine, Studio};
use crate::support::World;

/// The number of the signal that ends the program at a failpoint.
const KILLED: i32 = 9;

/// Starts a host that gets up to a failpoint.
fn die_at(world: &World, label: &str, arguments: &[&str]) {
    let run = world.ao_with(arguments, &[("AO_FAILPOINTS", &format!("{label}=kill"))]);
    assert_eq!(run.signal(), Some(KILLED), "the program does not pass `{label}`: {run}");
}

/// The details of all events of a type.
fn events(world: &World, kind: &str) -> Vec<Value> {
    let log = world.ao(&["events", "--json", "--type", kind]).succeeds();
    log.stdout().lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["data"].clone()).collect()
}

/// Every term is one host's, and they count up.
fn epochs_count_up(world: &World) -> u64 {
    let epochs: Vec<_> = events(world, "host.started").iter().map(|data| data["epoch"].as_u64().unwrap()).collect();
    assert!(epochs.is_sorted_by(|before, after| before < after), "{epochs:?}");
    epochs.last().copied().unwrap_or_default()
}

const STEPS: [&str; 5] = [
    "takeover.lock.before",
    "takeover.lock.held",
    "takeover.lock.after",
    "takeover.epoch.before",
    "takeover.epoch.after",
];

#[test]
fn a_host_that_dies_while_it_starts_leaves_nothing_that_keeps_the_next() {
    let stage = Stage::new();
    for (number, label) in (1..).zip(STEPS) {
        die_at(&stage.0, label, &["start"]);
        assert!(!stage.runs(), "after {label}");
        let host = stage.foreground(&[]);
        assert!(stage.runs(), "after {label}");
        stage.0.ao(&["stop"]).succeeds();
        assert_eq!(host.ends(), Some(0));
        let died_with_a_term = u64::from(label == "takeover.epoch.after");
        assert_eq!(epochs_count_up(&stage.0), number + died_with_a_term, "after {label}");
    }
}

#[test]
fn a_host_that_dies_while_it_takes_a_place_leaves_one_or_none() {
    let stage = Stage::new();
    for label in STEPS.into_iter().chain(["takeover.lock.ended"]) {
        let first = stage.foreground(&[]);
        die_at(&stage.0, label, &["start", "--takeover"]);
        // Whoever has not begun has touched nobody.
        let untouched = label == "takeover.lock.before";
        assert_eq!(stage.runs(), untouched, "after {label}");
        let next = stage.foreground(&["--takeover"]);
        assert_eq!(first.ends(), Some(0), "it was asked to end: {label}");
        stage.0.ao(&["stop"]).succeeds();
        assert_eq!(next.ends(), Some(0));
        epochs_count_up(&stage.0);
    }
}

#[test]
fn what_an_agent_reports_is_taken_once_whenever_the_host_dies() {
    let studio = Studio::new(Engine::Process);
    let id = studio.spawn(&["--agent", "sleeper"]);
    let spool = studio.places().session_dir(&id.parse().unwrap()).join("spool");
    let seen = studio.processes().into_iter().any(|pid| {
        let environment = fs_err::read(format!("/proc/{pid}/environ")).unwrap();
        String::from_utf8_lossy(&environment).split('\0').any(|variable| variable == format!("AO_SPOOL={spool}"))
    });
    assert!(seen, "the agent finds its spool");
    for (number, label) in (1..).zip(["spool.ingest.before", "spool.ingest.after"]) {
        let report = json!({"state": "needs_input", "note": format!("question {number}")});
        write_atomic(&spool.join(format!("{number}.report.json")), report.to_string().as_bytes(), 0o600).unwrap();
        die_at(&studio.world, label, &["start", "--once"]);
        assert!(spool.join(format!("{number}.report.json")).exists(), "after {label}");
        for _ in 0..2 {
            assert_eq!(studio.world.ao(&["start", "--once"]).code(), 1, "it waits for somebody");
        }
        assert_eq!(fs_err::read_dir(&spool).unwrap().count(), 0, "after {label}");
        let accepted = events(&studio.world, "agent.report_accepted");
        let ids: Vec<_> = accepted.iter().map(|data| data["report"].clone()).collect();
        assert_eq!(ids, (1..=number).map(|id| json!(id.to_string())).collect::<Vec<_>>());
        assert_eq!(studio.status(&id), "needs_input");
        let reason = studio.show(&id)["status"]["reason"].clone();
        assert!(reason.as_str().unwrap().contains(&format!("question {number}")), "{reason}");
    }
}
