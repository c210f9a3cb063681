//! What the agent complains on its standard error, and what it prints besides messages: kept in bounded files.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;

use ao_plugin_sdk::prelude::*;

/// How long a file may get, in bytes. There are two.
const MOST: u64 = 1024 * 1024;
/// How much of the end is shown when the agent fails, in bytes.
const TAIL: usize = 2048;

/// A bounded log.
#[derive(Debug)]
pub struct Log {
    path: Utf8PathBuf,
    file: File,
    length: u64,
    tail: VecDeque<u8>,
}

impl Log {
    /// In this directory, behind what is there.
    pub fn open(directory: &Utf8Path) -> io::Result<Self> {
        let path = directory.join("agent.log");
        let file = appended(&path)?;
        let length = file.metadata()?.len();
        Ok(Self { path, file, length, tail: VecDeque::new() })
    }

    /// Adds to it. A log that cannot be written is no reason to end anything.
    pub fn add(&mut self, bytes: &[u8]) {
        self.tail.extend(bytes);
        self.tail.drain(..self.tail.len().saturating_sub(TAIL));
        if self.length >= MOST
            && std::fs::rename(&self.path, self.path.with_file_name("agent.1.log")).is_ok()
            && let Ok(file) = appended(&self.path)
        {
            (self.file, self.length) = (file, 0);
        }
        let kept = bytes.get(..bytes.len().min(usize::try_from(MOST).unwrap_or(usize::MAX))).unwrap_or_default();
        if self.file.write_all(kept).is_ok() {
            self.length += kept.len() as u64;
        }
    }

    /// The end of what was added, by whole lines.
    pub fn tail(&self) -> String {
        let bytes: Vec<u8> = self.tail.iter().copied().collect();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let cut = if bytes.len() < TAIL { 0 } else { text.find('\n').map_or(0, |at| at + 1) };
        text.get(cut..).unwrap_or_default().trim().to_owned()
    }
}

fn appended(path: &Utf8Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stays_small_and_shows_its_end() {
        let scratch = tempfile::tempdir().unwrap();
        let directory = Utf8Path::from_path(scratch.path()).unwrap();
        let mut log = Log::open(directory).unwrap();
        let line = [&[b'x'; 999][..], b"\n"].concat();
        (0..5000).for_each(|_| log.add(&line));
        log.add(b"the last words\n");
        assert!(log.tail().ends_with("the last words") && log.tail().starts_with('x'), "{}", log.tail());
        let kept: u64 = scratch.path().read_dir().unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum();
        assert!(kept <= 2 * MOST + 2000, "{kept}");
    }
}
