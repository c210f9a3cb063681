//! Codex's own record of a conversation: a file of JSON lines that only grows, below `sessions/` of its directory. It is read
//! from where the last look ended, in bounded memory.

mod find;
mod line;
mod story;

use std::io;
use std::ops::ControlFlow;

use ao_plugin_sdk::agent::record::{Continuity, Lines, Position, Progress};
use ao_plugin_sdk::prelude::*;

pub use find::{Wanted, belongs, find, thread_of};
pub use line::{Failure, Line, Record, Tokens, parse};
pub use story::{Story, Turn};

/// How far a record was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The file.
    pub path: Utf8PathBuf,
    /// Where in it.
    #[serde(flatten)]
    pub position: Position,
}

impl Mark {
    /// Of a file of which nothing was read.
    #[must_use]
    pub fn beginning(path: Utf8PathBuf) -> Self {
        Self { path, position: Position::default() }
    }
}

/// Reads on from a mark, about `budget` bytes at most, and adds what stands there to the story. A file that was cut or
/// replaced is read from its beginning, and its story begins anew.
pub fn read_on(mark: &mut Mark, story: &mut Story, budget: &mut u64) -> io::Result<Progress> {
    let mut lines = Lines::open(&mark.path, mark.position)?.ok_or(io::ErrorKind::NotFound)?;
    if lines.continuity() == Continuity::BeginsAnew {
        *story = Story::default();
    }
    let began = lines.position().offset;
    let progress = lines.read(*budget, |_, line| {
        if let Some(line) = parse(line) {
            story.tell(line);
        }
        ControlFlow::Continue(())
    });
    mark.position = lines.position();
    *budget = budget.saturating_sub(mark.position.offset.saturating_sub(began));
    progress
}
