//! The journal of a launch: what happened between the helper and its agent, a line of JSON each, in one file of the launch's
//! directory. The helper writes it, and begins again from it; the plugin reads it, from where it read last.
//!
//! What it says is folded twice: [`View`] is what the host is told, [`Queue`] what the helper has to know besides.

mod event;
mod queue;
mod reader;
mod view;
mod writer;

pub use event::{Answerer, Choice, Entry, Event, How, Question, Stopped, Used};
pub use queue::{Held, Letter, Queue};
pub use reader::{Mark, finds, read_from, read_whole};
pub use view::{MOST_QUESTIONS, Phase, View};
pub use writer::Writer;

use ao_plugin_sdk::prelude::*;

/// The directory of the helper's files, in a launch's directory.
pub const DIRECTORY: &str = "conversation";
/// The journal's name in it.
pub const JOURNAL_FILE: &str = "journal.jsonl";
/// The name of the part before it.
pub const FORMER_FILE: &str = "journal.1.jsonl";

/// The journal of a launch's directory.
pub fn journal_of(directory: &Utf8Path) -> Utf8PathBuf {
    directory.join(DIRECTORY).join(JOURNAL_FILE)
}
