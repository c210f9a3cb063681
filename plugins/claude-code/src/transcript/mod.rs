//! The transcript: a file of JSON lines that Claude Code adds to as it goes, one a conversation, and one beside it for each
//! sub-agent.

mod reading;
mod record;
mod usage;

pub(crate) use reading::{A_LOOK, Reading};
pub(crate) use record::{Entry, one_line, parse};
