//! The protocol's wire: lines of JSON-RPC over a pipe, read leniently, because agents differ.
//!
//! What is read is data that somebody else's program wrote: everything in it may be missing, of another type, or too long.

mod frame;
mod lines;
mod read;

pub(crate) use frame::{Frame, Problem, failure, notification, request, result};
pub(crate) use lines::{Line, Lines};
pub(crate) use read::{
    Offer, Tool, Update, Who, auth_hint, choices, error_text, is_limit, offers, restraining_mode, tool_of, update,
    used_of, who,
};

/// The longest frame that is read, in bytes.
pub(crate) const MOST: usize = 16 * 1024 * 1024;
/// The longest id of an agent's that is kept, in bytes.
pub(crate) const MOST_ID: usize = 1024;
