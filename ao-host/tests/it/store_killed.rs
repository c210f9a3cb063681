//! Whoever writes the log is killed at any moment, or finds no room: what was acknowledged is there.

#![expect(clippy::disallowed_methods, reason = "the test starts and kills processes of its own")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use ao_core::model::event::{EventData, MessageQueued};
use ao_host::store::{EventFilter, Fence, Reader, SqliteReader, Store};
use ao_host::world::Rng;
use ao_host::world::fake::SeededRng;
use camino::Utf8Path;

use super::scratch::Scratch;

fn writer(db: &Utf8Path) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ao-host-test-program"));
    command.args(["append", db.as_str()]).env_clear().stdin(Stdio::null()).stdout(Stdio::piped());
    command.spawn().unwrap()
}

/// Reads some acknowledgements, kills the writer, and reads what it had said until then.
fn kill_after(mut writer: Child, acknowledgements: usize) -> Vec<Vec<String>> {
    let mut lines = BufReader::new(writer.stdout.take().unwrap());
    let mut said = Vec::new();
    let mut text = String::new();
    while said.len() < acknowledgements && lines.read_line(&mut text).unwrap() > 0 {
        said.push(std::mem::take(&mut text));
    }
    writer.kill().unwrap();
    writer.wait().unwrap();
    while lines.read_line(&mut text).unwrap() > 0 {
        said.push(std::mem::take(&mut text));
    }
    // The last one may be cut in the middle; then it was not acknowledged.
    let whole = said.iter().filter(|line| line.ends_with('\n'));
    whole.map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
}

#[test]
fn nothing_acknowledged_is_lost_to_a_hundred_kills() {
    let rounds = if std::env::var("AO_DEEP").is_ok() { 1000 } else { 100 };
    let scratch = Scratch::new();
    drop(scratch.store());
    let rng = SeededRng::new(4);
    let mut acknowledged: Vec<Vec<String>> = Vec::new();
    for _ in 0..rounds {
        let mut byte = [0];
        rng.fill(&mut byte);
        acknowledged.extend(kill_after(writer(&scratch.db()), usize::from(byte[0] % 32)));
    }
    assert!(acknowledged.len() > rounds, "the writers wrote: {}", acknowledged.len());

    let reader = SqliteReader::open(&scratch.db()).unwrap();
    let events = reader.events(&EventFilter { limit: u32::MAX, ..EventFilter::default() }).unwrap();
    let sequences: Vec<_> = events.iter().map(|event| event.sequence).collect();
    assert_eq!(sequences, (1..=reader.last_sequence().unwrap()).collect::<Vec<_>>(), "without a gap or a double");
    let places: BTreeMap<_, _> = events.iter().map(|event| (event.id.as_str(), event.sequence)).collect();
    assert_eq!(places.len(), events.len());
    let mut last = 0;
    for id in acknowledged.iter().flatten() {
        let place = *places.get(id.as_str()).unwrap_or_else(|| panic!("{id} was acknowledged and is lost"));
        assert!(place > last, "{id} is at {place}, after {last}");
        last = place;
    }
    // What was written together is there together: the numbers of a writer are n, n, n for every third.
    let mut groups: BTreeMap<u64, u64> = BTreeMap::new();
    for event in &events {
        *groups.entry(event.data["bytes"].as_u64().unwrap()).or_default() += 1;
    }
    for (number, count) in groups {
        assert_eq!(count % (number % 3 + 1), 0, "{number}: {count}");
    }
    let database = rusqlite::Connection::open(scratch.db()).unwrap();
    let check: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
}

/// The files may not grow any more, as on a full disk or beyond a quota.
#[test]
fn nothing_acknowledged_is_lost_to_a_full_disk() {
    let scratch = Scratch::new();
    drop(scratch.store());
    for round in 1..=2 {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ao-host-test-program"));
        let run = command.args(["fill", scratch.db().as_str()]).env_clear().stdin(Stdio::null()).output().unwrap();
        assert_eq!(run.status.code(), Some(75), "{}", String::from_utf8_lossy(&run.stderr));
        let said = String::from_utf8(run.stdout).unwrap();
        let acknowledged: Vec<_> = said.split_whitespace().collect();
        assert!(round > 1 || acknowledged.len() > 10, "there was room for some: {said}");
        let reader = SqliteReader::open(&scratch.db()).unwrap();
        for id in acknowledged {
            assert!(reader.event(id).unwrap().is_some(), "{id} was acknowledged and is lost");
        }
    }
    // Where there is room, all goes on.
    let event = scratch.world().event(None, EventData::MessageQueued(MessageQueued::new("m", 1_u64)));
    scratch.store().append(Fence::None, std::slice::from_ref(&event)).unwrap();
    let events = scratch.store().events(&EventFilter { limit: u32::MAX, ..EventFilter::default() }).unwrap();
    assert_eq!(events.last().map(|event| &event.id), Some(&event.id));
    assert!(events.iter().map(|event| event.sequence).eq(1..=events.len() as u64), "without a gap");
}
