//! Messages on their way: how one is typed so that it arrives as text, and how it is found in the record.

use ao_plugin_sdk::agent::record::{self, Position};
use ao_plugin_sdk::core::model::draft::normalised;
use ao_plugin_sdk::prelude::*;

use crate::cursor::Cursor;
use crate::rollout::{self, Record};

/// A text as it is put into the composer. `/` and `!` at its beginning would be commands of Codex's, and `@` or `$` in its last
/// word open a list from which the Enter would choose; a blank keeps both from that, and stands in no record.
pub(crate) fn typed(text: &str) -> String {
    let before = if text.starts_with(['/', '!']) { " " } else { "" };
    let last_word = text.rsplit(char::is_whitespace).next().unwrap_or_default();
    let after = if last_word.contains(['@', '$']) { " " } else { "" };
    format!("{before}{text}{after}")
}

/// Whether a message stands in the record behind where it ended. A record that is not there yet may come.
pub(crate) fn find(text: &str, cursor: &Cursor) -> Result<Proof> {
    let (path, from) = match &cursor.mark {
        Some(mark) => (mark.path.clone(), mark.position),
        // The record begins with the first message. That there is none to be found proves nothing: it may have another home.
        None => match cursor.wanted().map(|wanted| rollout::find(&wanted)) {
            Some(Some(path)) => (path, Position::default()),
            None => return Ok(Proof::Unknown),
            Some(None) => return Err(Error::not_found("no record of this conversation is to be found so far")),
        },
    };
    let wanted = normalised(text);
    Ok(record::find(&path, from, |line| {
        let said = rollout::parse(line).map(|line| line.record);
        matches!(&said, Some(Record::Message(said)) if normalised(said) == wanted)
    }))
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
