//! Records that grow, are cut, are replaced, and hold lines of any length.

use camino::Utf8PathBuf;

use super::*;

struct Scratch(tempfile::TempDir);

impl Scratch {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("scratch"))
    }

    fn path(&self) -> Utf8PathBuf {
        Utf8Path::from_path(self.0.path()).expect("UTF-8").join("record.jsonl")
    }

    /// Puts another file in its place.
    fn replace(&self, content: &str) {
        crate::files::write_atomically(&self.path(), content.as_bytes()).expect("written");
    }

    /// Adds to the same file.
    fn add(&self, content: &[u8]) {
        let mut file = File::options().append(true).create(true).open(self.path()).expect("a file");
        io::Write::write_all(&mut file, content).expect("written");
    }

    /// Reads on, and says what was read.
    fn read_on(&self, position: &mut Position, limit: u64) -> (Vec<String>, Progress, Continuity) {
        let mut lines = Lines::open(&self.path(), *position).expect("opened").expect("there");
        let mut read = Vec::new();
        let progress = lines.read(limit, |_, line| {
            read.push(String::from_utf8_lossy(line).into_owned());
            ControlFlow::Continue(())
        });
        *position = lines.position();
        (read, progress.expect("read"), lines.continuity())
    }
}

#[test]
fn it_is_read_on_from_where_it_was_left() {
    let (scratch, mut position) = (Scratch::new(), Position::default());
    assert!(Lines::open(&scratch.path(), position).expect("no error").is_none());
    scratch.add(b"one\ntwo\nthr");
    let (read, progress, _) = scratch.read_on(&mut position, u64::MAX);
    assert_eq!((read, progress), (vec!["one".to_owned(), "two".to_owned()], Progress::Complete));
    assert_eq!(position.offset, 8);
    scratch.add(b"ee\n");
    let (read, _, continuity) = scratch.read_on(&mut position, u64::MAX);
    assert_eq!((read, continuity), (vec!["three".to_owned()], Continuity::GoesOn));
    // What is kept of it is small, and reads as what it was.
    let kept = serde_json::to_value(position).expect("JSON");
    assert_eq!(kept, serde_json::json!({"o": 14, "i": position.inode}));
    assert_eq!(serde_json::from_value::<Position>(kept).expect("a position"), position);
}

#[test]
fn one_that_was_cut_or_replaced_begins_anew() {
    let (scratch, mut position) = (Scratch::new(), Position::default());
    scratch.add(b"one\ntwo\n");
    scratch.read_on(&mut position, u64::MAX);
    scratch.replace("three\nfour\nfive\n");
    let (read, _, continuity) = scratch.read_on(&mut position, u64::MAX);
    assert_eq!((read.len(), continuity), (3, Continuity::BeginsAnew));
    File::options().write(true).open(scratch.path()).and_then(|file| file.set_len(6)).expect("cut");
    let (read, _, continuity) = scratch.read_on(&mut position, u64::MAX);
    assert_eq!((read, continuity), (vec!["three".to_owned()], Continuity::BeginsAnew));
}

#[test]
fn a_limit_is_kept_and_the_rest_is_read_later() {
    let (scratch, mut position) = (Scratch::new(), Position::default());
    scratch.add(&b"a line\n".repeat(100));
    let (mut all, mut looks) = (0, 0);
    loop {
        let (read, progress, _) = scratch.read_on(&mut position, 70);
        all += read.len();
        looks += 1;
        if progress == Progress::Complete {
            break;
        }
        assert_eq!(read.len(), 10);
    }
    assert_eq!((all, looks), (100, 10), "the end is known without another look");
    let (read, progress, _) = scratch.read_on(&mut position, 0);
    assert_eq!((read.len(), progress), (0, Progress::Complete));
    scratch.add(b"more\n");
    assert_eq!(scratch.read_on(&mut position, 0).1, Progress::Behind);
}

/// A file of 100 MiB: lines of 30 MiB, with a short one between them. It is made while it is read.
struct Huge {
    at: u64,
}

const LONG: u64 = 30 * 1024 * 1024;
const SHORT: &[u8] = b"\nshort\n";
const PERIOD: u64 = LONG + SHORT.len() as u64;

impl Read for Huge {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = (100 * 1024 * 1024_u64).saturating_sub(self.at).min(buffer.len() as u64);
        let place = self.at % PERIOD;
        let taken = if place < LONG {
            let taken = usize::try_from((LONG - place).min(left)).expect("a buffer's length");
            buffer[..taken].fill(b'x');
            taken
        } else {
            let from = usize::try_from(place - LONG).expect("a line's length");
            let taken = (SHORT.len() - from).min(usize::try_from(left).expect("a buffer's length"));
            buffer[..taken].copy_from_slice(&SHORT[from..from + taken]);
            taken
        };
        self.at += taken as u64;
        Ok(taken)
    }
}

#[test]
fn long_lines_are_passed_over_in_bounded_memory() {
    // At once, and by many looks, each of which begins where the last one came to: in the middle of a line, too.
    for limit in [u64::MAX, 7 * 1024 * 1024] {
        let (mut position, mut found) = (Position::default(), 0);
        loop {
            let mut lines = Lines::over(Huge { at: position.offset }, position);
            let progress = lines.read(limit, |at, line| {
                assert_eq!((line, at % PERIOD), (&b"short"[..], LONG + 1));
                found += 1;
                ControlFlow::Continue(())
            });
            assert!(lines.line.capacity() <= 2 * LONGEST + 64 * 1024, "{}", lines.line.capacity());
            position = lines.position();
            if progress.expect("read") == Progress::Complete {
                break;
            }
        }
        assert_eq!(found, 3);
        assert!(position.is_skipping || position.offset == 3 * PERIOD, "{position:?}");
    }
}

#[test]
fn a_message_is_found_behind_its_mark_only() {
    let scratch = Scratch::new();
    let path = scratch.path();
    let mark = || Position::at_end_of(&path).expect("a mark");
    let find = |mark| find(&path, mark, |line| line == b"mend it");
    let before = mark();
    assert_eq!(find(before), Proof::Absent, "there is no file yet");
    scratch.add(b"mend it\n");
    let Proof::Found { reference } = find(before) else { panic!("it stands there") };
    assert_eq!(reference, format!("{path}:0"));
    let behind = mark();
    assert_eq!(find(behind), Proof::Absent, "that was an earlier one");
    scratch.add(b"other\nmend it");
    assert_eq!(find(behind), Proof::Absent, "it is not whole yet");
    scratch.add(b"\n");
    assert_eq!(find(behind), Proof::Found { reference: format!("{path}:14") });
    scratch.replace("mend it\nand more, so that it is longer\n");
    assert_eq!(find(behind), Proof::Unknown, "it may have stood there before");
    assert_eq!(find(Position { offset: 9, ..Position::default() }), Proof::Absent);
}
