//! The key that detaches, found in what is typed.

use std::fmt;
use std::str::FromStr;

/// A control key, such as `ctrl-\`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DetachKey {
    /// What is on the key, in lower case.
    character: char,
}

impl DetachKey {
    /// What a terminal sends for it: the character's lowest five bits.
    fn byte(self) -> u8 {
        u8::try_from(self.character.to_ascii_uppercase()).unwrap_or_default() & 0x1f
    }

    /// All that a terminal may send for it. Programs can ask for keys to be told apart that one byte does not: by
    /// `CSI u` (the kitty keyboard protocol), or as xterm does with `modifyOtherKeys`.
    fn sequences(self) -> [Vec<u8>; 3] {
        let code = u32::from(self.character);
        [vec![self.byte()], format!("\x1b[{code};5u").into_bytes(), format!("\x1b[27;5;{code}~").into_bytes()]
    }
}

impl Default for DetachKey {
    fn default() -> Self {
        Self { character: '\\' }
    }
}

impl fmt::Display for DetachKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ctrl-{}", self.character)
    }
}

impl FromStr for DetachKey {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const PROBLEM: &str = "write `ctrl-` and a letter or one of `\\ ] ^ _`, such as `ctrl-]`";
        let lower = text.to_ascii_lowercase();
        let key = lower.strip_prefix("ctrl-").or(lower.strip_prefix('^')).ok_or(PROBLEM)?;
        let mut characters = key.chars();
        match (characters.next(), characters.next()) {
            // Enter, Tab, Backspace and Escape are no other keys for a terminal.
            (Some('m' | 'j' | 'i' | 'h' | '['), None) => {
                Err("terminals send the same for this as for Enter, Tab, Backspace or Escape; take another")
            }
            (Some(character @ ('a'..='z' | '\\' | ']' | '^' | '_')), None) => Ok(Self { character }),
            _ => Err(PROBLEM),
        }
    }
}

/// Whether the human wants to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detach {
    Now,
    NotYet,
}

/// What is made of what was typed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Typed {
    /// What goes to the agent.
    pub(super) pass: Vec<u8>,
    pub(super) detach: Detach,
}

/// Looks for the key in what is typed.
pub(super) struct Keys {
    sequences: [Vec<u8>; 3],
}

impl Keys {
    pub(super) fn new(key: DetachKey) -> Self {
        Self { sequences: key.sequences() }
    }

    /// Takes what was typed. What stands before the key still goes to the agent, what comes after it to nobody. A
    /// terminal writes a key's sequence at once, so one that is torn apart is not looked for.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Typed {
        let found = self.sequences.iter().filter_map(|sequence| find(bytes, sequence)).min();
        match found {
            Some(at) => Typed { pass: bytes.get(..at).unwrap_or_default().to_vec(), detach: Detach::Now },
            None => Typed { pass: bytes.to_vec(), detach: Detach::NotYet },
        }
    }
}

fn find(bytes: &[u8], sequence: &[u8]) -> Option<usize> {
    bytes.windows(sequence.len()).position(|window| window == sequence)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(key: &str, bytes: &[u8]) -> Typed {
        Keys::new(key.parse().unwrap()).take(bytes)
    }

    #[test]
    fn the_key_is_found_however_the_terminal_writes_it() {
        for typed in [&b"ab\x1cc"[..], b"ab\x1b[92;5uc", b"ab\x1b[27;5;92~"] {
            assert_eq!(take("ctrl-\\", typed), Typed { pass: b"ab".to_vec(), detach: Detach::Now });
        }
        assert_eq!(take("CTRL-]", b"\x1d").detach, Detach::Now);
        assert_eq!(take("^q", b"\x11").detach, Detach::Now);
        assert_eq!(take("ctrl-]", b"x\x1c\x1b[A"), Typed { pass: b"x\x1c\x1b[A".to_vec(), detach: Detach::NotYet });
    }

    #[test]
    fn keys_that_are_others_too_are_refused() {
        for text in ["ctrl-m", "ctrl-[", "ctrl-I", "ctrl-", "q", "ctrl-qq", "ctrl-ü", "alt-q", "ctrl-5"] {
            assert!(text.parse::<DetachKey>().is_err(), "{text}");
        }
        assert_eq!(DetachKey::default().to_string(), "ctrl-\\");
    }
}
