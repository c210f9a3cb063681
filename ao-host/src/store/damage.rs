//! A database that cannot be used any more: told by a look at all of it, and set aside, never removed.

use ao_core::model::Timestamp;
use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::{Result, StoreError, schema};
use crate::world::files;

/// The files that SQLite keeps beside a database, by what their names end in.
const BESIDE: [&str; 2] = ["-wal", "-shm"];

/// Reads all of the database. One that is not there is not damaged.
pub fn verify(path: &Utf8Path) -> Result<()> {
    let Some(connection) = schema::open_read_only(path)? else { return Ok(()) };
    let failed = |source| StoreError::sqlite(path, source);
    let found: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(failed)?;
    if found == "ok" {
        return Ok(());
    }
    Err(StoreError::Corrupt { path: path.to_owned(), detail: found })
}

/// Moves a database out of the way, with all that belongs to it, and says where it is. Nobody may have it open.
pub fn set_aside(path: &Utf8Path, now: Timestamp) -> Result<Utf8PathBuf> {
    let aside = Utf8PathBuf::from(format!("{path}.corrupt-{}", now.to_string().replace(':', ".")));
    let failed = |source| StoreError::Open { path: path.to_owned(), source };
    let rename = |end: &str| match renameat_with(
        CWD,
        format!("{path}{end}"),
        CWD,
        format!("{aside}{end}"),
        RenameFlags::NOREPLACE,
    ) {
        Ok(()) | Err(rustix::io::Errno::NOENT) => Ok(()),
        Err(error) => Err(failed(error.into())),
    };
    // What is beside it goes first: beside a new database it would be taken for that one's.
    BESIDE.into_iter().chain([""]).try_for_each(rename)?;
    if let Some(directory) = path.parent() {
        files::sync_directory(directory).map_err(failed)?;
    }
    Ok(aside)
}
