//! Where a conversation's record is. The directories are a day each, and only those of the days in question are looked at.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::time::Duration;

use ao_plugin_sdk::agent::record::{Lines, Position};
use ao_plugin_sdk::prelude::*;

use super::line::{Record, parse};

/// The most of a record that is read for its first line, in bytes.
const FIRST_LINE: u64 = 1024 * 1024;
const DAY: Duration = Duration::from_hours(24);
/// The characters of an id.
const ID: usize = 36;

/// A conversation whose record is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Codex's own directory.
    pub home: &'a Utf8Path,
    /// Its id, where that is known.
    pub thread: Option<&'a str>,
    /// Where it works.
    pub workspace: &'a Utf8Path,
    /// From when on it may have been begun, where its id is not known.
    pub launched_at: Timestamp,
}

/// Looks for a record: by the conversation's id, else the newest one that a user began in this very worktree since the launch.
#[must_use]
pub fn find(wanted: &Wanted<'_>) -> Option<Utf8PathBuf> {
    let from = wanted.thread.map_or(Some(wanted.launched_at), begun_at)?;
    let mut all: Vec<(String, Utf8PathBuf)> = Vec::new();
    for directory in days(from) {
        let Ok(entries) = wanted.home.join("sessions").join(directory).read_dir_utf8() else { continue };
        let paths = entries.flatten().map(|entry| entry.path().to_owned());
        all.extend(paths.filter_map(|path| Some((thread_of(&path)?.to_owned(), path))));
    }
    if let Some(thread) = wanted.thread {
        return all.into_iter().find(|(found, _)| found == thread).map(|(_, path)| path);
    }
    // An id begins with its time: the newest first, and the first that is too old ends the search.
    all.sort();
    let recent = all.into_iter().rev().take_while(|(thread, _)| begun_at(thread).is_none_or(|at| at >= from));
    let canonical = wanted.workspace.canonicalize_utf8().ok();
    let is_here = |cwd: &Utf8Path| cwd == wanted.workspace || Some(cwd) == canonical.as_deref();
    let mut fitting = recent.filter(|(thread, path)| match meta(path) {
        Some(Record::Meta { thread: found, cwd, by_user }) => by_user && found == *thread && is_here(&cwd),
        _ => false,
    });
    fitting.next().map(|(_, path)| path)
}

/// Whether a path is that of this conversation's record, by its name.
#[must_use]
pub fn belongs(path: &Utf8Path, thread: &str) -> bool {
    path.is_absolute() && thread_of(path) == Some(thread)
}

/// The id in a record's name, `rollout-<time>-<id>.jsonl`.
#[must_use]
pub fn thread_of(path: &Utf8Path) -> Option<&str> {
    let name = path.file_name()?.strip_prefix("rollout-")?.strip_suffix(".jsonl")?;
    let id = name.get(name.len().checked_sub(ID)?..)?;
    id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-').then_some(id)
}

/// When an id of version 7 (RFC 9562) was made.
fn begun_at(thread: &str) -> Option<Timestamp> {
    if thread.as_bytes().get(14) != Some(&b'7') {
        return None;
    }
    let digits = format!("{}{}", thread.get(..8)?, thread.get(9..13)?);
    i64::from_str_radix(&digits, 16).ok().map(Timestamp::from_millis)
}

/// The directories of a day and of its neighbours: their days are the local ones.
fn days(from: Timestamp) -> BTreeSet<String> {
    let before = Timestamp::from_millis(from.as_millis().saturating_sub(i64::try_from(DAY.as_millis()).unwrap_or(0)));
    let all = [before, from, from.after(DAY)];
    all.iter().filter_map(|day| day.to_string().get(..10).map(|day| day.replace('-', "/"))).collect()
}

/// The first line of a record.
fn meta(path: &Utf8Path) -> Option<Record> {
    let mut found = None;
    let mut lines = Lines::open(path, Position::default()).ok()??;
    let _ = lines.read(FIRST_LINE, |_, line| {
        found = parse(line);
        ControlFlow::Break(())
    });
    found.map(|line| line.record)
}
