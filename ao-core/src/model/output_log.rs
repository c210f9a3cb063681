//! The files in which a holder keeps what its program printed: their names, what of them a reader gets, and the text in
//! that.
//!
//! A log is two files at most. When the newer one is full a next one begins and the older one goes. Each file's name says
//! at which byte of all that was ever printed it begins, so that a cursor, which counts these bytes, means the same before
//! and after, and files that go while they are read do no harm.

use camino::{Utf8Path, Utf8PathBuf};

/// The name of the part of an output log that begins at this byte of all that was ever printed.
#[must_use]
pub fn log_part(log: &Utf8Path, offset: u64) -> Utf8PathBuf {
    // Twenty digits hold every offset, and make the order of the names that of the offsets.
    Utf8PathBuf::from(format!("{log}.{offset:020}"))
}

/// The offset in the name of a file beside the log; none if it is no part of it.
#[must_use]
pub fn log_part_offset(log: &Utf8Path, file_name: &str) -> Option<u64> {
    let digits = file_name.strip_prefix(log.file_name()?)?.strip_prefix('.')?;
    (digits.len() == 20).then(|| digits.parse().ok()).flatten()
}

/// The name of the file with the last screen of a program that has ended, beside its log.
#[must_use]
pub fn last_screen(log: &Utf8Path) -> Utf8PathBuf {
    Utf8PathBuf::from(format!("{log}.screen"))
}

/// A part of a log as it stands on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogPart {
    /// At which byte of everything it begins.
    pub offset: u64,
    /// How many bytes it holds.
    pub length: u64,
}

/// What of a log a reader gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogRead {
    /// The first byte.
    pub from: u64,
    /// The one behind the last.
    pub until: u64,
    /// Whether something that was asked for is gone, or something before it was left out.
    pub truncated: bool,
}

impl LogRead {
    /// What to read for a cursor, or the newest without one. `parts` are in the order of their offsets.
    ///
    /// A cursor behind the end is of another log: the newest is read.
    #[must_use]
    pub fn plan(parts: &[LogPart], cursor: Option<u64>, max_bytes: u64) -> Self {
        let begin = parts.first().map_or(0, |part| part.offset);
        let end = parts.last().map_or(0, |part| part.offset + part.length);
        let newest = end.saturating_sub(max_bytes).max(begin);
        let (from, truncated) = match cursor {
            Some(cursor) if cursor <= end => (cursor.max(begin), cursor < begin),
            _ => (newest, newest > 0),
        };
        Self { from, until: end.min(from.saturating_add(max_bytes)), truncated }
    }

    /// Which bytes of a part belong to it: how many to skip, and how many to read then.
    #[must_use]
    pub fn within(&self, part: LogPart) -> (u64, u64) {
        let from = self.from.max(part.offset);
        let until = self.until.min(part.offset + part.length);
        (from - part.offset, until.saturating_sub(from))
    }
}

/// Where in the output a piece of it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PieceStart {
    /// Where a former piece ended.
    Continued,
    /// Somewhere, perhaps within a character.
    Anywhere,
}

/// The text in a piece of output, and at which byte of the piece it ends: before a character whose rest is not there yet.
/// Bytes that are not UTF-8 are replaced.
#[must_use]
pub fn whole_text(bytes: &[u8], start: PieceStart) -> (String, usize) {
    let start = match start {
        PieceStart::Continued => 0,
        PieceStart::Anywhere => continuation_bytes(bytes),
    };
    let end = bytes.len() - unfinished_bytes(bytes);
    (String::from_utf8_lossy(bytes.get(start..end).unwrap_or_default()).into_owned(), end)
}

/// How many bytes at the start belong to a character that began earlier.
fn continuation_bytes(bytes: &[u8]) -> usize {
    bytes.iter().take(3).take_while(|byte| *byte & 0b1100_0000 == 0b1000_0000).count()
}

/// How many bytes at the end begin a character whose rest is not there yet.
fn unfinished_bytes(bytes: &[u8]) -> usize {
    let tail = &bytes[bytes.len().saturating_sub(3)..];
    let Some(start) = tail.iter().rposition(|byte| byte & 0b1100_0000 != 0b1000_0000) else { return 0 };
    match std::str::from_utf8(&tail[start..]) {
        Err(error) if error.error_len().is_none() => tail.len() - start,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_log_say_where_they_begin() {
        let log = Utf8Path::new("/s/output.log");
        let part = log_part(log, 8_388_608);
        assert_eq!(part.file_name().and_then(|name| log_part_offset(log, name)), Some(8_388_608));
        for other in ["output.log", "output.log.screen", "output.log.12", "x.00000000000000000001"] {
            assert_eq!(log_part_offset(log, other), None, "{other}");
        }
    }

    #[test]
    fn a_reader_gets_what_is_left_of_what_it_wants() {
        let parts = [LogPart { offset: 100, length: 50 }, LogPart { offset: 150, length: 20 }];
        let read = |from, until, truncated| LogRead { from, until, truncated };
        for (cursor, max_bytes, expected) in [
            (None, 10, read(160, 170, true)),
            (None, 1000, read(100, 170, true)),
            (Some(160), 1000, read(160, 170, false)),
            (Some(140), 20, read(140, 160, false)),
            (Some(170), 20, read(170, 170, false)),
            (Some(7), 20, read(100, 120, true)),
            (Some(171), 20, read(150, 170, true)),
        ] {
            assert_eq!(LogRead::plan(&parts, cursor, max_bytes), expected, "{cursor:?}, {max_bytes}");
        }
        assert_eq!(LogRead::plan(&[], Some(0), 9), read(0, 0, false));
        assert_eq!(LogRead::plan(&[LogPart { offset: 0, length: 5 }], None, 9), read(0, 5, false));
        assert_eq!(read(140, 160, false).within(parts[0]), (40, 10));
        assert_eq!(read(140, 160, false).within(parts[1]), (0, 10));
        assert_eq!(read(160, 170, false).within(parts[0]).1, 0);
    }
}
