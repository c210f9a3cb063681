//! Reading what an agent printed, off the disk: the same while its holder lives and after it has gone.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use ao_plugin_sdk::core::model::output_log::{LogPart, LogRead, PieceStart, log_part, log_part_offset, whole_text};
use ao_plugin_sdk::core::slots::runtime::Output;
use ao_plugin_sdk::prelude::*;

const ESC: u8 = 0x1b;
const BEL: u8 = 0x07;

/// How often a log is looked at anew that its holder cuts meanwhile.
const ATTEMPTS: u32 = 5;

/// Reads at most `max_bytes` from `cursor` on, or the newest. The cursor counts all bytes that were ever printed.
pub(crate) fn read(log: &Utf8Path, max_bytes: u64, cursor: Option<u64>) -> Result<Output> {
    let mut attempts = 1;
    let (plan, bytes) = loop {
        match read_bytes(log, max_bytes, cursor) {
            Ok(read) => break read,
            Err(error) if error.kind() == io::ErrorKind::NotFound && attempts < ATTEMPTS => attempts += 1,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Error::not_found(format!("`{log}` is gone")));
            }
            Err(error) => return Err(Error::wrap(Code::OTHER, format!("cannot read `{log}`"), &error)),
        }
    };
    let start = if cursor == Some(plan.from) { PieceStart::Continued } else { PieceStart::Anywhere };
    let (text, length) = whole_text(finished(&bytes, max_bytes), start);
    let mut output = Output::new(readable(&text), plan.from + length as u64);
    output.truncated = plan.truncated;
    Ok(output)
}

/// The text without what only a terminal understands: control sequences go, and lines end as everywhere else.
fn readable(text: &str) -> String {
    let mut lines = String::with_capacity(text.len());
    let mut returned = false;
    // A carriage return goes back to the line's beginning; what follows is another line, unless it is the line's end.
    for character in anstream::adapter::strip_str(text).to_string().chars() {
        if returned && character != '\n' && character != '\r' {
            lines.push('\n');
        }
        returned = character == '\r';
        if !returned {
            lines.push(character);
        }
    }
    if returned {
        lines.push('\n');
    }
    lines
}

/// What of a piece is there to its end: a control sequence or a line end whose rest is not there yet waits for the next
/// piece, unless the piece is full and nothing else is in it.
fn finished(bytes: &[u8], max_bytes: u64) -> &[u8] {
    let Some(last) = bytes.iter().rposition(|byte| matches!(*byte, ESC | b'\r')) else { return bytes };
    let (before, rest) = bytes.split_at(last);
    let is_whole = match rest {
        [b'\r' | ESC] => false,
        [ESC, b'[', parameters @ ..] => parameters.iter().any(|byte| (0x40..=0x7e).contains(byte)),
        // A string, such as a title, ends with BEL, or with an escape sequence, which would be the last one then.
        [ESC, b']' | b'P' | b'X' | b'^' | b'_', text @ ..] => text.contains(&BEL),
        [ESC, rest @ ..] => rest.iter().any(|byte| *byte >= 0x30),
        _ => true,
    };
    let is_stuck = before.is_empty() && bytes.len() as u64 >= max_bytes;
    if is_whole || is_stuck { bytes } else { before }
}

fn read_bytes(log: &Utf8Path, max_bytes: u64, cursor: Option<u64>) -> io::Result<(LogRead, Vec<u8>)> {
    // Open files stay whole, whatever becomes of their names.
    let mut files = Vec::new();
    for offset in offsets(log)? {
        let file = File::open(log_part(log, offset))?;
        files.push((LogPart { offset, length: file.metadata()?.len() }, file));
    }
    if files.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "nothing of it is there"));
    }
    let parts: Vec<LogPart> = files.iter().map(|(part, _)| *part).collect();
    let plan = LogRead::plan(&parts, cursor, max_bytes);
    let mut bytes = Vec::new();
    for (part, mut file) in files {
        let (skip, length) = plan.within(part);
        if length > 0 {
            file.seek(SeekFrom::Start(skip))?;
            file.take(length).read_to_end(&mut bytes)?;
        }
    }
    Ok((plan, bytes))
}

/// The file that is written, or was last.
pub(crate) fn newest_part(log: &Utf8Path) -> Option<Utf8PathBuf> {
    Some(log_part(log, offsets(log).ok()?.into_iter().max()?))
}

fn offsets(log: &Utf8Path) -> io::Result<Vec<u64>> {
    let directory = log.parent().ok_or_else(|| io::Error::other("it has no directory"))?;
    let names: io::Result<Vec<_>> = directory.read_dir_utf8()?.collect();
    let mut offsets: Vec<u64> = names?.iter().filter_map(|entry| log_part_offset(log, entry.file_name())).collect();
    offsets.sort_unstable();
    Ok(offsets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_a_terminal_understands_goes() {
        let text = "one\r\n\x1b[31mtwo\x1b[0m\r\r\n\x1b]0;title\x07three\r50 %\r100 %\r\n";
        assert_eq!(readable(text), "one\ntwo\nthree\n50 %\n100 %\n");
    }

    #[test]
    fn reading_on_joins_to_the_whole_wherever_it_is_cut() {
        let scratch = tempfile::tempdir().expect("scratch");
        let log = Utf8Path::from_path(scratch.path()).expect("UTF-8").join("output.log");
        let whole = "a→b\r\n\x1b[1;31mred\x1b[m\r\n\x1b]0;title\x1b\\x\x1b(B🦀\r\n".repeat(20);
        let (first, second) = whole.as_bytes().split_at(301);
        for (offset, part) in [(0, first), (301, second)] {
            ao_plugin_sdk::files::write_atomically(&log_part(&log, offset), part).expect("a part");
        }
        for max_bytes in 14..40 {
            let (mut text, mut cursor) = (String::new(), 0);
            loop {
                let part = read(&log, max_bytes, Some(cursor)).expect("read");
                if part.cursor == cursor {
                    break;
                }
                assert!(!part.truncated);
                text += &part.text;
                cursor = part.cursor;
            }
            assert_eq!(text, "a→b\nred\nx🦀\n".repeat(20), "{max_bytes} bytes at a time");
        }
    }
}
