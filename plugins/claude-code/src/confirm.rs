//! Whether a message has arrived: whether the transcript holds it behind where it ended before.

use ao_plugin_sdk::agent::record;
use ao_plugin_sdk::core::model::draft::digest;
use ao_plugin_sdk::prelude::*;

use crate::cursor::Cursor;
use crate::deliver::as_data;
use crate::transcript::{Entry, parse};

/// Looks for a message behind a cursor's mark.
pub(crate) fn find(text: &str, cursor: Option<&Value>) -> Proof {
    let cursor = Cursor::of(cursor);
    let (Some(path), Some(mark)) = (cursor.transcript, cursor.mark) else { return Proof::Unknown };
    let wanted = digest(&as_data(text));
    record::find(&path, mark, |line| match parse(line).map(|record| record.entry) {
        Some(Entry::Prompt { text } | Entry::Queued { text }) => digest(&text) == wanted,
        _ => false,
    })
}
