//! A record: a file of lines that an agent only adds to, such as a transcript. A look reads on from where the last one came
//! to, in bounded memory; a message has arrived when a line behind a mark holds it.
//!
//! All of it blocks its thread: call it in [`crate::blocking`].

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt;

use ao_core::slots::common::Proof;
use camino::Utf8Path;
use serde::{Deserialize, Serialize};

/// The longest line that is read, in bytes. A longer one, such as a tool's output with pictures in it, is passed over.
pub const LONGEST: usize = 8 * 1024 * 1024;

/// The most that is searched for a message, in bytes.
const SEARCHED: u64 = 64 * 1024 * 1024;

/// How far a record was read, for a cursor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Position {
    /// In bytes.
    #[serde(rename = "o")]
    pub offset: u64,
    /// The file's own number, 0 where it was not opened yet: another one under the same name is another file.
    #[serde(rename = "i")]
    pub inode: u64,
    /// Whether this is in the middle of a line that is passed over.
    #[serde(rename = "s", skip_serializing_if = "std::ops::Not::not")]
    pub is_skipping: bool,
}

impl Position {
    /// Where a record ends now: what comes later stands behind it. A file that is not there yet ends at its beginning; `None`
    /// where it cannot be told, and nothing must be concluded.
    #[must_use]
    pub fn at_end_of(path: &Utf8Path) -> Option<Self> {
        match std::fs::metadata(path) {
            Ok(found) => Some(Self { offset: found.len(), inode: found.ino(), is_skipping: false }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Some(Self::default()),
            Err(_) => None,
        }
    }
}

/// How far a reading came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// All that is there was read, but for a last line that has no end yet.
    Complete,
    /// There is more.
    Behind,
}

/// How a record that was opened again stands to what was read of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Continuity {
    /// It goes on where it was left.
    GoesOn,
    /// It was cut, or is another file, and is read from its beginning: what it told before is told anew.
    BeginsAnew,
}

/// A record's lines from a position on.
#[derive(Debug)]
pub struct Lines<F = File> {
    reader: BufReader<F>,
    position: Position,
    continuity: Continuity,
    /// What was read of a line that is not whole yet; `position` stands before it.
    line: Vec<u8>,
}

impl Lines {
    /// Opens a record where it was left. `None` where there is none.
    pub fn open(path: &Utf8Path, from: Position) -> io::Result<Option<Self>> {
        let mut file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let found = file.metadata()?;
        let inode = found.ino();
        let is_same = from.inode == 0 || from.inode == inode;
        let (begin, continuity) = if is_same && from.offset <= found.len() {
            (from, Continuity::GoesOn)
        } else {
            (Position::default(), Continuity::BeginsAnew)
        };
        file.seek(SeekFrom::Start(begin.offset))?;
        Ok(Some(Self { continuity, ..Self::over(file, Position { inode, ..begin }) }))
    }
}

impl<F: Read> Lines<F> {
    /// The lines of something that stands at this position already.
    pub fn over(reader: F, position: Position) -> Self {
        let reader = BufReader::with_capacity(64 * 1024, reader);
        Self { reader, position, continuity: Continuity::GoesOn, line: Vec::new() }
    }

    /// Behind the last whole line that was read.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Whether it goes on where it was left.
    pub fn continuity(&self) -> Continuity {
        self.continuity
    }

    /// Calls `take` with the offset and the bytes of each whole line, without its line feed, until it breaks, the record ends,
    /// or about `limit` bytes were read. A last line without an end is left for the next time.
    pub fn read(&mut self, limit: u64, mut take: impl FnMut(u64, &[u8]) -> ControlFlow<()>) -> io::Result<Progress> {
        let mut left = limit;
        loop {
            let available = match self.reader.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                available => available?,
            };
            if available.is_empty() {
                return Ok(Progress::Complete);
            }
            if left == 0 && self.line.is_empty() {
                return Ok(Progress::Behind);
            }
            let end = available.iter().position(|byte| *byte == b'\n');
            let part = end.map_or(available, |end| &available[..end]);
            let was_skipping = self.position.is_skipping;
            if !was_skipping {
                self.line.extend_from_slice(part);
            }
            let length = (part.len() + usize::from(end.is_some())) as u64;
            self.reader.consume(usize::try_from(length).unwrap_or(usize::MAX));
            left = left.saturating_sub(length);
            if was_skipping {
                self.position.offset += length;
            } else if self.line.len() > LONGEST {
                self.position.offset += self.line.len() as u64 + u64::from(end.is_some());
                self.position.is_skipping = true;
                self.line = Vec::new();
            } else if end.is_some() {
                let flow = take(self.position.offset, &self.line);
                self.position.offset += self.line.len() as u64 + 1;
                self.line.clear();
                if flow.is_break() {
                    return Ok(Progress::Behind);
                }
            }
            if end.is_some() {
                self.position.is_skipping = false;
            }
        }
    }
}

/// Whether a message stands behind a mark: in a line for which `is_it` holds.
///
/// The mark is where the record ended before the delivery ([`Position::at_end_of`]). A record that was cut or replaced since
/// may hold what was there before, and one that cannot be read says nothing: both are [`Proof::Unknown`].
pub fn find(path: &Utf8Path, mark: Position, is_it: impl FnMut(&[u8]) -> bool) -> Proof {
    search(path, mark, is_it).unwrap_or_else(|error| {
        tracing::warn!("cannot read the record `{path}`: {error}");
        Proof::Unknown
    })
}

fn search(path: &Utf8Path, mark: Position, mut is_it: impl FnMut(&[u8]) -> bool) -> io::Result<Proof> {
    let Some(mut lines) = Lines::open(path, mark)? else {
        return Ok(if mark.offset == 0 { Proof::Absent } else { Proof::Unknown });
    };
    if lines.continuity() == Continuity::BeginsAnew {
        return Ok(Proof::Unknown);
    }
    let mut found = None;
    let progress = lines.read(SEARCHED, |at, line| {
        if is_it(line) {
            found = Some(Proof::Found { reference: format!("{path}:{at}") });
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    })?;
    Ok(found.unwrap_or(match progress {
        Progress::Complete => Proof::Absent,
        Progress::Behind => Proof::Unknown,
    }))
}

#[cfg(test)]
mod tests;
