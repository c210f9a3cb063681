//! Whether a message has arrived: whether the transcript holds it behind where it ended before.

use std::io;

use ao_plugin_sdk::core::model::draft::digest;
use ao_plugin_sdk::prelude::*;

use crate::cursor::Cursor;
use crate::deliver::as_data;
use crate::transcript::{Entry, Lines, Position, parse};

/// Looks for a message behind a cursor's mark.
pub(crate) fn find(text: &str, cursor: Option<&Value>) -> Proof {
    let cursor = Cursor::of(cursor);
    let (Some(path), Some(mark)) = (cursor.transcript, cursor.mark) else { return Proof::Unknown };
    let from = Position { offset: mark.offset, inode: mark.inode, is_skipping: false };
    search(text, &path, from).unwrap_or_else(|error| {
        tracing::warn!("cannot read the transcript `{path}`: {error}");
        Proof::Unknown
    })
}

fn search(text: &str, path: &Utf8Path, from: Position) -> io::Result<Proof> {
    let Some(mut lines) = Lines::open(path, from)? else {
        return Ok(if from.offset == 0 { Proof::Absent } else { Proof::Unknown });
    };
    // One that was cut, or is another file, may hold what was there before.
    if lines.position().offset < from.offset || (from.inode != 0 && lines.position().inode != from.inode) {
        return Ok(Proof::Unknown);
    }
    let wanted = digest(&as_data(text));
    let mut found = false;
    lines.read(u64::MAX, |line| {
        found |= match parse(line).map(|record| record.entry) {
            Some(Entry::Prompt { text } | Entry::Queued { text }) => digest(&text) == wanted,
            _ => false,
        };
    })?;
    Ok(if found { Proof::Found { reference: format!("{path}:{}", from.offset) } } else { Proof::Absent })
}
