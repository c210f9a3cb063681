//! A message as it is put into the composer, so that the composer takes it for text.

/// What ends Claude Code where it is the whole message, in any white space.
const ENDS: [&str; 6] = ["exit", "quit", ":q", ":q!", ":wq", ":wq!"];

/// The text, with a line feed before a first character that would make it a command (`/`, `!`), and one behind a
/// backslash at its end, which would make the submit key a line break. Claude Code trims neither for what it decides, and
/// both for what it compares: drafts and records are compared without white space. A word that would end it gets a line of its own
/// before it, as no white space is enough there.
pub(crate) fn as_data(text: &str) -> String {
    let before = match text.trim() {
        word if ENDS.contains(&word) => "Message:\n",
        text if text.starts_with(['/', '!']) => "\n",
        _ => "",
    };
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
        assert_eq!(as_data(" exit\n"), "Message:\n exit\n");
        assert_eq!(as_data("exit the loop"), "exit the loop");
    }
}
