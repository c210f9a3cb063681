//! The database's layout and how it is brought up to date.

use std::time::Duration;

use camino::Utf8Path;
use fs_err::OpenOptions;
use fs_err::os::unix::fs::OpenOptionsExt;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use rusqlite_migration::{M, Migrations};
use rustix::fs::{FlockOperation, flock};
use rustix::io::retry_on_intr;

use super::backup::Backups;
use super::{Result, StoreError};
use crate::failpoint::Failpoints;
use crate::world::files;

const STEPS: &[M<'static>] = &[
    M::up(include_str!("migrations/1.sql")),
    M::up(include_str!("migrations/2.sql")),
    M::up(include_str!("migrations/3.sql")),
    M::up(include_str!("migrations/4.sql")),
    M::up(include_str!("migrations/5.sql")),
    M::up(include_str!("migrations/6.sql")),
    M::up(include_str!("migrations/7.sql")),
];
const MIGRATIONS: Migrations<'static> = Migrations::from_slice(STEPS);

/// The number of the newest schema.
#[expect(clippy::cast_possible_truncation, reason = "a handful of steps, checked by a test")]
pub(super) const LATEST: u32 = STEPS.len() as u32;

/// How long a statement waits for another program's write. Writes take a millisecond; this outlasts fifty of them in
/// a row on a slow disk.
pub(super) const PATIENCE: Duration = Duration::from_secs(15);

/// Pages in the write-ahead log before they are moved into the database. The log outlives its writers (see [`open`]),
/// and who opens a database that nobody has open reads all of it: measured, 0.2 ms for 200 pages and 1 ms for SQLite's
/// default of 1000.
const LOG_PAGES: u32 = 200;

/// Opens the database to write, creating it or bringing it up to date. Its statements wait for another program's write
/// for so long.
pub(super) fn open(path: &Utf8Path, patience: Duration, failpoints: &Failpoints) -> Result<Connection> {
    let failed = |source| StoreError::Open { path: path.to_owned(), source };
    if let Some(directory) = path.parent() {
        files::private_directory(directory).map_err(failed)?;
    }
    // SQLite gives its other files the mode of this one.
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(files::PRIVATE_FILE);
    drop(options.open(path).map_err(failed)?);

    let failed = |source| StoreError::sqlite(path, source);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection.busy_timeout(patience).map_err(failed)?;
    if version(&connection, path)? < LATEST {
        migrate(&mut connection, path, failpoints)?;
    }
    connection.set_transaction_behavior(TransactionBehavior::Immediate);
    for (name, value) in [("synchronous", "FULL"), ("foreign_keys", "ON")] {
        connection.pragma_update(None, name, value).map_err(failed)?;
    }
    connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES).map_err(failed)?;
    // The log and its index stay when the last writer leaves: commands end faster, and a reader finds all files there
    // and creates none.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(failed)?;
    Ok(connection)
}

/// Opens the database to read, if there is one. Creates nothing.
pub(super) fn open_read_only(path: &Utf8Path) -> Result<Option<Connection>> {
    if !path.try_exists().map_err(|source| StoreError::Open { path: path.to_owned(), source })? {
        return Ok(None);
    }
    let failed = |source| StoreError::sqlite(path, source);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection.busy_timeout(PATIENCE).map_err(failed)?;
    // Somebody is creating it right now: there is nothing in it yet.
    Ok((version(&connection, path)? > 0).then_some(connection))
}

/// The number of the database's schema, 0 for a new one.
pub(super) fn version(connection: &Connection, path: &Utf8Path) -> Result<u32> {
    let found = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(|source| StoreError::sqlite(path, source))?;
    if found > LATEST {
        return Err(StoreError::NewerSchema { path: path.to_owned(), found, known: LATEST });
    }
    Ok(found)
}

/// Brings the database up to date, one process at a time: SQLite answers "busy" without waiting when two of them
/// switch a new database to write-ahead logging at once.
fn migrate(connection: &mut Connection, path: &Utf8Path, failpoints: &Failpoints) -> Result<()> {
    let lock = path.with_extension("lock");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(files::PRIVATE_FILE);
    let failed = |source| StoreError::Open { path: path.to_owned(), source };
    let lock = options.open(&lock).map_err(failed)?;
    // Held until the file is closed.
    let locked = retry_on_intr(|| flock(lock.file(), FlockOperation::LockExclusive));
    locked.map_err(|error| failed(error.into()))?;
    // Another process may have done it while this one waited.
    let found = version(connection, path)?;
    if found == LATEST {
        return Ok(());
    }
    let pass = |label| failpoints.pass(label).map_err(|error| failed(std::io::Error::other(error)));
    if found > 0 {
        pass("migrate.backup.before")?;
        Backups::of(path).take_before(connection, found)?;
        pass("migrate.backup.after")?;
    }
    pass("migrate.step.before")?;
    steps(connection, path)?;
    pass("migrate.step.after")
}

fn steps(connection: &mut Connection, path: &Utf8Path) -> Result<()> {
    let failed = |source| StoreError::sqlite(path, source);
    connection.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
    connection.set_transaction_behavior(TransactionBehavior::Immediate);
    MIGRATIONS.to_latest(connection).map_err(|error| match error {
        rusqlite_migration::Error::RusqliteError { err, .. } => StoreError::sqlite(path, err),
        other => StoreError::unreadable("the schema", other),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_migrations_hold_together() {
        MIGRATIONS.validate().unwrap();
        assert_eq!(usize::try_from(LATEST).unwrap(), STEPS.len());
    }
}
