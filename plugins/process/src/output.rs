//! Reading an agent's log file: from a byte offset, or its end.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::time::UNIX_EPOCH;

use ao_plugin_sdk::core::model::output_log::{PieceStart, whole_text};
use ao_plugin_sdk::core::slots::runtime::Output;
use ao_plugin_sdk::prelude::*;

/// The log's name in the session's directory.
pub(crate) const OUTPUT_FILE: &str = "output.log";

/// How much of the log's end is read for one line of a screen, in bytes.
const BYTES_A_LINE: u64 = 1024;

/// Makes the log, mode 0600, unless a former launch left it.
pub(crate) fn make_log(directory: &Utf8Path) -> Result<()> {
    let path = directory.join(OUTPUT_FILE);
    let made = File::options().append(true).create(true).mode(0o600).open(&path);
    made.map(drop).map_err(|error| Error::wrap(Code::OTHER, format!("cannot write `{path}`"), &error))
}

/// Reads at most `max_bytes` from `cursor` on, or the newest. The cursor is an offset in bytes.
pub(crate) fn read(directory: &Utf8Path, max_bytes: u64, cursor: Option<u64>) -> Result<Output> {
    let path = directory.join(OUTPUT_FILE);
    let refuse = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => Error::not_found(format!("`{path}` is gone")),
        _ => Error::wrap(Code::OTHER, format!("cannot read `{path}`"), &error),
    };
    let mut file = File::open(&path).map_err(refuse)?;
    let length = file.metadata().map_err(refuse)?.len();
    // A cursor behind the end is of a log that somebody cut: begin again.
    let from = cursor.filter(|cursor| *cursor <= length).unwrap_or_else(|| length.saturating_sub(max_bytes));
    file.seek(SeekFrom::Start(from)).map_err(refuse)?;
    let mut bytes = Vec::new();
    file.take(max_bytes).read_to_end(&mut bytes).map_err(refuse)?;

    let start = if cursor == Some(from) { PieceStart::Continued } else { PieceStart::Anywhere };
    let (text, length) = whole_text(&bytes, start);
    let mut output = Output::new(text, from + length as u64);
    output.truncated = cursor != Some(from) && from > 0;
    Ok(output)
}

/// The last lines of the log as a person would see them, without control sequences.
pub(crate) fn screen(directory: &Utf8Path, lines: u32) -> Option<String> {
    let text = read(directory, u64::from(lines) * BYTES_A_LINE, None).ok()?.text;
    let plain = anstream::adapter::strip_str(&text).to_string();
    let all: Vec<&str> = plain.lines().collect();
    Some(all[all.len().saturating_sub(lines as usize)..].join("\n"))
}

/// When the agent last printed something.
pub(crate) fn last_output_at(directory: &Utf8Path) -> Option<Timestamp> {
    let modified = directory.join(OUTPUT_FILE).metadata().ok()?.modified().ok()?;
    let millis = modified.duration_since(UNIX_EPOCH).ok()?.as_millis();
    Some(Timestamp::from_millis(i64::try_from(millis).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(content: &[u8]) -> (tempfile::TempDir, Utf8PathBuf) {
        let scratch = tempfile::tempdir().expect("scratch");
        let directory = Utf8PathBuf::from_path_buf(scratch.path().to_owned()).expect("UTF-8");
        ao_plugin_sdk::files::write_atomically(&directory.join(OUTPUT_FILE), content).expect("log");
        (scratch, directory)
    }

    #[test]
    fn reading_on_joins_to_the_whole() {
        let whole = "añ→🦀\nzwei\n".repeat(50);
        let (_scratch, directory) = log(whole.as_bytes());
        for max_bytes in 4..20 {
            let (mut text, mut cursor) = (String::new(), 0);
            loop {
                let part = read(&directory, max_bytes, Some(cursor)).expect("read");
                if part.text.is_empty() {
                    break;
                }
                assert!(!part.truncated);
                text += &part.text;
                cursor = part.cursor;
            }
            assert_eq!(text, whole, "{max_bytes} bytes at a time");
        }
    }

    #[test]
    fn the_newest_output_begins_with_a_whole_character() {
        let (_scratch, directory) = log("old 🦀 new".as_bytes());
        let output = read(&directory, 7, None).expect("read");
        assert_eq!((output.text.as_str(), output.cursor, output.truncated), (" new", 12, true));
        assert!(!read(&directory, 100, None).expect("read").truncated);
    }

    #[test]
    fn a_character_that_is_being_written_waits() {
        let (_scratch, directory) = log(b"ab\xf0\x9f");
        let output = read(&directory, 100, None).expect("read");
        assert_eq!((output.text.as_str(), output.cursor), ("ab", 2));
        let (_scratch, directory) = log(b"ab\xff\xfe");
        assert_eq!(read(&directory, 100, None).expect("read").text, "ab\u{fffd}\u{fffd}");
    }

    #[test]
    fn a_cut_log_begins_again() {
        let (_scratch, directory) = log(b"short");
        assert_eq!(read(&directory, 100, Some(500)).expect("read").text, "short");
    }

    #[test]
    fn a_screen_has_no_control_sequences() {
        let (_scratch, directory) = log(b"one\n\x1b[31mtwo\x1b[0m\n\x1b]0;title\x07three\n");
        assert_eq!(screen(&directory, 2).expect("screen"), "two\nthree");
    }
}
