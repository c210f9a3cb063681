//! Everything that the program printed, on the disk within a quota.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;

use ao_core::model::output_log::{LogPart, LogRead, log_part, log_part_offset};
use camino::{Utf8Path, Utf8PathBuf};

/// The log, open for more.
pub(super) struct OutputLog {
    path: Utf8PathBuf,
    file: File,
    /// The part that is written.
    part: LogPart,
    /// How long a part may become.
    half: u64,
}

impl OutputLog {
    /// Opens the log, behind what a former launch left there.
    pub(super) fn open(path: &Utf8Path, quota: u64) -> io::Result<Self> {
        let part = parts(path)?.last().copied().unwrap_or(LogPart { offset: 0, length: 0 });
        let file = open_part(path, part.offset)?;
        Ok(Self { path: path.to_owned(), file, part, half: (quota / 2).max(1) })
    }

    /// Adds what was printed. What a full disk does not take is lost, and the program goes on.
    pub(super) fn append(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            // If there can be no other file, this one grows.
            if self.part.length >= self.half && self.begin_part().is_err() {
                return self.write(bytes);
            }
            let room = usize::try_from(self.half - self.part.length).unwrap_or(usize::MAX);
            let (now, later) = bytes.split_at(bytes.len().min(room));
            let before = self.part.length;
            self.write(now);
            if self.part.length == before {
                return;
            }
            bytes = later;
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        match self.file.write_all(bytes) {
            Ok(()) => self.part.length += bytes.len() as u64,
            Err(_) => self.part.length = self.file.metadata().map_or(self.part.length, |data| data.len()),
        }
    }

    fn begin_part(&mut self) -> io::Result<()> {
        let next = LogPart { offset: self.part.offset + self.part.length, length: 0 };
        self.file = open_part(&self.path, next.offset)?;
        for old in parts(&self.path)?.iter().filter(|part| part.offset < self.part.offset) {
            let _ = std::fs::remove_file(log_part(&self.path, old.offset));
        }
        self.part = next;
        Ok(())
    }

    /// Reads at most `max_bytes` from a cursor on, or the newest: the plan, and the bytes.
    pub(super) fn read(&self, cursor: Option<u64>, max_bytes: u64) -> io::Result<(LogRead, Vec<u8>)> {
        let parts = parts(&self.path)?;
        let plan = LogRead::plan(&parts, cursor, max_bytes);
        let mut bytes = Vec::new();
        for part in parts {
            let (skip, length) = plan.within(part);
            if length > 0 {
                let mut file = File::open(log_part(&self.path, part.offset))?;
                file.seek(SeekFrom::Start(skip))?;
                file.take(length).read_to_end(&mut bytes)?;
            }
        }
        Ok((plan, bytes))
    }
}

fn open_part(path: &Utf8Path, offset: u64) -> io::Result<File> {
    File::options().append(true).create(true).mode(0o600).open(log_part(path, offset))
}

/// The parts that there are, oldest first.
fn parts(path: &Utf8Path) -> io::Result<Vec<LogPart>> {
    let directory = path.parent().ok_or_else(|| io::Error::other("the log has no directory"))?;
    let mut found = Vec::new();
    for entry in directory.read_dir_utf8()? {
        let entry = entry?;
        if let Some(offset) = log_part_offset(path, entry.file_name()) {
            found.push(LogPart { offset, length: entry.metadata()?.len() });
        }
    }
    found.sort_unstable();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_what_the_quota_takes() {
        let scratch = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(scratch.path()).unwrap().join("output.log");
        let mut log = OutputLog::open(&path, 100).unwrap();
        for number in 0..30 {
            log.append(format!("line {number:04}\n").as_bytes());
        }
        let left = parts(&path).unwrap();
        assert!(left.len() == 2 && left[0].offset > 0 && left.iter().all(|part| part.length <= 50), "{left:?}");

        let (plan, bytes) = log.read(Some(290), 1000).unwrap();
        assert_eq!((bytes.as_slice(), plan.truncated), (&b"line 0029\n"[..], false));
        let (plan, bytes) = log.read(Some(0), 1000).unwrap();
        assert!(plan.truncated && plan.until == 300 && bytes.len() as u64 == 300 - left[0].offset);

        let mut again = OutputLog::open(&path, 100).unwrap();
        again.append(b"after");
        assert_eq!(again.read(Some(300), 9).unwrap().1, b"after", "a next launch goes on behind it");
    }
}
