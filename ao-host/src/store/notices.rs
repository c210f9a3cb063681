//! What a human is told: each notice has a row before anybody is told, and it says how far that got.

use ao_core::model::event::Event;
use ao_core::model::{Notice, NoticeState, Timestamp};
use rusqlite::{OptionalExtension, Params, params};

use super::sqlite::Context;
use super::{Result, StoreError, events};

/// One notice.
pub(super) fn get(context: &Context<'_>, id: &str) -> Result<Option<Notice>> {
    Ok(select(context, "id = ?", [id])?.pop())
}

/// Those of which something is still to be delivered. The condition is that of the index `notices_open`.
pub(super) fn open(context: &Context<'_>) -> Result<Vec<Notice>> {
    select(context, "open = 1 ORDER BY number", [])
}

/// Those that nobody has seen, the newest of them, in the order in which they were written down. The condition is that of the
/// index `notices_waiting`.
pub(super) fn waiting(context: &Context<'_>, most: u32) -> Result<Vec<Notice>> {
    let mut found = select(context, "over_at IS NULL ORDER BY number DESC LIMIT ?", [most])?;
    found.reverse();
    Ok(found)
}

fn select(context: &Context<'_>, condition: &str, parameters: impl Params) -> Result<Vec<Notice>> {
    let rows: Vec<(u64, String)> = context.run(|connection| {
        // A reader may find a database that no writer has brought up to date yet.
        if !connection.table_exists(None, "notices")? {
            return Ok(Vec::new());
        }
        let mut statement =
            connection.prepare_cached(&format!("SELECT number, facts FROM notices WHERE {condition}"))?;
        statement.query_map(parameters, |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
    })?;
    let read = |(number, facts): (u64, String)| {
        let mut notice: Notice = serde_json::from_str(&facts)
            .map_err(|source| StoreError::unreadable(format!("notice {number}"), source))?;
        notice.number = number;
        Ok(notice)
    };
    rows.into_iter().map(read).collect()
}

/// Writes a notice down with the events that tell of it, unless there is one of its id: then nothing. Whether it did. One
/// that was taken back is not there any more: what it said may be so again.
pub(super) fn add(context: &Context<'_>, notice: &Notice, log: &[Event]) -> Result<bool> {
    let row = Row::of(notice)?;
    let added = context.run(|connection| {
        let sql = "DELETE FROM notices WHERE id = ? AND json_extract(facts, '$.state') = 'withdrawn'";
        connection.prepare_cached(sql)?.execute(params![notice.id])?;
        let sql = "INSERT INTO notices (id, open, over_at, facts) VALUES (?, ?, ?, ?) \
                   ON CONFLICT (id) DO NOTHING RETURNING number";
        let mut statement = connection.prepare_cached(sql)?;
        let added: Option<u64> =
            statement.query_row(params![notice.id, row.open, row.over_at, row.facts], |row| row.get(0)).optional()?;
        Ok(added.is_some())
    })?;
    if added {
        events::append(context, log)?;
    }
    Ok(added)
}

/// Writes a notice down as it has become.
pub(super) fn put(context: &Context<'_>, notice: &Notice, log: &[Event]) -> Result<()> {
    let row = Row::of(notice)?;
    context.run(|connection| {
        let sql = "UPDATE notices SET open = ?, over_at = ?, facts = ? WHERE id = ?";
        connection.prepare_cached(sql)?.execute(params![row.open, row.over_at, row.facts, notice.id])
    })?;
    events::append(context, log)
}

/// Forgets those that were over before then, and all but so many of those that are over.
pub(super) fn forget(context: &Context<'_>, before: Timestamp, most: u32) -> Result<usize> {
    context.run(|connection| {
        let sql = "DELETE FROM notices WHERE open = 0 AND over_at IS NOT NULL AND (over_at < ?1 OR number NOT IN \
                   (SELECT number FROM notices WHERE over_at IS NOT NULL ORDER BY over_at DESC, number DESC LIMIT ?2))";
        connection.execute(sql, params![before.as_millis(), most])
    })
}

/// What stands beside the facts, for searching.
struct Row {
    open: bool,
    over_at: Option<i64>,
    facts: String,
}

impl Row {
    fn of(notice: &Notice) -> Result<Self> {
        let unreadable = |source| StoreError::unreadable(format!("the notice `{}`", notice.id), source);
        let mut facts = notice.clone();
        // That is the row's.
        facts.number = 0;
        let facts = serde_json::to_string(&facts).map_err(unreadable)?;
        let withdrawn = (notice.state == NoticeState::Withdrawn).then_some(notice.at);
        let over_at = notice.acknowledged.as_ref().map(|seen| seen.at).or(withdrawn);
        Ok(Self { open: notice.is_open(), over_at: over_at.map(Timestamp::as_millis), facts })
    }
}
