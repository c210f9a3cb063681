//! A log that keeps its beginning and its end, and says how much of the middle it left out.

use std::collections::VecDeque;
use std::io::{self, Write};

use camino::Utf8Path;
use fs_err::os::unix::fs::OpenOptionsExt;
use fs_err::{File, OpenOptions};

use crate::world::files::PRIVATE_FILE;

/// The most of an end that is held in memory, in bytes.
const MOST_END: u64 = 8 << 20;

/// A log that is being written. The beginning is in the file at once, for whoever follows it; the end comes last.
pub(crate) struct Log {
    file: File,
    beginning: u64,
    end: VecDeque<u8>,
    most_end: usize,
    dropped: u64,
}

impl Log {
    /// Of at most so many bytes.
    pub(crate) fn create(path: &Utf8Path, most: u64) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(PRIVATE_FILE).open(path)?;
        let most_end = (most / 2).min(MOST_END);
        let most_end_size = usize::try_from(most_end).unwrap_or(usize::MAX);
        Ok(Self { file, beginning: most - most_end, end: VecDeque::new(), most_end: most_end_size, dropped: 0 })
    }

    /// Adds what was printed.
    pub(crate) fn add(&mut self, bytes: &[u8]) -> io::Result<()> {
        let room = usize::try_from(self.beginning).unwrap_or(usize::MAX).min(bytes.len());
        let (first, rest) = bytes.split_at(room);
        self.file.write_all(first)?;
        self.beginning -= first.len() as u64;
        self.end.extend(rest);
        let over = self.end.len().saturating_sub(self.most_end);
        self.end.drain(..over);
        self.dropped += over as u64;
        Ok(())
    }

    /// Writes the end, and returns how many bytes were left out before it.
    pub(crate) fn finish(mut self) -> io::Result<u64> {
        if self.dropped > 0 {
            write!(self.file, "\n[ao: {} bytes were left out here]\n", self.dropped)?;
        }
        let (one, other) = self.end.as_slices();
        self.file.write_all(one)?;
        self.file.write_all(other)?;
        Ok(self.dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logged(most: u64, parts: &[&[u8]]) -> (Vec<u8>, u64) {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(directory.path()).unwrap().join("x.log");
        let mut log = Log::create(&path, most).unwrap();
        for part in parts {
            log.add(part).unwrap();
        }
        let dropped = log.finish().unwrap();
        (fs_err::read(&path).unwrap(), dropped)
    }

    #[test]
    fn what_fits_is_kept_as_it_is() {
        for parts in [&[][..], &[&b"\x1b[31mred\0\xff"[..]], &[&b"12345"[..], b"67890"]] {
            assert_eq!(logged(10, parts), (parts.concat(), 0));
        }
    }

    #[test]
    fn of_too_much_the_middle_goes_and_that_is_said() {
        let expected = b"01234\n[ao: 6 bytes were left out here]\nbcdef".to_vec();
        assert_eq!(logged(10, &[b"0123456789abcdef"]), (expected.clone(), 6));
        let single: Vec<&[u8]> = b"0123456789abcdef".chunks(1).collect();
        assert_eq!(logged(10, &single), (expected, 6));
    }
}
