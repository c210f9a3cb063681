//! Loading libraries: time, memory and threads of each.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ao_core::plugin::NoHost;
use ao_core::slots::tracker::GetIssue;
use ao_core::slots::{Slot, Tracker};
use ao_host::loader::{CreateRequest, Library, Stored, Vault};
use camino::Utf8Path;
use serde_json::json;

use crate::rig::{library, verdict};

/// The bound of loading fifty, in milliseconds.
const FIFTY: u128 = 50;

pub(crate) fn run(scratch: &Utf8Path) {
    println!("## Loading libraries\n");
    println!(
        "Map, check of the layout, manifest; then one instance of each and its first call, which starts its runtime.\n"
    );
    println!(
        "| libraries | ms | each | memory of each | threads of each | with a call: memory | threads | bound (ms) |"
    );
    println!("|---:|---:|---:|---:|---:|---:|---:|---|");
    let vault = Vault::new(scratch.join("load"));
    let bytes = std::fs::read(library()).unwrap();
    let mut number = 0_u32;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut kept = Vec::new();
    for count in [1, 10, 50] {
        let stored: Vec<_> = (0..count).map(|_| copy(scratch, &vault, &bytes, &mut number)).collect();
        let before = Usage::now();
        let start = Instant::now();
        let libraries: Vec<_> = stored.iter().map(|stored| Library::load(stored).unwrap()).collect();
        let time = start.elapsed();
        let loaded = Usage::now();
        for library in &libraries {
            let instance = instance(library);
            runtime.block_on(instance.get(GetIssue::new("1"))).unwrap();
            kept.push(instance);
        }
        row(count, time, &before.to(&loaded), &before.to(&Usage::now()));
    }
}

fn instance(library: &Library) -> Arc<dyn Tracker> {
    let config = json!({"issues": {"1": "title"}});
    let request = CreateRequest { slot: Slot::Tracker, name: "fixture", config: &config, host: Arc::new(NoHost) };
    library.create(&request).unwrap().tracker().unwrap()
}

fn row(count: u32, time: Duration, loaded: &Usage, called: &Usage) {
    let milliseconds = time.as_secs_f64() * 1000.0;
    let each = |kibibytes: u64| format!("{} KiB", kibibytes / u64::from(count));
    let threads = |threads: u64| threads / u64::from(count);
    let verdict = if count == 50 { verdict(time.as_millis(), FIFTY) } else { String::new() };
    println!(
        "| {count} | {milliseconds:.1} | {:.2} | {} | {} | {} | {} | {verdict} |",
        milliseconds / f64::from(count),
        each(loaded.kibibytes),
        threads(loaded.threads),
        each(called.kibibytes),
        threads(called.threads),
    );
}

/// A copy of the library that differs in its last bytes, so that it is mapped by itself.
fn copy(scratch: &Utf8Path, vault: &Vault, bytes: &[u8], number: &mut u32) -> Stored {
    *number += 1;
    let path = scratch.join(format!("libcopy{number}.so"));
    let copy = [bytes, &number.to_le_bytes()].concat();
    ao_host::world::files::write_atomic(&path, &copy, 0o600).unwrap();
    vault.store(&path).unwrap()
}

/// What this process uses.
struct Usage {
    kibibytes: u64,
    threads: u64,
}

impl Usage {
    fn now() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let number = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
            line.split_whitespace().next().unwrap().parse().unwrap()
        };
        Self { kibibytes: number("VmRSS:"), threads: number("Threads:") }
    }

    /// What came since.
    fn to(&self, later: &Self) -> Self {
        Self {
            kibibytes: later.kibibytes.saturating_sub(self.kibibytes),
            threads: later.threads.saturating_sub(self.threads),
        }
    }
}
