//! The lines of a growing file, a part at a time, in bounded memory.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;

use ao_plugin_sdk::prelude::*;

/// The longest line that is read, in bytes. A longer one, such as a tool's output with pictures in it, is passed over.
const LONGEST: usize = 8 * 1024 * 1024;

/// How far a file was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Position {
    /// In bytes.
    #[serde(rename = "o")]
    pub(crate) offset: u64,
    /// The file's own number: another one under the same name is another file.
    #[serde(rename = "i")]
    pub(crate) inode: u64,
    /// Whether this is in the middle of a line that is passed over.
    #[serde(rename = "s", skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_skipping: bool,
}

/// Why reading stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// At the file's end, or at a last line that is not whole yet.
    AtEnd,
    /// So much was to be read and no more.
    AtLimit,
}

/// A file's lines from a position on.
pub(crate) struct Lines {
    reader: BufReader<File>,
    position: Position,
    line: Vec<u8>,
}

impl Lines {
    /// Opens a file where it was left. One that was cut, or is another one, begins anew. `None` where there is none.
    pub(crate) fn open(path: &Utf8Path, from: Position) -> io::Result<Option<Self>> {
        let mut file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let found = file.metadata()?;
        let inode = found.ino();
        let is_same = from.inode == 0 || from.inode == inode;
        let begin = if is_same && from.offset <= found.len() { from } else { Position::default() };
        let position = Position { inode, ..begin };
        file.seek(SeekFrom::Start(position.offset))?;
        Ok(Some(Self { reader: BufReader::with_capacity(64 * 1024, file), position, line: Vec::new() }))
    }

    /// Behind the last whole line.
    pub(crate) fn position(&self) -> Position {
        self.position
    }

    /// Calls `take` with each whole line, up to the end or `limit` bytes.
    pub(crate) fn read(&mut self, limit: u64, mut take: impl FnMut(&[u8])) -> io::Result<Stop> {
        let mut left = limit;
        loop {
            // What is in `line` is not whole yet, and `position` stands before it.
            let available = self.reader.fill_buf()?;
            if available.is_empty() {
                return Ok(Stop::AtEnd);
            }
            let end = available.iter().position(|byte| *byte == b'\n');
            let part = end.map_or(available, |end| &available[..end]);
            if !self.position.is_skipping {
                self.line.extend_from_slice(part);
            }
            let (part, length) = (part.len(), part.len() + usize::from(end.is_some()));
            self.reader.consume(length);
            if self.line.len() > LONGEST {
                // What was just read of it is counted below.
                self.position.offset += (self.line.len() - part) as u64;
                self.position.is_skipping = true;
                self.line = Vec::new();
            }
            match end {
                Some(_) if self.position.is_skipping => {
                    self.position.offset += length as u64;
                    self.position.is_skipping = false;
                }
                Some(_) => {
                    take(&self.line);
                    self.position.offset += self.line.len() as u64 + 1;
                    self.line.clear();
                }
                None if self.position.is_skipping => self.position.offset += length as u64,
                None => {}
            }
            left = left.saturating_sub(length as u64);
            if left == 0 && self.line.is_empty() {
                return Ok(Stop::AtLimit);
            }
        }
    }
}
