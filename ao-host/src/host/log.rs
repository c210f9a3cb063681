//! The log of a host without a terminal: lines into a file, which is put aside when it is large.
//!
//! A line is there as a whole or not at all. When the disk is full, lines are dropped and counted, and once it takes
//! some again the file says how many were lost. Writing never fails and never waits.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;

use camino::{Utf8Path, Utf8PathBuf};

use crate::world::files::PRIVATE_FILE;

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most of one file, in bytes; a longer line stands alone.
    pub bytes: u64,
    /// How many files there are at most: `host.log`, `host.log.1` and so on, the newest first.
    pub files: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 10 * 1024 * 1024, files: 5 }
    }
}

/// A log that is written to by one process.
#[derive(Debug)]
pub struct RotatingLog {
    path: Utf8PathBuf,
    limits: Limits,
    /// None after a failure: it is opened anew with the next line.
    open: Option<Opened>,
    lost: u64,
}

#[derive(Debug)]
struct Opened {
    file: File,
    length: u64,
}

impl RotatingLog {
    /// Writes to `path`, behind what is there. Its directory must exist; the file is opened with the first line.
    #[must_use]
    pub fn new(path: impl Into<Utf8PathBuf>, limits: Limits) -> Self {
        Self { path: path.into(), limits, open: None, lost: 0 }
    }

    fn line(&mut self, line: &[u8]) -> io::Result<()> {
        if self.lost > 0 {
            let lost = format!("({} lines were lost: they could not be written)\n", self.lost);
            self.append(lost.as_bytes())?;
            self.lost = 0;
        }
        self.append(line)
    }

    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        let size = u64::try_from(line.len()).unwrap_or(u64::MAX);
        let mut opened = match self.open.take() {
            Some(opened) => opened,
            None => open(&self.path)?,
        };
        if opened.length > 0 && opened.length.saturating_add(size) > self.limits.bytes {
            rotate(&self.path, self.limits.files)?;
            opened = open(&self.path)?;
        }
        if let Err(error) = opened.file.write_all(line) {
            // A part of it may be there; without it the next line begins where this one did.
            let _ = opened.file.set_len(opened.length);
            return Err(error);
        }
        opened.length += size;
        self.open = Some(opened);
        Ok(())
    }
}

impl Write for RotatingLog {
    /// Takes one line, or several that belong together.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.line(line).is_err() {
            self.open = None;
            self.lost += 1;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Opens a file to append to, behind the end of a line: a process that was killed may have left a part of one.
fn open(path: &Utf8Path) -> io::Result<Opened> {
    let mut options = OpenOptions::new();
    let mut file = options.append(true).read(true).create(true).mode(PRIVATE_FILE).open(path)?;
    let mut length = file.metadata()?.len();
    if length > 0 {
        let mut last = [0];
        file.seek(SeekFrom::Start(length - 1))?;
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
            length += 1;
        }
    }
    Ok(Opened { file, length })
}

/// Moves each file to the next number; the last one makes room.
fn rotate(path: &Utf8Path, files: u32) -> io::Result<()> {
    let aside = |number: u32| match number {
        0 => path.to_owned(),
        number => Utf8PathBuf::from(format!("{path}.{number}")),
    };
    if files <= 1 {
        return std::fs::remove_file(path);
    }
    for number in (0..files - 1).rev() {
        match std::fs::rename(aside(number), aside(number + 1)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch() -> (tempfile::TempDir, Utf8PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(directory.path().join("host.log")).unwrap();
        (directory, path)
    }

    fn text(path: &Utf8Path) -> String {
        std::fs::read_to_string(path).unwrap()
    }

    #[test]
    fn a_large_file_is_put_aside_between_two_lines() {
        let (_directory, path) = scratch();
        let mut log = RotatingLog::new(&path, Limits { bytes: 20, files: 3 });
        for number in 0..10 {
            // Seven bytes each: two fit.
            log.write_all(format!("line {number}\n").as_bytes()).unwrap();
        }
        log.write_all(&[b'x'; 30]).unwrap();
        let kept = ["", ".1", ".2"].map(|ending| text(Utf8Path::new(&format!("{path}{ending}"))));
        assert_eq!(kept, ["x".repeat(30), "line 8\nline 9\n".to_owned(), "line 6\nline 7\n".to_owned()]);
        assert!(!Utf8Path::new(&format!("{path}.3")).exists());
    }

    #[test]
    fn another_process_goes_on_behind_half_a_line() {
        let (_directory, path) = scratch();
        for _ in 0..2 {
            let mut log = RotatingLog::new(&path, Limits::default());
            log.write_all(b"whole\n").unwrap();
            log.write_all(b"half").unwrap();
        }
        assert_eq!(text(&path), "whole\nhalf\nwhole\nhalf");
    }

    #[test]
    fn what_a_full_disk_does_not_take_is_counted_and_said() {
        let (_directory, path) = scratch();
        std::os::unix::fs::symlink("/dev/full", &path).unwrap();
        let mut log = RotatingLog::new(&path, Limits::default());
        for _ in 0..3 {
            log.write_all(b"lost\n").unwrap();
        }
        std::fs::remove_file(&path).unwrap();
        log.write_all(b"kept\n").unwrap();
        log.write_all(b"too\n").unwrap();
        assert_eq!(text(&path), "(3 lines were lost: they could not be written)\nkept\ntoo\n");
    }
}
