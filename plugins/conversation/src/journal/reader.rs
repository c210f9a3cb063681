//! Reading a journal: from where it was read last, or whole.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;

use ao_plugin_sdk::prelude::*;

use super::event::{Entry, Event};
use super::{FORMER_FILE, Queue, View, journal_of};

/// The longest line that is read, in bytes; a prompt is at most a fraction of it.
const MOST: u64 = 32 * 1024 * 1024;

/// How much of a journal's beginning tells it from another one, in bytes. Its first line is longer.
const HEAD: u64 = 40;

/// How far a journal was read, and what it said up to there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Which file: its number in the file system.
    pub file: u64,
    /// How it begins, which is different in each file.
    #[serde(default)]
    pub head: String,
    /// Where the first line begins that was not read, in bytes.
    pub offset: u64,
    /// What the lines before it said.
    pub view: View,
}

/// Reads on from a mark, or from the beginning where the file is another one by now. None where there is no journal.
pub fn read_from(directory: &Utf8Path, mark: Option<Mark>) -> io::Result<Option<Mark>> {
    let Some(mut file) = open(&journal_of(directory))? else { return Ok(None) };
    let found = file.metadata()?;
    let mut head = Vec::new();
    (&mut file).take(HEAD).read_to_end(&mut head)?;
    let head = String::from_utf8_lossy(&head).into_owned();
    let is_same = |mark: &Mark| mark.file == found.ino() && mark.head == head && mark.offset <= found.len();
    let known = mark.filter(is_same);
    let (mut offset, mut view) = known.map_or((0, None), |mark| (mark.offset, Some(mark.view)));
    file.seek(SeekFrom::Start(offset))?;
    let read = each(file, |entry| {
        let view = view.get_or_insert_with(|| View::new(entry.at));
        view.apply(entry.at, &entry.event);
    })?;
    offset += read;
    Ok(view.map(|view| Mark { file: found.ino(), head, offset, view }))
}

/// Reads a whole journal. None where there is none, or nothing in it.
pub fn read_whole(directory: &Utf8Path) -> io::Result<Option<(View, Queue)>> {
    let Some(file) = open(&journal_of(directory))? else { return Ok(None) };
    let (mut view, mut queue) = (None, Queue::default());
    each(file, |entry| {
        let view = view.get_or_insert_with(|| View::new(entry.at));
        view.apply(entry.at, &entry.event);
        queue.apply(&entry.event);
    })?;
    Ok(view.map(|view| (view, queue)))
}

/// Whether a prompt with this key was taken.
pub fn finds(directory: &Utf8Path, key: &str) -> io::Result<bool> {
    let journal = journal_of(directory);
    let mut found = false;
    for path in [journal.with_file_name(FORMER_FILE), journal] {
        let Some(file) = open(&path)? else { continue };
        each(file, |entry| match entry.event {
            Event::Taken { key: taken, .. } => found |= taken == key,
            Event::Snapshot { queue, .. } => found |= queue.knows(key),
            _ => {}
        })?;
    }
    Ok(found)
}

fn open(path: &Utf8Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Hands on each whole line that can be read, and returns where the first one begins that is not whole yet.
fn each(file: File, mut take: impl FnMut(Entry)) -> io::Result<u64> {
    let (mut reader, mut line, mut read) = (BufReader::new(file), Vec::new(), 0);
    loop {
        line.clear();
        let length = (&mut reader).take(MOST).read_until(b'\n', &mut line)?;
        if line.last() != Some(&b'\n') && (length as u64) < MOST {
            return Ok(read);
        }
        read += length as u64;
        // What a helper did not finish writing before it died is no line.
        if let Ok(entry) = serde_json::from_slice(&line) {
            take(entry);
        }
    }
}
