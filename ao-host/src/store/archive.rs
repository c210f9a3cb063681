//! Old events leave the database for files: `<first>-<last>.ndjson`, an event a line, written whole before a single row
//! goes. A crash between leaves both; the next run finds the file and only takes the rows away.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::time::Duration;

use ao_core::model::Timestamp;
use ao_core::model::event::{Event, EventKind, TypePattern};
use camino::{Utf8Path, Utf8PathBuf};
use fs_err::File;
use rusqlite::{named_params, params};
use serde_json::Value;

use super::events::{COLUMNS, Stored};
use super::sqlite::Context;
use super::{EventFilter, Result, StoreError};
use crate::world::files;

/// Events in one file, at most. They are in memory while it is written.
const PER_FILE: u64 = 50_000;

/// Rows that leave the database in one transaction, at most: other writers wait for it.
const AT_ONCE: usize = 2_000;

/// What a file's name ends in.
const ENDING: &str = ".ndjson";

/// The rows of a range that go. A session's newest change of status stays: whoever asks what a session's status was
/// last asks the database, however long ago that was.
const GOING: &str = "events.sequence BETWEEN :first AND :last AND NOT (events.type = 'session.status_changed' \
                     AND events.session IS NOT NULL AND events.sequence = (SELECT max(newer.sequence) \
                     FROM events AS newer WHERE newer.session = events.session AND newer.type = events.type))";

/// How long events stay in the database, which is where they are read quickest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// For so long…
    pub keep: Duration,
    /// …but at most so many: of more, the oldest go earlier.
    pub rows: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Self { keep: Duration::from_hours(30 * 24), rows: 1_000_000 }
    }
}

/// What was archived.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Archived {
    /// The files that were written, oldest first.
    pub files: Vec<Utf8PathBuf>,
    /// How many rows left the database.
    pub rows: usize,
}

/// The archives of a state directory.
#[derive(Clone, Debug)]
pub struct Archives {
    directory: Utf8PathBuf,
}

/// One file with events.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ArchiveFile {
    /// The sequence number of its first event.
    pub first: u64,
    /// That of its last one.
    pub last: u64,
    /// Where it is.
    pub path: Utf8PathBuf,
}

/// A part of an archive that cannot be read. The rest can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub file: Utf8PathBuf,
    /// The line, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub why: String,
}

impl Archives {
    /// Those in this directory, which may not exist.
    #[must_use]
    pub fn new(directory: impl Into<Utf8PathBuf>) -> Self {
        Self { directory: directory.into() }
    }

    /// The files, oldest first.
    pub fn files(&self) -> Result<Vec<ArchiveFile>> {
        let failed = |source| StoreError::Archive { path: self.directory.clone(), source };
        let entries = match self.directory.read_dir_utf8() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed)?,
        };
        let names: std::io::Result<Vec<_>> = entries.map(|entry| Ok(entry?.path().to_owned())).collect();
        let mut files: Vec<_> = names.map_err(failed)?.into_iter().filter_map(ArchiveFile::named).collect();
        files.sort();
        Ok(files)
    }

    /// The last sequence number that is in a file; 0 where there is none.
    pub fn last(&self) -> Result<u64> {
        Ok(self.files()?.iter().map(|file| file.last).max().unwrap_or(0))
    }
}

impl ArchiveFile {
    /// The file at this path, if it is called like one. Temporary files of a crash are not.
    fn named(path: Utf8PathBuf) -> Option<Self> {
        let (first, last) = path.file_name()?.strip_suffix(ENDING)?.split_once('-')?;
        let (first, last) = (first.parse().ok()?, last.parse().ok()?);
        Some(Self { first, last, path })
    }

    /// Its events one after the other, and what is damaged between them.
    pub fn events(&self) -> Result<impl Iterator<Item = Result<Event, Damage>> + use<>> {
        let failed = |source| StoreError::Archive { path: self.path.clone(), source };
        let mut lines = BufReader::new(File::open(&self.path).map_err(failed)?);
        let (file, mut line, mut text) = (self.path.clone(), 0, Vec::new());
        Ok(std::iter::from_fn(move || {
            text.clear();
            line += 1;
            let damage = |why: String| Some(Err(Damage { file: file.clone(), line, why }));
            match lines.read_until(b'\n', &mut text) {
                Ok(0) => return None,
                Ok(_) => {}
                Err(error) => {
                    // What follows cannot be read either.
                    lines = BufReader::new(File::open("/dev/null").ok()?);
                    return damage(error.to_string());
                }
            }
            match serde_json::from_slice::<Event>(&text) {
                Ok(event) if event.sequence > 0 => Some(Ok(event)),
                Ok(_) => damage("the event has no sequence number".to_owned()),
                Err(error) => damage(error.to_string()),
            }
        }))
    }
}

/// Whether an event of an archive is one of those that are asked for. What a filter says of ends and limits is for others.
pub(super) fn matches(filter: &EventFilter, event: &Event) -> bool {
    let is_kind = |pattern: &TypePattern| pattern.matches(event.kind);
    event.sequence > filter.after
        && filter.since.is_none_or(|since| event.timestamp >= since)
        && (filter.session.is_none() || filter.session == event.session)
        && (filter.kinds.is_empty() || filter.kinds.iter().any(is_kind))
}

/// The range of rows that are to go: what is old enough, and what is too much.
pub(super) fn due(
    context: &Context<'_>,
    policy: &Retention,
    archived: u64,
    now: Timestamp,
) -> Result<Option<(u64, u64)>> {
    let young = Timestamp::from_millis(
        now.as_millis().saturating_sub(i64::try_from(policy.keep.as_millis()).unwrap_or(i64::MAX)),
    );
    context.run(|connection| {
        let last: Option<u64> = connection.query_row("SELECT max(sequence) FROM events", [], |row| row.get(0))?;
        let Some(last) = last else { return Ok(None) };
        let sql = "SELECT min(+sequence) FROM events WHERE timestamp >= ? AND sequence > ?";
        let first_young: Option<u64> =
            connection.query_row(sql, params![young.as_millis(), archived], |row| row.get(0))?;
        let old = first_young.map_or(last, |first| first - 1);
        let through = old.max(last.saturating_sub(policy.rows)).min(archived.saturating_add(PER_FILE));
        Ok((through > archived).then_some((archived + 1, through)))
    })
}

/// The rows of a range as the text of a file, and the first and the last of them. No event is left out: one that cannot
/// be read is an error.
pub(super) fn text(context: &Context<'_>, (first, last): (u64, u64)) -> Result<Option<(String, u64, u64)>> {
    let sql = format!("SELECT {COLUMNS} FROM events WHERE sequence BETWEEN ? AND ? ORDER BY sequence");
    let rows: Vec<Stored> =
        context.run(|connection| connection.prepare(&sql)?.query_map([first, last], Stored::from_row)?.collect())?;
    let ends = rows.first().zip(rows.last()).map(|(first, last)| (first.sequence, last.sequence));
    let mut text = String::new();
    for row in rows {
        let (what, kind) = (format!("event {}", row.sequence), row.kind.clone());
        let event = row.read()?;
        let mut line = serde_json::to_value(&event).map_err(|source| StoreError::unreadable(what, source))?;
        if event.kind == EventKind::Unknown {
            // The word of a newer version is kept.
            line["type"] = Value::from(kind);
        }
        text.push_str(&line.to_string());
        text.push('\n');
    }
    Ok(ends.map(|(first, last)| (text, first, last)))
}

/// Writes a file.
pub(super) fn write(directory: &Utf8Path, text: &str, first: u64, last: u64) -> Result<Utf8PathBuf> {
    let path = directory.join(format!("{first}-{last}{ENDING}"));
    let written = files::private_directory(directory)
        .and_then(|()| files::write_atomic(&path, text.as_bytes(), files::PRIVATE_FILE));
    written.map_err(|source| StoreError::Archive { path: path.clone(), source })?;
    Ok(path)
}

/// An archived range in parts, each for a transaction of its own. What an interruption leaves is found by [`left`].
pub(super) fn parts((first, last): (u64, u64)) -> impl Iterator<Item = (u64, u64)> {
    (first..=last).step_by(AT_ONCE).map(move |start| (start, last.min(start + (AT_ONCE as u64 - 1))))
}

/// Takes the rows of an archived range out of the database.
pub(super) fn remove(context: &Context<'_>, (first, last): (u64, u64)) -> Result<usize> {
    context.run(|connection| {
        let causes = format!(
            "DELETE FROM event_causes WHERE (cause, sequence) IN \
             (SELECT cause.value, events.sequence FROM events, json_each(events.causes) AS cause WHERE {GOING})"
        );
        let range = named_params! {":first": first, ":last": last};
        connection.prepare_cached(&causes)?.execute(range)?;
        connection.prepare_cached(&format!("DELETE FROM events WHERE {GOING}"))?.execute(range)
    })
}

/// The rows that are still in the database although a file has their range: somebody was interrupted between.
pub(super) fn left(context: &Context<'_>, file: &ArchiveFile) -> Result<BTreeSet<u64>> {
    context.run(|connection| {
        let mut statement = connection.prepare_cached(&format!("SELECT sequence FROM events WHERE {GOING}"))?;
        let range = named_params! {":first": file.first, ":last": file.last};
        statement.query_map(range, |row| row.get(0))?.collect()
    })
}

/// Whether a file holds all of these, so that they may go from the database.
pub(super) fn holds(file: &ArchiveFile, sequences: &BTreeSet<u64>) -> Result<bool> {
    let mut missing = sequences.clone();
    for event in file.events()?.flatten() {
        missing.remove(&event.sequence);
    }
    Ok(missing.is_empty())
}
