//! What OpenCode's server writes, read leniently: everything in it may be missing, of another type, or too long.

mod event;
mod look;
mod sse;

pub(crate) use event::{Event, Part};
pub(crate) use look::{Asked, AskedKind, Info, Look, Status, problem};
pub(crate) use sse::Frames;

/// The longest frame that is read, in bytes.
pub(crate) const MOST_FRAME: usize = 16 * 1024 * 1024;
/// The longest text that is kept of a title, a question or an error, in characters.
pub(crate) const MOST_TEXT: usize = 400;
/// The longest id that is kept, in bytes.
pub(crate) const MOST_ID: usize = 200;

use ao_plugin_sdk::core::text::one_line;
use ao_plugin_sdk::prelude::*;

/// A text at a place, in one line.
pub(crate) fn text(value: &Value, pointer: &str) -> Option<String> {
    value.pointer(pointer).and_then(Value::as_str).map(|text| one_line(text, MOST_TEXT)).filter(|text| !text.is_empty())
}

/// An id at a place.
pub(crate) fn id(value: &Value, pointer: &str) -> Option<String> {
    let id = value.pointer(pointer).and_then(Value::as_str)?;
    let is_plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    (is_plain && !id.is_empty() && id.len() <= MOST_ID).then(|| id.to_owned())
}
