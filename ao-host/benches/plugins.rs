//! What a call and a load through a real library cost, against a call without a boundary measured in the same run.
//!
//! `cargo bench -p ao-host --bench plugins`, or `cargo xtask bench`.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark reads the clock, prints its table and fails loudly"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use ao_core::plugin::registrations;
use ao_core::slots::Tracker;
use ao_core::slots::tracker::{DescribeIssue, GetIssue, Issue, IssueState};
use ao_host::isolation::Hosting;
use ao_host::loader::{Library, Vault};
use ao_host::registry::{Candidate, Registry, Search, SearchOrder, admit};
use ao_host::trust::{Trust, TrustedByHash};
use ao_plugin_fixture::FixtureTracker;
use ao_plugin_sdk::Plugin;
use camino::{Utf8Path, Utf8PathBuf};
use serde_json::json;

/// Runs of each measurement; the fastest counts, the others had company.
const RUNS: usize = 5;
const CALLS: u32 = 5000;

fn main() {
    let scratch = tempfile::tempdir().unwrap();
    let scratch = Utf8Path::from_path(scratch.path()).unwrap();
    calls(scratch);
    loads(scratch);
}

fn calls(scratch: &Utf8Path) {
    let program = Utf8PathBuf::from(env!("CARGO_BIN_EXE_ao-host-test-program"));
    let hosting = Hosting::Process { program };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let name = "fixture".parse().unwrap();
    let config = json!({"label": "bench"});
    let native: Arc<dyn Tracker> =
        Arc::new(FixtureTracker::new(serde_json::from_value(config.clone()).unwrap()).unwrap());
    let linked = registry(scratch, Vec::new()).tracker(&name, &config).unwrap();
    let loaded = registry(scratch, vec![Candidate::plain(library())]).tracker(&name, &config).unwrap();
    let isolated = registry(scratch, vec![Candidate { hosting, ..Candidate::plain(library()) }]);
    let isolated = isolated.tracker(&name, &config).unwrap();
    println!("{:<44} {:>12} {:>10}", "a call", "ns", "overhead");
    let mut issue = Issue::new("1", "title", IssueState::Open);
    issue.body = "x".repeat(110);
    let floor = runtime.block_on(pure(&native, &issue));
    row("native, pure", floor, None, None);
    row("linked in and guarded, pure", runtime.block_on(pure(&linked, &issue)), Some(floor), Some(1000));
    row("through a library, pure", runtime.block_on(pure(&loaded, &issue)), Some(floor), Some(3000));
    let floor = runtime.block_on(get(&native));
    row("native, async", floor, None, None);
    row("linked in and guarded, async", runtime.block_on(get(&linked)), Some(floor), Some(1000));
    let other = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    row(
        "native, on a second runtime: the two wake-ups",
        runtime.block_on(elsewhere(&native, &other)),
        Some(floor),
        None,
    );
    other.shutdown_background();
    row("through a library, on its own runtime", runtime.block_on(get(&loaded)), Some(floor), Some(15_000));
    row("out of process, pure", runtime.block_on(pure(&isolated, &issue)), Some(floor), None);
    row("out of process, async", runtime.block_on(get(&isolated)), Some(floor), None);
}

/// One line: the time of a call, and what it is above the floor against its bound.
fn row(name: &str, time: Duration, floor: Option<Duration>, bound: Option<u128>) {
    let overhead = floor.map(|floor| time.saturating_sub(floor).as_nanos());
    let shown = overhead.map(|overhead| format!("{overhead}")).unwrap_or_default();
    let verdict = bound.zip(overhead).map(|(bound, overhead)| {
        let word = if overhead <= bound { "within" } else { "ABOVE" };
        format!("  {word} {bound}")
    });
    println!("{name:<44} {:>12} {shown:>10}{}", time.as_nanos(), verdict.unwrap_or_default());
}

async fn pure(tracker: &Arc<dyn Tracker>, issue: &Issue) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..RUNS {
        let start = Instant::now();
        for _ in 0..CALLS {
            tracker.describe(DescribeIssue::new(issue.clone())).await.unwrap();
        }
        best = best.min(start.elapsed() / CALLS);
    }
    best
}

async fn get(tracker: &Arc<dyn Tracker>) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..RUNS {
        let start = Instant::now();
        for _ in 0..CALLS {
            tracker.get(GetIssue::new("1")).await.unwrap();
        }
        best = best.min(start.elapsed() / CALLS);
    }
    best
}

/// The same call on another runtime, without any boundary: what the changes of thread alone cost on this machine.
async fn elsewhere(tracker: &Arc<dyn Tracker>, other: &tokio::runtime::Runtime) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..RUNS {
        let start = Instant::now();
        for _ in 0..CALLS {
            let tracker = Arc::clone(tracker);
            other.spawn(async move { tracker.get(GetIssue::new("1")).await }).await.unwrap().unwrap();
        }
        best = best.min(start.elapsed() / CALLS);
    }
    best
}

/// Loads copies of the library that differ in their last byte, so that each is mapped.
fn loads(scratch: &Utf8Path) {
    println!("\n{:<44} {:>12}", "loading libraries: map, check, manifest", "ms");
    let vault = Vault::new(scratch.join("load"));
    let bytes = std::fs::read(library()).unwrap();
    let mut number = 0_u32;
    for count in [1, 10, 50] {
        let stored: Vec<_> = (0..count)
            .map(|_| {
                number += 1;
                let path = scratch.join(format!("libcopy{number}.so"));
                let copy = [&bytes[..], &number.to_le_bytes()].concat();
                ao_host::world::files::write_atomic(&path, &copy, 0o600).unwrap();
                vault.store(&path).unwrap()
            })
            .collect();
        let start = Instant::now();
        for stored in &stored {
            Library::load(stored).unwrap();
        }
        let time = start.elapsed();
        let bound = if count == 50 { if time.as_millis() <= 50 { "  within 50" } else { "  ABOVE 50" } } else { "" };
        println!("{count:<44} {:>12.2}{bound}", time.as_secs_f64() * 1000.0);
    }
}

fn registry(scratch: &Utf8Path, listed: Vec<Candidate>) -> Registry {
    let vault = Vault::new(scratch.join("by-hash"));
    let trust_file = scratch.join("trust/trust.toml");
    let read = |stored: &_| Ok(Library::load(stored)?.manifest().clone());
    admit(&library(), &vault, &trust_file, &read).unwrap();
    let trust = Trust::read(&trust_file, &TrustedByHash::default()).unwrap();
    let candidates = SearchOrder { listed, directories: Vec::new() };
    Registry::assemble(registrations(), &Search { candidates, trust: &trust, vault: &vault }).unwrap()
}

/// The fixture library, which cargo builds as a dependency of this binary.
fn library() -> Utf8PathBuf {
    let here = Utf8PathBuf::from_path_buf(std::env::current_exe().unwrap()).unwrap();
    let name = format!("{}ao_plugin_fixture{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    here.parent().unwrap().join(name)
}
