//! Codex's own record of a conversation: a file of JSON lines that only grows, below `sessions/` of its directory. It is read
//! from where the last look ended, in bounded memory.

mod find;
mod line;
mod lines;
mod story;

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;

use ao_plugin_sdk::prelude::*;

pub use find::{Wanted, belongs, find, thread_of};
pub use line::{Failure, Line, Record, Tokens, parse};
pub use lines::{LONGEST_LINE, Reached, each_line};
pub use story::{Story, Turn};

/// How far a record was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The file.
    pub path: Utf8PathBuf,
    /// Its number in its file system; 0 until it was opened. Another file of the same name is read from its beginning.
    pub inode: u64,
    /// In bytes.
    pub offset: u64,
}

impl Mark {
    /// Of a file of which nothing was read.
    #[must_use]
    pub fn beginning(path: Utf8PathBuf) -> Self {
        Self { path, inode: 0, offset: 0 }
    }
}

/// Whether a reading came to the end of what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// All that is there was read.
    Complete,
    /// There is more: the budget was used up.
    Behind,
}

/// Reads on from a mark, at most `budget` bytes, and adds what stands there to the story. A file that was cut or replaced is
/// read from its beginning, and its story begins anew.
pub fn read_on(mark: &mut Mark, story: &mut Story, budget: &mut u64) -> io::Result<Progress> {
    let file = File::open(&mark.path)?;
    let found = file.metadata()?;
    if (mark.inode != 0 && mark.inode != found.ino()) || found.len() < mark.offset {
        mark.offset = 0;
        *story = Story::default();
    }
    mark.inode = found.ino();
    if found.len() == mark.offset {
        return Ok(Progress::Complete);
    }
    let reached = each_line(file, mark.offset, *budget, |_, line| {
        if let Some(line) = parse(line) {
            story.tell(line);
        }
        true
    })?;
    *budget = budget.saturating_sub(reached.offset.saturating_sub(mark.offset));
    mark.offset = reached.offset;
    Ok(reached.progress)
}
