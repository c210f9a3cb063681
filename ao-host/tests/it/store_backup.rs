//! Copies of the database: before its layout changes, once a day, and no more of them than are kept.

use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use ao_host::failpoint::Failpoints;
use ao_host::store::{BackupKind, Backups, Reader, SessionFilter, SqliteReader, SqliteStore, StoreError};

use super::scratch::{Scratch, reserve};

/// A database of the second layout with a session in it, as an earlier version left it.
fn of_an_earlier_version(scratch: &Scratch) {
    fs_err::create_dir_all(scratch.db().parent().unwrap()).unwrap();
    let database = rusqlite::Connection::open(scratch.db()).unwrap();
    for step in [include_str!("../../src/store/migrations/1.sql"), include_str!("../../src/store/migrations/2.sql")] {
        database.execute_batch(step).unwrap();
    }
    database.pragma_update(None, "user_version", 2).unwrap();
    let session = super::scratch::first_facts(scratch.world(), &"app-1".parse().unwrap()).0;
    let facts = serde_json::to_string(&session).unwrap();
    let sql = "INSERT INTO sessions (id, project, project_path, created_at, row_version, facts) \
               VALUES ('app-1', 'app', '/src/app', 0, 1, ?)";
    database.execute(sql, [facts]).unwrap();
}

fn layout(path: &camino::Utf8Path) -> u32 {
    let database = rusqlite::Connection::open(path).unwrap();
    database.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
}

#[test]
fn a_copy_is_made_before_the_layout_changes() {
    let scratch = Scratch::new();
    of_an_earlier_version(&scratch);
    let store = scratch.store();
    assert_eq!(store.sessions(&SessionFilter::default()).unwrap().len(), 1);
    let [backup] = Backups::of(&scratch.db()).list().unwrap().try_into().expect("one copy");
    assert_eq!((backup.kind, layout(&backup.path)), (BackupKind::Schema(2), 2));
    assert_eq!(fs_err::metadata(&backup.path).unwrap().mode() & 0o777, 0o600);
    let database = rusqlite::Connection::open(&backup.path).unwrap();
    let sessions: u32 = database.query_row("SELECT count(*) FROM sessions", [], |row| row.get(0)).unwrap();
    assert_eq!(sessions, 1, "what was there is in it");
    drop(store);
    drop(scratch.store());
    assert_eq!(Backups::of(&scratch.db()).list().unwrap().len(), 1, "nothing is to be changed any more");
}

#[test]
fn a_new_database_needs_no_copy() {
    let scratch = Scratch::new();
    drop(scratch.with_session());
    assert_eq!(Backups::of(&scratch.db()).list().unwrap(), []);
}

#[test]
fn the_layout_stays_where_it_cannot_be_copied() {
    let scratch = Scratch::new();
    of_an_earlier_version(&scratch);
    for (label, copies) in [("migrate.backup.before", 0), ("migrate.backup.after", 1), ("migrate.step.before", 1)] {
        let failpoints = Failpoints::parse(&format!("{label}=error")).unwrap();
        let error = SqliteStore::open_failing_at(&scratch.db(), &failpoints).map(drop).expect_err("it fails");
        assert!(matches!(error, StoreError::Open { .. }), "{error:?}");
        assert_eq!((layout(&scratch.db()), Backups::of(&scratch.db()).list().unwrap().len()), (2, copies), "{label}");
    }
    let blocked = Scratch::new();
    of_an_earlier_version(&blocked);
    fs_err::create_dir(blocked.path.join("elsewhere")).unwrap();
    let nowhere = blocked.path.join("state/backups");
    fs_err::os::unix::fs::symlink("/dev/null", &nowhere).unwrap();
    let error = ao_core::Error::from(SqliteStore::open(&blocked.db()).map(drop).expect_err("it fails"));
    assert_eq!(error.code.exit_code(), 75, "{error}");
    assert_eq!(layout(&blocked.db()), 2);
}

#[test]
fn one_a_day_and_a_bounded_number() {
    let scratch = Scratch::new();
    let backups = Backups::of(&scratch.db());
    assert_eq!(backups.take_if_due(scratch.world().now()).unwrap(), None, "there is nothing to copy");
    let (store, _) = scratch.with_session();
    let mut made = 0;
    for _ in 0..20 {
        made += usize::from(backups.take_if_due(scratch.world().now()).unwrap().is_some());
        scratch.fake.clock.advance(Duration::from_hours(12));
    }
    assert_eq!(made, 10);
    assert_eq!(backups.list().unwrap().len(), 7);
    reserve(&store, scratch.world(), "app");
    let newest = backups.take_if_due(scratch.world().now()).unwrap().expect("due");
    assert_eq!(backups.list().unwrap().last(), Some(&newest));
    let copied = SqliteReader::open(&newest.path).unwrap().sessions(&SessionFilter::default()).unwrap();
    assert_eq!(copied, store.sessions(&SessionFilter::default()).unwrap());
    scratch.fake.clock.set(ao_core::model::Timestamp::from_millis(0));
    assert!(backups.take_if_due(scratch.world().now()).unwrap().is_some(), "the clock was set back");
}
