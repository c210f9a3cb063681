//! A message as it is put into the composer, so that the composer takes it for text.

/// The text, with a line feed before a first character that would make it a command (`/`, `!`), and one behind a
/// backslash at its end, which would make the submit key a line break. Claude Code trims neither for what it decides, and
/// both for what it compares: drafts and records are compared without white space.
pub(crate) fn as_data(text: &str) -> String {
    let before = if text.trim_start().starts_with(['/', '!']) { "\n" } else { "" };
    let behind = if text.ends_with('\\') { "\n" } else { "" };
    format!("{before}{text}{behind}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_become_text() {
        assert_eq!(as_data("mend it"), "mend it");
        assert_eq!(as_data("/clear"), "\n/clear");
        assert_eq!(as_data(" /clear"), "\n /clear");
        assert_eq!(as_data("!rm -rf ."), "\n!rm -rf .");
        assert_eq!(as_data("a path: C:\\"), "a path: C:\\\n");
        assert_eq!(as_data("-p"), "-p");
    }
}
