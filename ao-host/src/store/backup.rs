//! Copies of the database: one before its layout changes, one a day. A bounded number of them is kept.

use std::io;
use std::time::Duration;

use ao_core::model::Timestamp;
use camino::{Utf8Path, Utf8PathBuf};
use fs_err::OpenOptions;
use fs_err::os::unix::fs::OpenOptionsExt;
use rusqlite::{Connection, OpenFlags};
use rustix::fs::{FlockOperation, flock};

use super::schema::{self, PATIENCE};
use super::{Result, StoreError};
use crate::world::files;

/// How often a copy is made.
const EVERY: Duration = Duration::from_hours(24);

/// How many daily copies are kept.
const DAILY_KEPT: usize = 7;

/// How many copies from before changes of the layout are kept.
const SCHEMA_KEPT: usize = 3;

/// What a copy's name ends in.
const ENDING: &str = ".db";

/// What stands in the name of a daily copy, after its time.
const DAILY: &str = "daily";

/// The copies of one database.
#[derive(Clone, Debug)]
pub struct Backups {
    database: Utf8PathBuf,
    directory: Utf8PathBuf,
}

/// One copy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Backup {
    /// As of when it is.
    pub at: Timestamp,
    /// What it was made for.
    pub kind: BackupKind,
    /// Where it is.
    pub path: Utf8PathBuf,
}

/// What a copy was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BackupKind {
    /// A day was over.
    Daily,
    /// The layout with this number was about to be changed.
    Schema(u32),
}

impl Backups {
    /// Those of the database at this path: in `backups` beside it.
    #[must_use]
    pub fn of(database: &Utf8Path) -> Self {
        let directory = database.parent().unwrap_or(Utf8Path::new("/")).join("backups");
        Self { database: database.to_owned(), directory }
    }

    /// The copies, oldest first.
    pub fn list(&self) -> Result<Vec<Backup>> {
        let failed = |source| self.failed(source);
        let entries = match self.directory.read_dir_utf8() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed)?,
        };
        let paths: io::Result<Vec<_>> = entries.map(|entry| Ok(entry?.into_path())).collect();
        let mut found: Vec<_> = paths.map_err(failed)?.into_iter().filter_map(Backup::named).collect();
        found.sort();
        Ok(found)
    }

    /// Makes the daily copy if a day is over since the last one, unless another process is just making it. A clock that
    /// was set back makes one at once.
    pub fn take_if_due(&self, now: Timestamp) -> Result<Option<Backup>> {
        if !self.database.is_file() || !self.is_due(now)? {
            return Ok(None);
        }
        files::private_directory(&self.directory).map_err(|source| self.failed(source))?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(files::PRIVATE_FILE);
        let lock = options.open(self.directory.join("lock")).map_err(|source| self.failed(source))?;
        if flock(lock.file(), FlockOperation::NonBlockingLockExclusive).is_err() || !self.is_due(now)? {
            return Ok(None);
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.database, flags).map_err(|source| self.sqlite(source))?;
        connection.busy_timeout(PATIENCE).map_err(|source| self.sqlite(source))?;
        // What is still to be brought up to date is copied then.
        if schema::version(&connection, &self.database)? < schema::LATEST {
            return Ok(None);
        }
        self.take(&connection, BackupKind::Daily, now).map(Some)
    }

    fn is_due(&self, now: Timestamp) -> Result<bool> {
        let daily = self.list()?.into_iter().rfind(|backup| backup.kind == BackupKind::Daily);
        Ok(daily.is_none_or(|last| now < last.at || now.since(last.at) >= EVERY))
    }

    /// Makes the copy from before a change of the layout. It is of the time at which the database was last written.
    pub(super) fn take_before(&self, connection: &Connection, schema: u32) -> Result<Backup> {
        let log = Utf8PathBuf::from(format!("{}-wal", self.database));
        let written = [&self.database, &log].into_iter().filter_map(|path| {
            let modified = fs_err::metadata(path).ok()?.modified().ok()?;
            let since = modified.duration_since(std::time::UNIX_EPOCH).ok()?;
            Some(Timestamp::from_millis(i64::try_from(since.as_millis()).ok()?))
        });
        let at = written.max().unwrap_or(Timestamp::from_millis(0));
        files::private_directory(&self.directory).map_err(|source| self.failed(source))?;
        self.take(connection, BackupKind::Schema(schema), at)
    }

    /// Writes a copy whole, then lets the oldest of its kind go.
    fn take(&self, connection: &Connection, kind: BackupKind, at: Timestamp) -> Result<Backup> {
        let backup = Backup { at, kind, path: self.directory.join(Backup::name(kind, at)) };
        let partial = Utf8PathBuf::from(format!("{}.{}.partial", backup.path, std::process::id()));
        self.remove(&partial)?;
        // SQLite writes into an empty file as it is, with the mode that it has.
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(files::PRIVATE_FILE);
        let file = options.open(&partial).map_err(|source| self.failed(source))?;
        let written = connection
            .execute("VACUUM INTO ?", [partial.as_str()])
            .map_err(|source| self.sqlite(source))
            .and_then(|_| file.sync_all().map_err(|source| self.failed(source)));
        if let Err(error) = written {
            self.remove(&partial)?;
            return Err(error);
        }
        fs_err::rename(&partial, &backup.path)
            .and_then(|()| files::sync_directory(&self.directory))
            .map_err(|source| self.failed(source))?;
        self.prune(kind)?;
        Ok(backup)
    }

    fn prune(&self, kind: BackupKind) -> Result<()> {
        let is_alike = |other: &Backup| matches!(other.kind, BackupKind::Daily) == matches!(kind, BackupKind::Daily);
        let kept = if kind == BackupKind::Daily { DAILY_KEPT } else { SCHEMA_KEPT };
        let alike: Vec<_> = self.list()?.into_iter().filter(is_alike).collect();
        alike.iter().rev().skip(kept).try_for_each(|old| self.remove(&old.path))
    }

    fn remove(&self, path: &Utf8Path) -> Result<()> {
        match fs_err::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.failed(error)),
            _ => Ok(()),
        }
    }

    fn failed(&self, source: io::Error) -> StoreError {
        StoreError::Backup { directory: self.directory.clone(), source }
    }

    fn sqlite(&self, source: rusqlite::Error) -> StoreError {
        StoreError::sqlite(&self.database, source)
    }
}

impl Backup {
    /// `2026-01-01T00.00.00.000Z-daily.db`: sorted by name is sorted by time.
    fn name(kind: BackupKind, at: Timestamp) -> String {
        let kind = match kind {
            BackupKind::Daily => DAILY.to_owned(),
            BackupKind::Schema(number) => format!("schema{number}"),
        };
        format!("{}-{kind}{ENDING}", at.to_string().replace(':', "."))
    }

    /// The file at this path, if it is called like a copy. What a crash left half-written is not.
    fn named(path: Utf8PathBuf) -> Option<Self> {
        let (time, kind) = path.file_name()?.strip_suffix(ENDING)?.rsplit_once('-')?;
        let at = time.replacen('.', ":", 2).parse().ok()?;
        let kind = match kind.strip_prefix("schema") {
            Some(number) => BackupKind::Schema(number.parse().ok()?),
            None if kind == DAILY => BackupKind::Daily,
            None => return None,
        };
        Some(Self { at, kind, path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_when_and_what_for() {
        let at = "2026-01-02T03:04:05.678Z".parse().unwrap();
        for kind in [BackupKind::Daily, BackupKind::Schema(2)] {
            let path = Utf8Path::new("/b").join(Backup::name(kind, at));
            assert_eq!(Backup::named(path.clone()), Some(Backup { at, kind, path }));
        }
        for other in ["lock", "x-daily.db", "2026-01-02T03.04.05.678Z-daily.db.7.partial"] {
            assert_eq!(Backup::named(other.into()), None);
        }
    }
}
