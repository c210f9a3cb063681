//! Writing a journal: each line is on the disk before anything follows from it.

use std::fs::{File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;

use ao_plugin_sdk::files::write_atomically;
use ao_plugin_sdk::prelude::*;

use super::event::{Entry, Event};
use super::{FORMER_FILE, Queue, View, journal_of};

/// How long a file may get, in bytes, before another one begins.
const MOST: u64 = 8 * 1024 * 1024;

/// A journal that is written.
#[derive(Debug)]
pub struct Writer {
    path: Utf8PathBuf,
    file: File,
    length: u64,
    /// How long this one may get.
    most: u64,
    /// How long any may get.
    bound: u64,
    /// The last write did not get to its end.
    torn: bool,
}

impl Writer {
    /// Opens the journal of a launch's directory, behind what is there.
    pub fn open(directory: &Utf8Path) -> io::Result<Self> {
        Self::bounded(directory, MOST)
    }

    fn bounded(directory: &Utf8Path, most: u64) -> io::Result<Self> {
        let path = journal_of(directory);
        let file = appended(&path)?;
        let length = file.metadata()?.len();
        // What was there may end in the middle of a line.
        Ok(Self { path, file, length, most, bound: most, torn: length > 0 })
    }

    /// Writes a line. It is on the disk when this returns.
    pub fn append(&mut self, entry: &Entry) -> io::Result<()> {
        let mut line = if std::mem::take(&mut self.torn) { b"\n".to_vec() } else { Vec::new() };
        line.append(&mut if self.length == 0 { first_line(entry)? } else { line_of(entry)? });
        let written = self.file.write_all(&line).and_then(|()| self.file.sync_data());
        self.torn = written.is_err();
        self.length += line.len() as u64;
        written
    }

    /// Begins another file, with all that is known, where this one is long enough. What is known is what every line of this
    /// one came to.
    pub fn renew(&mut self, at: Timestamp, view: &View, queue: &Queue) -> io::Result<()> {
        if self.length < self.most { Ok(()) } else { self.begin_anew(at, view, queue) }
    }

    /// There is always a journal under its name: the former one, or the new one with all that it came to.
    fn begin_anew(&mut self, at: Timestamp, view: &View, queue: &Queue) -> io::Result<()> {
        let snapshot = Event::Snapshot { view: Box::new(view.clone()), queue: Box::new(queue.clone()) };
        let line = first_line(&Entry { at, event: snapshot })?;
        let former = self.path.with_file_name(FORMER_FILE);
        match std::fs::remove_file(&former) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => std::fs::hard_link(&self.path, &former)?,
        }
        write_atomically(&self.path, &line)?;
        self.file = appended(&self.path)?;
        (self.length, self.torn) = (line.len() as u64, false);
        // A snapshot that is as long as a file may get is not written again with each line.
        self.most = self.bound.max(self.length.saturating_mul(2));
        Ok(())
    }
}

/// A line, with its end.
fn line_of(line: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec(line)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// A file's first line, which begins with what no other file has: a file system gives the same number again.
fn first_line(entry: &Entry) -> io::Result<Vec<u8>> {
    #[derive(Serialize)]
    struct First<'a> {
        file: String,
        #[serde(flatten)]
        entry: &'a Entry,
    }
    let chance = || RandomState::new().hash_one("journal");
    line_of(&First { file: format!("{:016x}{:016x}", chance(), chance()), entry })
}

fn appended(path: &Utf8Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use super::super::{DIRECTORY, finds, read_from, read_whole};
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn taken(key: &str) -> Event {
        Event::Taken { key: key.to_owned(), text: format!("text of {key}") }
    }

    #[test]
    fn what_is_written_is_read_again_across_files() {
        let scratch = tempfile::tempdir().unwrap();
        let directory = Utf8Path::from_path(scratch.path()).unwrap();
        std::fs::create_dir(directory.join(DIRECTORY)).unwrap();
        let mut writer = Writer::bounded(directory, 2000).unwrap();
        let (mut view, mut queue) = (View::new(at(0)), Queue::default());
        let mut mark = None;
        for number in 0..200_i64 {
            let key = format!("k{number}");
            for event in [taken(&key), Event::Prompted { key: key.clone() }] {
                let entry = Entry { at: at(number), event };
                writer.append(&entry).unwrap();
                view.apply(entry.at, &entry.event);
                queue.apply(&entry.event);
                writer.renew(entry.at, &view, &queue).unwrap();
            }
            if number % 7 == 0 {
                mark = read_from(directory, mark).unwrap();
                assert_eq!(mark.as_ref().map(|mark| &mark.view), Some(&view), "{number}");
            }
        }
        assert_eq!(read_whole(directory).unwrap(), Some((view, queue)));
        let file = std::fs::metadata(journal_of(directory)).unwrap();
        assert!(file.len() < 20_000, "{}", file.len());
        for (key, there) in [("k0", true), ("k199", true), ("k200", false)] {
            assert_eq!(finds(directory, key).unwrap(), there, "{key}");
        }
    }

    #[test]
    fn a_long_snapshot_is_not_written_with_every_line() {
        let scratch = tempfile::tempdir().unwrap();
        let directory = Utf8Path::from_path(scratch.path()).unwrap();
        std::fs::create_dir(directory.join(DIRECTORY)).unwrap();
        let mut writer = Writer::bounded(directory, 2000).unwrap();
        let (mut view, mut queue) = (View::new(at(0)), Queue::default());
        let mut files = std::collections::BTreeSet::new();
        for number in 0..100_i64 {
            let entry = Entry { at: at(number), event: taken(&format!("k{number}")) };
            writer.append(&entry).unwrap();
            view.apply(entry.at, &entry.event);
            queue.apply(&entry.event);
            writer.renew(entry.at, &view, &queue).unwrap();
            let text = std::fs::read_to_string(journal_of(directory)).unwrap();
            files.insert(text.chars().take(44).collect::<String>());
        }
        assert!((2..12).contains(&files.len()), "{}", files.len());
    }

    #[test]
    fn another_file_of_the_same_number_is_another_file() {
        let scratch = tempfile::tempdir().unwrap();
        let directory = Utf8Path::from_path(scratch.path()).unwrap();
        std::fs::create_dir(directory.join(DIRECTORY)).unwrap();
        let filled = |keys: [&str; 2]| {
            let mut writer = Writer::open(directory).unwrap();
            for key in keys {
                writer.append(&Entry { at: at(1), event: Event::Titled { title: key.to_owned() } }).unwrap();
            }
        };
        filled(["a", "b"]);
        let mark = read_from(directory, None).unwrap();
        // In place: the same number, and as many bytes.
        OpenOptions::new().write(true).open(journal_of(directory)).unwrap().set_len(0).unwrap();
        filled(["c", "d"]);
        let read = read_from(directory, mark).unwrap().unwrap();
        assert_eq!(read.view.title.as_deref(), Some("d"));
    }

    #[test]
    fn half_a_line_is_left_for_later_and_does_not_spoil_the_next() {
        let scratch = tempfile::tempdir().unwrap();
        let directory = Utf8Path::from_path(scratch.path()).unwrap();
        std::fs::create_dir(directory.join(DIRECTORY)).unwrap();
        let entry = |key: &str| Entry { at: at(1), event: taken(key) };
        Writer::open(directory).unwrap().append(&entry("one")).unwrap();
        let whole = std::fs::read(journal_of(directory)).unwrap();
        for cut in 1..whole.len() {
            std::fs::remove_file(journal_of(directory)).unwrap();
            appended(&journal_of(directory)).unwrap().write_all(&whole[..cut]).unwrap();
            assert_eq!(read_from(directory, None).unwrap(), None, "cut at {cut}");
            Writer::open(directory).unwrap().append(&entry("two")).unwrap();
            let (_, read) = read_whole(directory).unwrap().unwrap();
            let last = read.waiting.back().map(|letter| letter.key.as_str());
            assert_eq!(last, Some("two"), "cut at {cut}");
        }
    }
}
