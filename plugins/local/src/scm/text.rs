//! What people and agents write, within bounds.

use ao_plugin_sdk::prelude::*;

/// Bytes of a title or a name.
const LINE: usize = 512;

/// Bytes of a text. Many are read at once.
const TEXT: usize = 64 * 1024;

/// Remarks about lines in one review.
pub(super) const REMARKS: usize = 200;

/// A title: one line that says something.
pub(super) fn title(title: &str) -> Result<String> {
    line(title, "title")
}

/// Who says it.
pub(super) fn author(author: &str) -> Result<String> {
    line(author, "author")
}

/// The name of a file.
pub(super) fn path(path: &str) -> Result<String> {
    let too_long = path.len() > 4096;
    if path.is_empty() || too_long || path.contains('\0') {
        let problem = if too_long { "is longer than 4096 bytes" } else { "is empty, or holds a NUL" };
        return Err(Error::invalid_input(format!("the path of a remark {problem}")).at_field("change.remarks.path"));
    }
    Ok(path.to_owned())
}

/// A text that may be empty.
pub(super) fn body(body: &str, field: &'static str) -> Result<String> {
    if body.len() > TEXT {
        let length = body.len();
        let message = format!("the text has {length} bytes, and at most {TEXT} are kept; put the rest into a file");
        return Err(Error::invalid_input(message).at_field(field));
    }
    Ok(body.to_owned())
}

/// A text that says something.
pub(super) fn said(text: &str) -> Result<String> {
    if text.trim().is_empty() {
        return Err(Error::invalid_input("the comment is empty").at_field("change.body"));
    }
    body(text, "change.body")
}

/// A word of a command that somebody is told to type: a branch may be called `a;b`.
pub(super) fn word(text: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "/._-+@".contains(character);
    if text.chars().all(is_plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

fn line(text: &str, field: &'static str) -> Result<String> {
    let text = text.trim();
    let problem = if text.is_empty() {
        "is empty"
    } else if text.len() > LINE {
        "is longer than 512 bytes"
    } else if text.chars().any(|character| character == '\t' || character == '\n' || is_unseen(character)) {
        "is not one plain line: it holds a line end or a control character"
    } else {
        return Ok(text.to_owned());
    };
    Err(Error::invalid_input(format!("the {field} {problem}")).at_field(field))
}

fn is_unseen(character: char) -> bool {
    ao_plugin_sdk::core::text::is_hostile(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_needs_it() {
        assert_eq!(word("/home/me/app-1"), "/home/me/app-1");
        assert_eq!(word("/a b/it's"), r"'/a b/it'\''s'");
        assert_eq!(word("x;y$z"), "'x;y$z'");
    }

    #[test]
    fn what_is_not_one_line_is_no_title() {
        let long = "x".repeat(513);
        for text in ["", "  ", "a\nb", "a\tb", "\u{1b}[31m", "\u{202e}", long.as_str()] {
            title(text).expect_err(text);
        }
        assert_eq!(title(" Fäx it ").as_deref(), Ok("Fäx it"));
    }
}
