//! An event in one line of text.

use ao_core::model::event::Event;
use ao_core::text::one_line;

/// The most of an event's details that a line shows, in characters.
const MOST: usize = 200;

/// The columns of sequence numbers and of types, so that most lines are aligned.
const NUMBER_COLUMNS: usize = 6;
const TYPE_COLUMNS: usize = 24;
const SESSION_COLUMNS: usize = 10;

/// Time, place in the log, type, session, and what happened.
pub(crate) fn full(event: &Event) -> String {
    let session = event.session.as_ref().map_or("-", |id| id.as_str());
    let (time, number, kind) = (event.timestamp, event.sequence, event.kind);
    let line = format!(
        "{time}  {number:>NUMBER_COLUMNS$}  {kind:TYPE_COLUMNS$}  {session:SESSION_COLUMNS$}  {}",
        details(event)
    );
    line.trim_end().to_owned()
}

/// What happened. Details that this version does not know are shown as they stand in the log.
pub(crate) fn details(event: &Event) -> String {
    let text = event.typed().map_or_else(|| event.data.to_string(), |data| data.to_string());
    one_line(&text, MOST)
}
