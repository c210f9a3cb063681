//! Messages on their way: how one is typed so that it arrives as text, and how it is found in the record.

use ao_plugin_sdk::agent::record;
use ao_plugin_sdk::core::model::draft::normalised;
use ao_plugin_sdk::prelude::*;

use crate::cursor::Cursor;
use crate::rollout::{self, Mark, Record, Wanted};

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
    let wanted = normalised(text);
    record::find(&mark.path, mark.position, |line| {
        let said = rollout::parse(line).map(|line| line.record);
        matches!(&said, Some(Record::Message(said)) if normalised(said) == wanted)
    })
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
