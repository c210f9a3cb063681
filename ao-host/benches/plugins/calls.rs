//! One call through each door, against the same call without a boundary.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ao_core::slots::Tracker;
use ao_core::slots::tracker::{DescribeIssue, GetIssue, Issue, IssueState};
use ao_host::registry::Candidate;
use ao_plugin_fixture::FixtureTracker;
use ao_plugin_sdk::Plugin;
use camino::Utf8Path;
use serde_json::json;
use tokio::runtime::{Builder, Runtime};

use crate::rig::{isolated, library, registry, verdict};

/// Runs of each measurement; the fastest counts, the others had company.
const RUNS: usize = 5;
const CALLS: u32 = 5000;

/// The bounds of one call's overhead, in nanoseconds.
const LINKED_IN: u128 = 1000;
const PURE: u128 = 3000;
const LIBRARY: u128 = 15_000;

pub(crate) fn run(scratch: &Utf8Path) {
    let runtime = two_workers();
    let name = "fixture".parse().unwrap();
    let config = json!({"issues": {"1": "title"}});
    let native: Arc<dyn Tracker> =
        Arc::new(FixtureTracker::new(serde_json::from_value(config.clone()).unwrap()).unwrap());
    let linked = registry(scratch, Vec::new()).tracker(&name, &config).unwrap();
    let loaded = registry(scratch, vec![Candidate::plain(library())]).tracker(&name, &config).unwrap();
    let apart = registry(scratch, vec![isolated()]).tracker(&name, &config).unwrap();
    println!(
        "\n## A call\n\nThe fastest of {RUNS} runs of {CALLS} calls; the overhead is what is above the floor in front of it.\n"
    );
    println!("| call | ns | overhead | bound |\n|---|---:|---:|---|");
    let mut issue = Issue::new("1", "title", IssueState::Open);
    issue.body = "x".repeat(110);
    let floor = runtime.block_on(pure(&native, &issue));
    row("`pure`, native: the floor", floor, None, None);
    row("`pure`, linked in and guarded", runtime.block_on(pure(&linked, &issue)), Some(floor), Some(LINKED_IN));
    row("`pure`, through a library", runtime.block_on(pure(&loaded, &issue)), Some(floor), Some(PURE));
    let floor = runtime.block_on(get(&native));
    row("async, native: the floor", floor, None, None);
    row("async, linked in and guarded", runtime.block_on(get(&linked)), Some(floor), Some(LINKED_IN));
    let other = two_workers();
    let there = runtime.block_on(elsewhere(&native, &other));
    other.shutdown_background();
    row("async, native on a second runtime: two wake-ups and no boundary", there, Some(floor), None);
    row("async, through a library on its own runtime", runtime.block_on(get(&loaded)), Some(floor), Some(LIBRARY));
    row("async, out of process", runtime.block_on(get(&apart)), Some(floor), None);
}

fn two_workers() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// One line: the time of a call, and what it is above the floor against its bound.
fn row(name: &str, time: Duration, floor: Option<Duration>, bound: Option<u128>) {
    let overhead = floor.map(|floor| time.saturating_sub(floor).as_nanos());
    let shown = overhead.map(|overhead| overhead.to_string()).unwrap_or_default();
    let verdict = bound.zip(overhead).map(|(bound, overhead)| verdict(overhead, bound)).unwrap_or_default();
    println!("| {name} | {} | {shown} | {verdict} |", time.as_nanos());
}

async fn fastest<F: Future>(mut call: impl FnMut() -> F) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..RUNS {
        let start = Instant::now();
        for _ in 0..CALLS {
            call().await;
        }
        best = best.min(start.elapsed() / CALLS);
    }
    best
}

async fn pure(tracker: &Arc<dyn Tracker>, issue: &Issue) -> Duration {
    fastest(|| async { tracker.describe(DescribeIssue::new(issue.clone())).await.unwrap() }).await
}

async fn get(tracker: &Arc<dyn Tracker>) -> Duration {
    fastest(|| async { tracker.get(GetIssue::new("1")).await.unwrap() }).await
}

/// The same call on another runtime, without any boundary: what the changes of thread alone cost on this machine.
async fn elsewhere(tracker: &Arc<dyn Tracker>, other: &Runtime) -> Duration {
    fastest(|| {
        let tracker = Arc::clone(tracker);
        let there = other.spawn(async move { tracker.get(GetIssue::new("1")).await });
        async { there.await.unwrap().unwrap() }
    })
    .await
}
