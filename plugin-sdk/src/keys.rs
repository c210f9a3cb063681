//! Keys for a program in a terminal, one by one and not as a paste: what a dialog takes.

use ao_core::slots::runtime::Key;
use ao_core::{Error, Result};

/// The longest text that is typed key by key, in bytes: an answer to a dialog is short.
const LONGEST: usize = 1024;

/// Refuses what is no plain characters: a control character is a key with a meaning of its own.
pub fn check(text: &str) -> Result<()> {
    if text.is_empty() || text.len() > LONGEST {
        return Err(Error::invalid_input(format!(
            "keys are 1 to {LONGEST} bytes of text, and these are {}",
            text.len()
        )));
    }
    if text.chars().any(char::is_control) {
        return Err(Error::invalid_input(format!("`{}` holds a control character", text.escape_debug())));
    }
    Ok(())
}

/// What a key sends to a program in a terminal in its usual modes (ECMA-48, xterm's control sequences).
pub fn sequence(key: Key) -> Result<&'static str> {
    Ok(match key {
        Key::Escape => "\u{1b}",
        Key::Enter => "\r",
        Key::Tab => "\t",
        Key::Up => "\u{1b}[A",
        Key::Down => "\u{1b}[B",
        _ => return Err(Error::unsupported("this version does not know this key")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_characters_are_typed() {
        for text in ["1", "y", "ein Wort; -- ñ"] {
            assert!(check(text).is_ok(), "{text}");
        }
        for text in ["", "a\n", "\u{1b}[A", &"x".repeat(LONGEST + 1)] {
            assert!(check(text).is_err(), "{}", text.escape_debug());
        }
        assert!(sequence(Key::Unknown).is_err());
    }
}
