//! The host's row: which term it is, whose, and when it last looked.

use ao_core::model::{ProcessId, Timestamp};
use rusqlite::{OptionalExtension, params};

use super::sqlite::Context;
use super::{Result, StoreError};

/// The host that took the state directory last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostRow {
    /// The number of its term. Each host that takes the state directory counts it up.
    pub epoch: u64,
    /// Its process.
    pub process: ProcessId,
    /// When it took the state directory.
    pub started_at: Timestamp,
    /// When it last looked at the sessions; none before it first did.
    pub looked_at: Option<Timestamp>,
    /// When it stopped by itself; none while it runs, and where it was killed.
    pub stopped_at: Option<Timestamp>,
}

/// In whose name something is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fence {
    /// In that of the host of this term: refused with [`StoreError::Fenced`] once another has taken its place.
    Epoch(u64),
    /// In that of a command, which is no host.
    None,
}

/// Refuses what is written in the name of a host that was replaced.
pub(super) fn check(context: &Context<'_>, fence: Fence) -> Result<()> {
    let Fence::Epoch(expected) = fence else { return Ok(()) };
    let found = context.run(|connection| {
        connection.prepare_cached("SELECT epoch FROM host")?.query_row([], |row| row.get(0)).optional()
    })?;
    match found.unwrap_or(0) {
        found if found == expected => Ok(()),
        found => Err(StoreError::Fenced { expected, found }),
    }
}

/// Begins a term.
pub(super) fn take(context: &Context<'_>, host: &ProcessId, at: Timestamp) -> Result<u64> {
    let process = serde_json::to_string(host).map_err(|source| StoreError::unreadable("this process", source))?;
    context.run(|connection| {
        let sql = "INSERT INTO host (only, epoch, process, started_at) VALUES (1, 1, ?, ?) ON CONFLICT DO UPDATE SET \
                   epoch = epoch + 1, process = excluded.process, started_at = excluded.started_at, \
                   looked_at = NULL, stopped_at = NULL RETURNING epoch";
        connection.query_row(sql, params![process, at.as_millis()], |row| row.get(0))
    })
}

/// Writes down when a host last looked.
pub(super) fn looked(context: &Context<'_>, at: Timestamp) -> Result<()> {
    let sql = "UPDATE host SET looked_at = ?";
    context.run(|connection| connection.prepare_cached(sql)?.execute([at.as_millis()])).map(drop)
}

/// Ends a term.
pub(super) fn stopped(context: &Context<'_>, at: Timestamp) -> Result<()> {
    context.run(|connection| connection.execute("UPDATE host SET stopped_at = ?", [at.as_millis()])).map(drop)
}

/// A row as it is stored.
type Stored = (u64, String, i64, Option<i64>, Option<i64>);

/// The row.
pub(super) fn get(context: &Context<'_>) -> Result<Option<HostRow>> {
    let found = context.run(|connection| {
        // A reader may find a database that no writer has brought up to date yet.
        if !connection.table_exists(None, "host")? {
            return Ok(None);
        }
        let sql = "SELECT epoch, process, started_at, looked_at, stopped_at FROM host";
        connection.prepare_cached(sql)?.query_row([], |row| Stored::try_from(row)).optional()
    })?;
    let Some((epoch, process, started_at, looked_at, stopped_at)) = found else { return Ok(None) };
    let process =
        serde_json::from_str(&process).map_err(|source| StoreError::unreadable("the process of the host", source))?;
    let at = Timestamp::from_millis;
    Ok(Some(HostRow {
        epoch,
        process,
        started_at: at(started_at),
        looked_at: looked_at.map(at),
        stopped_at: stopped_at.map(at),
    }))
}
