//! Old events in files: what goes, what stays, and that whatever happens between, each is read once.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::time::Duration;

use ao_core::lifecycle::StatusName;
use ao_core::model::SessionId;
use ao_core::model::event::{EventData, EventKind, HostStopped, SessionKilled, StatusChanged};
use ao_host::store::{
    Archived, Archives, Damage, EventFilter, EventLog, EventPage, Fence, Found, Reader, Retention, SqliteStore, Store,
    StoreError,
};
use ao_host::world::files;
use camino::Utf8PathBuf;

use super::scratch::Scratch;

/// A log with an event a minute.
struct Log {
    scratch: Scratch,
    store: SqliteStore,
    session: SessionId,
}

const HOUR: Retention = Retention { keep: Duration::from_hours(1), rows: 1000 };

impl Log {
    /// With as many events.
    fn of(count: u64) -> Self {
        let scratch = Scratch::new();
        let (store, session) = scratch.with_session();
        let log = Self { session: session.id, store, scratch };
        for _ in 1..count {
            log.one_more();
        }
        log
    }

    fn one_more(&self) {
        self.scratch.fake.clock.advance(Duration::from_mins(1));
        let killed = EventData::SessionKilled(SessionKilled::new("x"));
        let event = self.scratch.world().event(Some(&self.session), killed);
        self.store.append(Fence::None, &[event]).unwrap();
    }

    fn directory(&self) -> Utf8PathBuf {
        self.scratch.path.join("state/events")
    }

    fn archive(&self, policy: &Retention) -> Result<Archived, StoreError> {
        self.store.archive_events(Fence::None, &self.directory(), policy, self.scratch.world().now())
    }

    fn files(&self) -> Vec<(u64, u64)> {
        let files = Archives::new(self.directory()).files().unwrap();
        files.into_iter().map(|file| (file.first, file.last)).collect()
    }

    fn in_database(&self) -> Vec<u64> {
        let events = self.store.events(&EventFilter { limit: 10_000, ..EventFilter::default() }).unwrap();
        events.into_iter().map(|event| event.sequence).collect()
    }

    fn read(&self, filter: &EventFilter) -> (Vec<u64>, Vec<Damage>) {
        let (mut sequences, mut damages) = (Vec::new(), Vec::new());
        let log = EventLog::new(&self.store, Archives::new(self.directory()));
        let visited = log.visit(filter, &mut |found| {
            match found {
                Found::Event(event) => sequences.push(event.sequence),
                Found::Damage(damage) => damages.push(damage),
            }
            ControlFlow::Continue(())
        });
        visited.unwrap();
        (sequences, damages)
    }

    fn everything(&self) -> Vec<u64> {
        let (sequences, damages) = self.read(&EventFilter { limit: u32::MAX, ..EventFilter::default() });
        assert_eq!(damages, []);
        sequences
    }
}

fn all(range: std::ops::RangeInclusive<u64>) -> Vec<u64> {
    range.collect()
}

#[test]
fn what_is_old_goes_into_a_file_and_is_read_from_there() {
    let log = Log::of(100);
    assert_eq!(log.archive(&Retention::default()).unwrap(), Archived::default(), "nothing is 30 days old");
    let archived = log.archive(&HOUR).unwrap();
    assert_eq!(archived, Archived { files: vec![log.directory().join("1-39.ndjson")], rows: 39 });
    assert_eq!(log.in_database(), all(40..=100));
    assert_eq!(log.everything(), all(1..=100));
    assert_eq!(log.archive(&HOUR).unwrap(), Archived::default(), "there is nothing more to do");

    let few = Retention { rows: 10, ..HOUR };
    log.archive(&few).unwrap();
    assert_eq!((log.files(), log.in_database()), (vec![(1, 39), (40, 90)], all(91..=100)));
    log.one_more();
    assert_eq!(log.everything(), all(1..=101), "numbers go on");

    let base = EventFilter::default();
    let read = |filter: &EventFilter| log.read(filter).0;
    assert_eq!(read(&EventFilter { after: 20, limit: 3, ..base.clone() }), [21, 22, 23]);
    assert_eq!(read(&EventFilter { after: 38, limit: 4, ..base.clone() }), [39, 40, 41, 42]);
    let newest = EventFilter { page: EventPage::Newest, ..base.clone() };
    assert_eq!(read(&EventFilter { limit: 5, ..newest.clone() }), all(97..=101));
    assert_eq!(read(&EventFilter { limit: 70, ..newest.clone() }), all(32..=101));
    assert_eq!(read(&EventFilter { limit: 500, after: 30, ..newest }), all(31..=101));
    let requested = EventFilter { kinds: BTreeSet::from(["session.requested".parse().unwrap()]), ..base.clone() };
    assert_eq!(read(&requested), [1]);
    assert_eq!(read(&EventFilter { session: Some("app-9".parse().unwrap()), ..base }), [0; 0]);
    let whole = EventLog::new(&log.store, Archives::new(log.directory()));
    for sequence in [1, 39, 40, 90, 91, 101] {
        let event = whole.at(sequence).unwrap().unwrap();
        assert_eq!(event.sequence, sequence);
        assert_eq!(whole.event(&event.id).unwrap(), Some(event));
    }
    assert_eq!((whole.at(0).unwrap(), whole.at(102).unwrap(), whole.event("x").unwrap()), (None, None, None));
}

#[test]
fn an_archived_event_is_what_it_was() {
    let log = Log::of(1);
    let world = log.scratch.world();
    let cause = world.event(None, EventData::HostStopped(HostStopped::new(1_u64)));
    let effect = world.event(Some(&log.session), EventData::HostStopped(HostStopped::new(2_u64))).caused_by(&cause);
    log.store.append(Fence::None, &[cause, effect]).unwrap();
    let database = rusqlite::Connection::open(log.scratch.db()).unwrap();
    database.execute("UPDATE events SET type = 'session.of_tomorrow' WHERE sequence = 1", []).unwrap();
    let before = log.store.events(&EventFilter::default()).unwrap();
    log.scratch.fake.clock.advance(Duration::from_hours(2));
    log.archive(&HOUR).unwrap();
    assert_eq!(log.in_database(), [0; 0]);
    let mut after = Vec::new();
    let whole = EventLog::new(&log.store, Archives::new(log.directory()));
    let mut keep = |found| {
        after.push(found);
        ControlFlow::Continue(())
    };
    whole.visit(&EventFilter::default(), &mut keep).unwrap();
    assert_eq!(after, before.into_iter().map(Found::Event).collect::<Vec<_>>());
    let text = fs_err::read_to_string(log.directory().join("1-3.ndjson")).unwrap();
    assert!(text.lines().next().unwrap().contains("session.of_tomorrow"), "the word of a newer version: {text}");
    let causes: u32 = database.query_row("SELECT count(*) FROM event_causes", [], |row| row.get(0)).unwrap();
    assert_eq!(causes, 0);
}

#[test]
fn a_sessions_last_status_stays_where_it_is_asked_for() {
    let log = Log::of(1);
    for to in [StatusName::Spawning, StatusName::Working] {
        let changed = EventData::SessionStatusChanged(StatusChanged::new(to, "x", "activity"));
        log.store.append(Fence::None, &[log.scratch.world().event(Some(&log.session), changed)]).unwrap();
    }
    log.one_more();
    log.scratch.fake.clock.advance(Duration::from_hours(2));
    for _ in 0..2 {
        log.archive(&HOUR).unwrap();
        assert_eq!((log.files(), log.in_database()), (vec![(1, 4)], vec![3]));
        assert_eq!(log.everything(), all(1..=4), "and it is read once");
        let latest = log.store.latest_event(&log.session, EventKind::SessionStatusChanged).unwrap();
        assert_eq!(latest.unwrap().sequence, 3);
    }
}

#[test]
fn an_interruption_between_file_and_rows_costs_nothing() {
    let log = Log::of(100);
    let database = rusqlite::Connection::open(log.scratch.db()).unwrap();
    let stop = "CREATE TRIGGER stop BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'interrupted'); END";
    database.execute_batch(stop).unwrap();
    log.archive(&HOUR).unwrap_err();
    assert_eq!((log.files(), log.in_database()), (vec![(1, 39)], all(1..=100)));
    assert_eq!(log.everything(), all(1..=100), "each is read once");
    database.execute_batch("DROP TRIGGER stop").unwrap();
    log.one_more();
    let archived = log.archive(&HOUR).unwrap();
    assert_eq!(archived.rows, 40);
    assert_eq!((log.files(), log.in_database()), (vec![(1, 39), (40, 40)], all(41..=101)));
    assert_eq!(log.everything(), all(1..=101));
}

#[test]
fn rows_stay_when_the_file_does_not_hold_them() {
    let log = Log::of(100);
    let database = rusqlite::Connection::open(log.scratch.db()).unwrap();
    let stop = "CREATE TRIGGER stop BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'interrupted'); END";
    database.execute_batch(stop).unwrap();
    log.archive(&HOUR).unwrap_err();
    database.execute_batch("DROP TRIGGER stop").unwrap();
    let path = log.directory().join("1-39.ndjson");
    let text = fs_err::read_to_string(&path).unwrap();
    files::write_atomic(&path, text.replacen("session.killed", "session.killed\"", 1).as_bytes(), 0o600).unwrap();
    log.archive(&HOUR).unwrap();
    assert_eq!(log.in_database(), all(1..=100));
}

#[test]
fn a_damaged_line_is_named_and_the_rest_is_read() {
    let log = Log::of(100);
    log.archive(&HOUR).unwrap();
    let path = log.directory().join("1-39.ndjson");
    let mut bytes = fs_err::read(&path).unwrap();
    let second = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    bytes[second + 10] = 0xff;
    // Also cut off in the middle of the last line.
    bytes.truncate(bytes.len() - 30);
    files::write_atomic(&path, &bytes, files::PRIVATE_FILE).unwrap();
    let (sequences, damages) = log.read(&EventFilter { limit: 1000, ..EventFilter::default() });
    assert_eq!(sequences, [&[1][..], &all(3..=38), &all(40..=100)].concat());
    assert_eq!(damages.iter().map(|damage| (&damage.file, damage.line)).collect::<Vec<_>>(), [(&path, 2), (&path, 39)]);
}

#[test]
fn what_cannot_be_written_stays_in_the_database() {
    let log = Log::of(100);
    let blocked = files_in_the_way(&log);
    let error = log.store.archive_events(Fence::None, &blocked, &HOUR, log.scratch.world().now()).unwrap_err();
    assert!(matches!(&error, StoreError::Archive { .. }), "{error:?}");
    assert_eq!(ao_core::Error::from(error).code.exit_code(), 75);
    assert_eq!(log.in_database(), all(1..=100));
}

fn files_in_the_way(log: &Log) -> Utf8PathBuf {
    let path = log.scratch.path.join("state/in-the-way");
    files::write_atomic(&path, b"", files::PRIVATE_FILE).unwrap();
    path
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a process of its own may have a limit of its own")]
fn a_full_disk_in_the_middle_of_a_file_leaves_everything() {
    let log = Log::of(100);
    let now = log.scratch.world().now().as_millis().to_string();
    let run = std::process::Command::new(env!("CARGO_BIN_EXE_ao-host-test-program"))
        .args(["archive", log.scratch.db().as_str(), log.directory().as_str(), &now, "3600"])
        .env_clear()
        .output()
        .unwrap();
    let said = String::from_utf8(run.stderr).unwrap();
    assert!(run.status.code() == Some(75) && said.contains("1-39.ndjson") && said.contains("too large"), "{said}");
    assert_eq!(log.directory().read_dir_utf8().unwrap().count(), 0, "nothing half is left");
    assert_eq!(log.everything(), all(1..=100));
    log.archive(&HOUR).unwrap();
    assert_eq!(log.everything(), all(1..=100));
}

#[test]
fn a_host_that_was_replaced_archives_nothing() {
    let log = Log::of(100);
    let process = ao_host::world::Proc::own(&*log.scratch.fake.proc).unwrap();
    log.store.take_epoch(&process, log.scratch.world().now(), &[]).unwrap();
    let directory = log.directory();
    let archive = |epoch| log.store.archive_events(Fence::Epoch(epoch), &directory, &HOUR, log.scratch.world().now());
    assert!(matches!(archive(2), Err(StoreError::Fenced { .. })));
    assert_eq!(log.files(), []);
    assert_eq!(archive(1).unwrap().rows, 39);
}
