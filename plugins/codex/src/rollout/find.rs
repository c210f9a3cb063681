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
/// Directories above a record: a day, a month and a year.
const ABOVE: usize = 3;

/// A conversation whose record is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Codex's own directory.
    pub home: &'a Utf8Path,
    /// Its id, where that is known.
    pub thread: Option<&'a str>,
    /// Where it works.
    pub workspace: &'a Utf8Path,
    /// About when it was begun, where its id is not known.
    pub launched_at: Timestamp,
    /// The newest id that was there before the launch; empty where there was none. Without it, `launched_at` decides.
    pub after: Option<&'a str>,
}

/// Looks for a record: by the conversation's id, else the first one that a user began in this very worktree since the launch.
/// Later ones may be the agent's own doing.
#[must_use]
pub fn find(wanted: &Wanted<'_>) -> Option<Utf8PathBuf> {
    let from = wanted.thread.map_or(Some(wanted.launched_at), begun_at)?;
    let sessions = sessions(wanted.home);
    let mut all: Vec<(String, Utf8PathBuf)> = Vec::new();
    for directory in days(from) {
        all.extend(records(&sessions.join(directory)));
    }
    if let Some(thread) = wanted.thread {
        return all.into_iter().find(|(found, _)| found == thread).map(|(_, path)| path);
    }
    // An id begins with its time.
    all.sort();
    let canonical = wanted.workspace.canonicalize_utf8().ok();
    let is_here = |cwd: &Utf8Path| cwd == wanted.workspace || Some(cwd) == canonical.as_deref();
    let is_new = |thread: &str| match wanted.after {
        Some(after) => thread > after,
        None => begun_at(thread).is_none_or(|at| at >= from),
    };
    let mut fitting = all.into_iter().filter(|(thread, path)| {
        is_new(thread)
            && match meta(path) {
                Some(Record::Meta { thread: found, cwd, by_user }) => by_user && found == *thread && is_here(&cwd),
                _ => false,
            }
    });
    fitting.next().map(|(_, path)| path)
}

/// The newest id of all records, by their names; empty where there is none. An order that no clock decides: what is launched
/// now comes behind it.
#[must_use]
pub fn newest(home: &Utf8Path) -> String {
    let mut directories = vec![sessions(home)];
    for _ in 0..ABOVE {
        // Days are local ones, of which two may be written to.
        let below = directories.iter().flat_map(|directory| directory.read_dir_utf8().into_iter().flatten().flatten());
        let mut below: Vec<_> = below.map(|entry| entry.path().to_owned()).collect();
        below.sort();
        directories = below.split_off(below.len().saturating_sub(2));
    }
    directories.iter().flat_map(|directory| records(directory)).map(|(thread, _)| thread).max().unwrap_or_default()
}

/// Whether a path is that of this conversation's record, in a directory of Codex's own. Looks at directories, as the same one
/// may be named in another way.
#[must_use]
pub fn belongs(home: &Utf8Path, path: &Utf8Path, thread: &str) -> bool {
    let canonical = |path: &Utf8Path| path.canonicalize_utf8().ok();
    let sessions = sessions(home);
    let is_plain = path.is_absolute() && path.components().all(|part| part.as_str() != "..");
    let is_there = |above: &Utf8Path| {
        above == sessions || canonical(above).is_some_and(|above| Some(above) == canonical(&sessions))
    };
    is_plain && thread_of(path) == Some(thread) && path.ancestors().nth(ABOVE + 1).is_some_and(is_there)
}

/// The id in a record's name, `rollout-<time>-<id>.jsonl`.
#[must_use]
pub fn thread_of(path: &Utf8Path) -> Option<&str> {
    let name = path.file_name()?.strip_prefix("rollout-")?.strip_suffix(".jsonl")?;
    let id = name.get(name.len().checked_sub(ID)?..)?;
    is_id(id).then_some(id)
}

/// Whether a text is an id of a conversation: a UUID.
#[must_use]
pub fn is_id(text: &str) -> bool {
    let is_digit = |(index, byte): (usize, u8)| match index {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    text.len() == ID && text.bytes().enumerate().all(is_digit)
}

fn sessions(home: &Utf8Path) -> Utf8PathBuf {
    home.join("sessions")
}

/// The records of a day, with their ids.
fn records(directory: &Utf8Path) -> Vec<(String, Utf8PathBuf)> {
    let entries = directory.read_dir_utf8().into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path().to_owned());
    paths.filter_map(|path| Some((thread_of(&path)?.to_owned(), path))).collect()
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
