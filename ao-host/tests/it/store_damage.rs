//! Damage of every kind is told, and what is damaged is set aside whole.

use ao_host::store::{Reader, SessionFilter, SqliteReader, SqliteStore, StoreError, set_aside, verify};
use ao_host::world::files;

use super::scratch::{Scratch, reserve};

/// All of the database in one file, and what is in it.
fn settled(scratch: &Scratch) -> Vec<u8> {
    let store = scratch.store();
    for _ in 0..50 {
        reserve(&store, scratch.world(), "app");
    }
    drop(store);
    let database = rusqlite::Connection::open(scratch.db()).unwrap();
    database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    drop(database);
    fs_err::read(scratch.db()).unwrap()
}

#[test]
fn what_is_sound_is_called_so() {
    let scratch = Scratch::new();
    verify(&scratch.db()).expect("nothing is there");
    drop(scratch.with_session());
    verify(&scratch.db()).expect("sound");
}

/// Something that is done to a file.
type Damage = fn(&mut Vec<u8>);

#[test]
fn damage_of_every_kind_is_told_and_set_aside() {
    let page = 4096;
    let kinds: [(&str, Damage); 5] = [
        ("no header", |bytes| bytes[..100].fill(b'x')),
        ("text", |bytes| *bytes = b"not a database at all\n".repeat(500)),
        ("cut in the middle of a page", |bytes| bytes.truncate(bytes.len() / 2 + 7)),
        ("cut after a page", |bytes| bytes.truncate(4096)),
        ("a page of noise", |bytes| bytes[4096..2 * 4096].fill(0xa5)),
    ];
    for (name, damage) in kinds {
        let scratch = Scratch::new();
        let mut bytes = settled(&scratch);
        assert!(bytes.len() > 8 * page);
        damage(&mut bytes);
        files::write_atomic(&scratch.db(), &bytes, files::PRIVATE_FILE).unwrap();
        for end in ["-wal", "-shm"] {
            let _ = fs_err::remove_file(format!("{}{end}", scratch.db()));
        }
        let error = verify(&scratch.db()).expect_err(name);
        assert!(matches!(error, StoreError::Corrupt { .. }), "{name}: {error:?}");
        assert!(error.to_string().contains("`ao doctor --rebuild`"), "{name}: {error}");

        let aside = set_aside(&scratch.db(), scratch.world().now()).unwrap();
        assert_eq!(aside.file_name(), Some("state.db.corrupt-2026-01-01T00.00.00.000Z"));
        assert_eq!(fs_err::read(&aside).unwrap(), bytes, "{name}");
        assert!(!scratch.db().exists());
        let store = SqliteStore::open(&scratch.db()).unwrap();
        assert_eq!(store.sessions(&SessionFilter::default()).unwrap(), []);
    }
}

#[test]
fn a_log_goes_with_its_database() {
    let scratch = Scratch::new();
    let (store, session) = scratch.with_session();
    drop(store);
    assert!(scratch.path.join("state/state.db-wal").exists(), "the log outlives its writer");
    let aside = set_aside(&scratch.db(), scratch.world().now()).unwrap();
    let names: Vec<_> = scratch
        .path
        .join("state")
        .read_dir_utf8()
        .unwrap()
        .flatten()
        .map(|entry| entry.file_name().to_owned())
        .collect();
    assert!(names.iter().all(|name| !name.starts_with("state.db-")), "{names:?}");
    assert_eq!(SqliteReader::open(&aside).unwrap().sessions(&SessionFilter::default()).unwrap(), [session]);
    set_aside(&scratch.db(), scratch.world().now()).expect("nothing is there any more");
}

#[test]
fn a_newer_layout_is_no_damage_and_nothing_is_touched() {
    let scratch = Scratch::new();
    settled(&scratch);
    let database = rusqlite::Connection::open(scratch.db()).unwrap();
    database.pragma_update(None, "user_version", 4711).unwrap();
    database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    drop(database);
    let before = fs_err::read(scratch.db()).unwrap();
    for error in [SqliteStore::open(&scratch.db()).err().unwrap(), verify(&scratch.db()).unwrap_err()] {
        assert!(matches!(error, StoreError::NewerSchema { .. }), "{error:?}");
        assert_eq!(ao_core::Error::from(error).code.exit_code(), 78);
    }
    assert_eq!(fs_err::read(scratch.db()).unwrap(), before);
    assert!(!scratch.path.join("state/backups").exists());
}
