//! Whether a message has arrived: whether the transcript holds it behind where it ended before.

use ao_plugin_sdk::agent::record;
use ao_plugin_sdk::core::model::draft::digest;
use ao_plugin_sdk::prelude::*;

use crate::cursor::Cursor;
use crate::deliver::as_data;
use crate::transcript::told;

/// Looks for a message behind a cursor's mark.
pub(crate) fn find(text: &str, cursor: Option<&Value>) -> Result<Proof> {
    let cursor = Cursor::of(cursor);
    let (Some(path), Some(mark)) = (cursor.transcript, cursor.mark) else { return Ok(Proof::Unknown) };
    // Where it ought to be there is none, so far: only where Claude Code itself has named the place does that say that nothing
    // came.
    if !cursor.is_named && !path.exists() {
        return Err(Error::not_found(format!("there is no transcript at `{path}` so far")));
    }
    let wanted = digest(&as_data(text));
    // The words are compared as they stand: a human's may begin like Claude Code's own.
    Ok(record::find(&path, mark, |line| told(line).is_some_and(|text| digest(&text) == wanted)))
}
