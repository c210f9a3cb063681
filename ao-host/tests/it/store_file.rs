//! The database's file: who may read it, what becomes of a strange one, and readers that leave no trace.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;

use ao_core::Error;
use ao_host::store::{EventFilter, Reader, SessionFilter, SqliteReader, SqliteStore, StoreError};
use ao_host::world::files;
use camino::Utf8Path;

use super::scratch::{Scratch, reserve};

fn names(directory: &Utf8Path) -> BTreeSet<String> {
    directory.read_dir_utf8().unwrap().map(|entry| entry.unwrap().file_name().to_owned()).collect()
}

#[test]
fn everything_is_closed_to_other_users() {
    let scratch = Scratch::new();
    let (_store, _) = scratch.with_session();
    let directory = scratch.path.join("state");
    assert_eq!(fs_err::metadata(&directory).unwrap().mode() & 0o777, 0o700);
    for name in names(&directory) {
        let mode = fs_err::metadata(directory.join(&name)).unwrap().mode() & 0o777;
        assert_eq!(mode, 0o600, "{name}");
    }
}

#[test]
fn a_reader_without_a_database_sees_nothing_and_creates_nothing() {
    let scratch = Scratch::new();
    let reader = SqliteReader::open(&scratch.db()).unwrap();
    assert_eq!(reader.sessions(&SessionFilter::default()).unwrap(), []);
    assert_eq!(reader.events(&EventFilter::default()).unwrap(), []);
    assert_eq!(reader.session(&"app-1".parse().unwrap()).unwrap(), None);
    assert_eq!(reader.message("m").unwrap(), None);
    assert_eq!(names(&scratch.path), BTreeSet::new());
}

#[test]
fn a_reader_sees_what_writers_wrote_and_leaves_no_trace() {
    let scratch = Scratch::new();
    let (store, session) = scratch.with_session();
    let reader = SqliteReader::open(&scratch.db()).unwrap();
    assert_eq!(reader.sessions(&SessionFilter::default()).unwrap(), [session]);
    let second = reserve(&store, scratch.world(), "app");
    assert_eq!(reader.session(&second.id).unwrap(), Some(second), "a reader does not stand still");
    drop((store, reader));

    let before = names(&scratch.path.join("state"));
    let reader = SqliteReader::open(&scratch.db()).unwrap();
    assert_eq!(reader.sessions(&SessionFilter::default()).unwrap().len(), 2);
    drop(reader);
    assert_eq!(names(&scratch.path.join("state")), before);
}

#[test]
fn a_newer_schema_is_refused_and_left_alone() {
    let scratch = Scratch::new();
    drop(scratch.with_session());
    let database = rusqlite::Connection::open(scratch.db()).unwrap();
    database.pragma_update(None, "user_version", 4711).unwrap();
    drop(database);
    let errors = [SqliteStore::open(&scratch.db()).unwrap_err(), SqliteReader::open(&scratch.db()).unwrap_err()];
    for error in errors {
        assert!(matches!(error, StoreError::NewerSchema { found: 4711, .. }), "{error:?}");
        let text = Error::from(error).to_string();
        assert!(text.contains("schema 4711") && text.contains("update ao"), "{text}");
    }
}

#[test]
fn what_is_no_database_is_called_damaged() {
    let scratch = Scratch::new();
    fs_err::create_dir(scratch.path.join("state")).unwrap();
    let text = "this is a text file, not a database\n".repeat(200);
    files::write_atomic(&scratch.db(), text.as_bytes(), files::PRIVATE_FILE).unwrap();
    for error in [SqliteStore::open(&scratch.db()).unwrap_err(), SqliteReader::open(&scratch.db()).unwrap_err()] {
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
        assert!(error.to_string().contains("`ao doctor --rebuild`"), "{error}");
    }
    assert_eq!(fs_err::read_to_string(scratch.db()).unwrap(), text);
}

#[test]
fn a_damaged_database_is_called_damaged_when_it_is_read() {
    let scratch = Scratch::new();
    drop(scratch.with_session());
    // Move the log into the database, then overwrite all but the first page.
    let database = rusqlite::Connection::open(scratch.db()).unwrap();
    database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    drop(database);
    let mut bytes = fs_err::read(scratch.db()).unwrap();
    bytes[4096..].fill(0xa5);
    files::write_atomic(&scratch.db(), &bytes, files::PRIVATE_FILE).unwrap();

    let error = SqliteReader::open(&scratch.db()).unwrap().sessions(&SessionFilter::default()).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
}

#[test]
fn a_session_that_cannot_be_read_is_named() {
    let scratch = Scratch::new();
    let (store, session) = scratch.with_session();
    let database = rusqlite::Connection::open(scratch.db()).unwrap();
    database.execute("UPDATE sessions SET facts = '{\"id\": 7}'", []).unwrap();
    let error = Error::from(store.session(&session.id).unwrap_err());
    assert!(error.message.contains("session `app-1`") && error.chain.len() == 1, "{error}");
}

#[test]
fn a_directory_in_the_way_is_named() {
    let scratch = Scratch::new();
    fs_err::create_dir_all(scratch.db()).unwrap();
    let error = Error::from(SqliteStore::open(&scratch.db()).unwrap_err());
    assert!(error.to_string().contains(scratch.db().as_str()), "{error}");
    assert_eq!(error.code.exit_code(), 75);
}
