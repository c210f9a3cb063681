//! Codex's own record of a conversation: a file of JSON lines that only grows, below `sessions/` of its directory. It is read
//! from where the last look ended, in bounded memory.

mod find;
mod line;
mod story;

use std::io;
use std::ops::ControlFlow;

use ao_plugin_sdk::agent::record::{Continuity, Lines, Position, Progress};
use ao_plugin_sdk::prelude::*;

pub use find::{Wanted, belongs, find, is_id, newest, thread_of};
pub use line::{Failure, Line, Record, Tokens, parse};
pub use story::{Story, Turn};

/// How far a record was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The file.
    pub path: Utf8PathBuf,
    /// Up to where.
    #[serde(flatten)]
    pub position: Position,
    /// How long it was before the present process wrote to it, in bytes: turns before that are another process's. `None` where
    /// that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
}

impl Mark {
    /// Of a file of which nothing was read, and that was so long when the present process began.
    #[must_use]
    pub fn beginning(path: Utf8PathBuf, before: Option<u64>) -> Self {
        Self { path, position: Position::default(), before }
    }

    /// Of a file whose present end is where a process begins to write.
    #[must_use]
    pub fn now(path: Utf8PathBuf) -> Self {
        let before = Position::at_end_of(&path).map(|end| end.offset);
        Self::beginning(path, before)
    }
}

/// Reads on from a mark, about `budget` bytes, and adds what stands there to the story. A file that was cut or replaced is
/// read from its beginning, and its story begins anew.
pub fn read_on(mark: &mut Mark, story: &mut Story, budget: &mut u64) -> io::Result<Progress> {
    let Some(mut lines) = Lines::open(&mark.path, mark.position)? else {
        return Err(io::Error::from(io::ErrorKind::NotFound));
    };
    if lines.continuity() == Continuity::BeginsAnew {
        story.begin_anew();
        mark.before = mark.before.map(|_| 0);
    }
    let before = mark.before.unwrap_or(0);
    let progress = lines.read(*budget, |at, line| {
        if let Some(line) = parse(line) {
            story.tell(line);
            if at < before {
                story.leave_turn();
            }
        }
        ControlFlow::Continue(())
    });
    *budget = budget.saturating_sub(lines.consumed());
    mark.position = lines.position();
    progress
}
