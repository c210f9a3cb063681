//! What the event log costs: appending against what the disk takes to keep a few bytes, reading a million events, and
//! moving half of them into archives.
//!
//! `cargo bench -p ao-host --bench events`, or `cargo xtask bench events`. `AO_BENCH_EVENTS` is another number of events.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark reads the clock, prints its table and fails loudly"
)]

use std::io::Write;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use ao_core::lifecycle::StatusName;
use ao_core::model::event::{Event, EventData, EventKind, StatusChanged};
use ao_core::model::{SessionId, Timestamp};
use ao_host::store::{Archives, EventFilter, EventLog, EventPage, Fence, Found, Reader, Retention, SqliteStore, Store};
use ao_host::world::World;
use ao_host::world::fake;
use camino::{Utf8Path, Utf8PathBuf};

/// Single events that are appended one by one, each durable before the next.
const SINGLE: u32 = 2000;

/// Events of one transaction when many are appended.
const BATCH: u64 = 1000;

/// Sessions that the events are about.
const SESSIONS: u64 = 100;

/// The bounds: a commit against the floor, and a whole reading.
const APPEND: f64 = 3.0;
const REPLAY: Duration = Duration::from_secs(5);

fn main() {
    let scratch = tempfile::tempdir().unwrap();
    let scratch = Utf8Path::from_path(scratch.path()).unwrap();
    let count = std::env::var("AO_BENCH_EVENTS").ok().and_then(|count| count.parse().ok()).unwrap_or(1_000_000);
    let world = fake::world(1).world;
    let store = SqliteStore::open(&scratch.join("state.db")).unwrap();
    println!("## The event log\n\n| what | measured | bound |\n|---|---:|---|");
    append(&store, &world, scratch);
    fill(&store, &world, count);
    read(&store, scratch);
    archive(&store, scratch, count);
}

/// An event as there are many.
fn event(world: &World, number: u64) -> Event {
    let session: SessionId = format!("app-{}", number % SESSIONS + 1).parse().unwrap();
    let mut data = StatusChanged::new(StatusName::Working, "the agent works", "activity");
    data.from = Some(StatusName::Ready);
    world.event(Some(&session), EventData::SessionStatusChanged(data))
}

fn row(what: &str, measured: &str, bound: &str) {
    println!("| {what} | {measured} | {bound} |");
}

fn verdict(within: bool, bound: &str) -> String {
    format!("{} {bound}", if within { "within" } else { "**above**" })
}

fn per_second(count: u64, time: Duration) -> u64 {
    u64::try_from(u128::from(count) * 1_000_000_000 / time.as_nanos().max(1)).unwrap_or(u64::MAX)
}

/// One by one, beside a file that is appended to and synced as often.
fn append(store: &SqliteStore, world: &World, scratch: &Utf8Path) {
    let line = serde_json::to_vec(&event(world, 0)).unwrap();
    let mut file = std::fs::OpenOptions::new().append(true).create(true).open(scratch.join("floor")).unwrap();
    let start = Instant::now();
    for _ in 0..SINGLE {
        file.write_all(&line).unwrap();
        file.sync_data().unwrap();
    }
    let floor = start.elapsed();
    let start = Instant::now();
    for number in 0..u64::from(SINGLE) {
        store.append(Fence::None, &[event(world, number)]).unwrap();
    }
    let time = start.elapsed();
    let ratio = time.as_secs_f64() / floor.as_secs_f64();
    let each = |time: Duration| format!("{} us, {}/s", (time / SINGLE).as_micros(), per_second(SINGLE.into(), time));
    row("a line in a file, synced: the floor", &each(floor), "");
    row("an event, durable", &each(time), &verdict(ratio <= APPEND, &format!("{APPEND} floors ({ratio:.1})")));
}

fn fill(store: &SqliteStore, world: &World, count: u64) {
    let start = Instant::now();
    let there = store.last_sequence().unwrap();
    for batch in 0..count.saturating_sub(there).div_ceil(BATCH) {
        let events: Vec<_> = (0..BATCH).map(|number| event(world, batch * BATCH + number)).collect();
        store.append(Fence::None, &events).unwrap();
    }
    let (time, filled) = (start.elapsed(), store.last_sequence().unwrap() - there);
    row(&format!("{BATCH} events a transaction"), &format!("{}/s", per_second(filled, time)), "");
}

fn read(store: &SqliteStore, scratch: &Utf8Path) {
    let (count, time) = replay(store, scratch);
    let shown = format!("{count} in {:.2} s", time.as_secs_f64());
    row("all of the log, in pages", &shown, &verdict(time <= REPLAY, &format!("{} s", REPLAY.as_secs())));
    let session: SessionId = "app-7".parse().unwrap();
    let timed = |what: &str, work: &dyn Fn()| {
        let start = Instant::now();
        work();
        row(what, &format!("{} us", start.elapsed().as_micros()), "");
    };
    let newest = EventFilter { limit: 50, page: EventPage::Newest, ..EventFilter::default() };
    timed("the newest 50", &|| assert_eq!(store.events(&newest).unwrap().len(), 50));
    let of_session = EventFilter { session: Some(session.clone()), ..newest.clone() };
    timed("the newest 50 of a session", &|| assert_eq!(store.events(&of_session).unwrap().len(), 50));
    let rare = EventFilter { kinds: ["host.".parse().unwrap()].into(), ..newest };
    timed("those of a type that there is none of", &|| assert!(store.events(&rare).unwrap().is_empty()));
    let changed = EventKind::SessionStatusChanged;
    timed("a session's newest change of status", &|| drop(store.latest_event(&session, changed).unwrap().unwrap()));
}

fn replay(store: &SqliteStore, scratch: &Utf8Path) -> (u64, Duration) {
    let log = EventLog::new(store, archives(scratch));
    let (start, mut count) = (Instant::now(), 0);
    let everything = EventFilter { limit: u32::MAX, ..EventFilter::default() };
    let visited = log.visit(&everything, &mut |found| {
        count += u64::from(matches!(found, Found::Event(_)));
        ControlFlow::Continue(())
    });
    visited.unwrap();
    (count, start.elapsed())
}

fn archives(scratch: &Utf8Path) -> Archives {
    Archives::new(directory(scratch))
}

fn directory(scratch: &Utf8Path) -> Utf8PathBuf {
    scratch.join("events")
}

fn archive(store: &SqliteStore, scratch: &Utf8Path, count: u64) {
    let half = Retention { rows: count / 2, ..Retention::default() };
    let start = Instant::now();
    let archived = store.archive_events(Fence::None, &directory(scratch), &half, Timestamp::from_millis(0)).unwrap();
    let rows = u64::try_from(archived.rows).unwrap();
    row("archived", &format!("{rows} in {} files, {}/s", archived.files.len(), per_second(rows, start.elapsed())), "");
    let (count, time) = replay(store, scratch);
    let shown = format!("{count} in {:.2} s", time.as_secs_f64());
    row("all of the log, half of it from files", &shown, &verdict(time <= REPLAY, &format!("{} s", REPLAY.as_secs())));
}
