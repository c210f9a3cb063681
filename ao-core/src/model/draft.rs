//! A message's text in the forms in which it is found again: in a composer on a screen, and in an agent's own record.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// The text without white space. A screen breaks lines where it likes and pads them, so this is what a draft on it has in
/// common with the message.
#[must_use]
pub fn solid(text: &str) -> String {
    text.chars().filter(|character| !character.is_whitespace()).collect()
}

/// The SHA-256 of a draft's [`solid`] text, in lower-case hexadecimal digits.
#[must_use]
pub fn digest(text: &str) -> String {
    Sha256::digest(solid(text).as_bytes()).iter().fold(String::with_capacity(64), |mut digits, byte| {
        // Writing to a string cannot fail.
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

/// The text as it is compared with a record's: line ends as line feeds, none of them and no blank at either end, which
/// agents trim.
#[must_use]
pub fn normalised(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_screen_and_a_message_have_the_same_digest() {
        assert_eq!(digest("fix the pars\n  er and run  \n"), digest("fix the parser and run"));
        assert_ne!(digest("fix the parser"), digest("fix the parsers"));
    }

    #[test]
    fn a_record_differs_by_its_line_ends_only() {
        assert_eq!(normalised("one\r\ntwo\r\n"), normalised(" one\ntwo"));
        assert_ne!(normalised("one two"), normalised("onetwo"));
    }
}
