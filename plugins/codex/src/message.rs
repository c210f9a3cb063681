//! Messages on their way: how one is typed so that it arrives as text, and how it is found in the record.

use std::fs::File;
use std::os::unix::fs::MetadataExt;

use ao_plugin_sdk::core::model::draft::normalised;
use ao_plugin_sdk::prelude::*;

use crate::cursor::Cursor;
use crate::rollout::{self, Mark, Record, Wanted};

/// The most of a record that is searched for a message, in bytes.
const SEARCHED: u64 = 64 * 1024 * 1024;

/// A text as it is put into the composer. `/` and `!` at its beginning would be commands of Codex's, and `@` or `$` in its last
/// word open a list from which the Enter would choose; a blank keeps both from that, and stands in no record.
pub(crate) fn typed(text: &str) -> String {
    let before = if text.starts_with(['/', '!']) { " " } else { "" };
    let last_word = text.rsplit(char::is_whitespace).next().unwrap_or_default();
    let after = if last_word.contains(['@', '$']) { " " } else { "" };
    format!("{before}{text}{after}")
}

/// Whether a message stands in the record behind where it ended.
pub(crate) fn find(text: &str, cursor: Cursor) -> Proof {
    let mark = match (cursor.mark, &cursor.home, &cursor.workspace, cursor.launched_at) {
        (Some(mark), ..) => mark,
        (None, Some(home), Some(workspace), Some(launched_at)) => {
            // The record begins with the first message.
            let wanted = Wanted { home, thread: cursor.thread.as_deref(), workspace, launched_at };
            match rollout::find(&wanted) {
                Some(path) => Mark::beginning(path),
                None => return Proof::Absent,
            }
        }
        _ => return Proof::Unknown,
    };
    search(text, &mark).unwrap_or_else(|error| {
        tracing::warn!("cannot read Codex's record `{}`: {error}", mark.path);
        Proof::Unknown
    })
}

fn search(text: &str, mark: &Mark) -> std::io::Result<Proof> {
    let file = match File::open(&mark.path) {
        // A conversation is known by its hook a little before its record is there.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && mark.offset == 0 => return Ok(Proof::Absent),
        opened => opened?,
    };
    let found = file.metadata()?;
    // One that was cut or replaced may hold what was there before.
    if found.len() < mark.offset || (mark.inode != 0 && mark.inode != found.ino()) {
        return Ok(Proof::Unknown);
    }
    let wanted = normalised(text);
    let mut proof = None;
    let reached = rollout::each_line(file, mark.offset, SEARCHED, |at, line| {
        let said = rollout::parse(line).map(|line| line.record);
        if matches!(&said, Some(Record::Message(said)) if normalised(said) == wanted) {
            proof = Some(Proof::Found { reference: format!("{}:{at}", mark.path) });
        }
        proof.is_none()
    })?;
    let nothing = if reached.progress == rollout::Progress::Complete { Proof::Absent } else { Proof::Unknown };
    Ok(proof.unwrap_or(nothing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        assert_eq!(typed("fix it"), "fix it");
        assert_eq!(typed("-x --help"), "-x --help");
        assert_eq!(typed("/etc/passwd is wrong"), " /etc/passwd is wrong");
        assert_eq!(typed("!important"), " !important");
        assert_eq!(typed(" !important"), " !important");
        assert_eq!(typed("mail\nme@example.com"), "mail\nme@example.com ");
        assert_eq!(typed("costs $5 "), "costs $5 ");
    }
}
