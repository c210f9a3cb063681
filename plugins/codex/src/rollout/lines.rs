//! The lines of a file from an offset on, in bounded memory and in bounded steps.

use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use super::Progress;

/// The longest line that is looked at, in bytes. A longer one holds a tool's output, and none of what is read here.
pub const LONGEST_LINE: usize = 4 * 1024 * 1024;

/// How far a reading came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reached {
    /// Behind the last whole line that was read, in bytes.
    pub offset: u64,
    /// Whether there is more.
    pub progress: Progress,
}

/// Calls `each` with the offset and the bytes of every whole line from `offset` on, without its line feed, until it says
/// `false` or `budget` bytes were read. A line that has no end yet is left for the next time.
pub fn each_line<F: Read + Seek>(
    mut file: F,
    offset: u64,
    budget: u64,
    mut each: impl FnMut(u64, &[u8]) -> bool,
) -> io::Result<Reached> {
    file.seek(SeekFrom::Start(offset))?;
    let mut reader = BufReader::with_capacity(64 * 1024, file);
    let (mut at, mut line) = (offset, Vec::new());
    while at - offset < budget {
        let Some(length) = next(&mut reader, &mut line)? else {
            return Ok(Reached { offset: at, progress: Progress::Complete });
        };
        let goes_on = line.len() > LONGEST_LINE || each(at, &line);
        at += length;
        if !goes_on {
            break;
        }
    }
    Ok(Reached { offset: at, progress: Progress::Behind })
}

/// The next line, with its length in the file; none where it has no end. Of one that is too long, a beginning that is too long.
fn next(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Option<u64>> {
    line.clear();
    let mut length = 0;
    loop {
        let part = match reader.fill_buf() {
            Ok(part) => part,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if part.is_empty() {
            return Ok(None);
        }
        let end = part.iter().position(|byte| *byte == b'\n');
        let taken = end.unwrap_or(part.len());
        let kept = taken.min((LONGEST_LINE + 1).saturating_sub(line.len()));
        line.extend_from_slice(&part[..kept]);
        let used = taken + usize::from(end.is_some());
        reader.consume(used);
        length += used as u64;
        if end.is_some() {
            return Ok(Some(length));
        }
    }
}
