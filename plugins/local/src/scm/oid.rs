//! An object's name in full. What is read from a ref of somebody's own making reaches git's arguments only as this.

use std::fmt;

use ao_plugin_sdk::prelude::*;

/// An object's name: 40 or 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Oid(String);

impl Oid {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// What a caller says was looked at.
    pub(super) fn expected(text: &str, field: &'static str) -> Result<Self> {
        Self::try_from(text.to_owned()).map_err(|why| Error::invalid_input(why).at_field(field))
    }

    /// What git printed.
    pub(super) fn printed(text: &str) -> Result<Self> {
        Self::try_from(text.to_owned()).map_err(|why| Error::other(format!("git printed what is none: {why}")))
    }
}

impl TryFrom<String> for Oid {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let is_hex = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if is_hex && [40, 64].contains(&text.len()) {
            return Ok(Self(text));
        }
        let shown: String = text.chars().take(80).flat_map(char::escape_debug).collect();
        Err(format!("`{shown}` is no commit's name in full, which is 40 or 64 hexadecimal digits"))
    }
}

impl From<Oid> for String {
    fn from(oid: Oid) -> Self {
        oid.0
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_names_are_taken() {
        let long = "1".repeat(39);
        for text in ["", "HEAD", "--all", "1234567", long.as_str(), &"G".repeat(40), &"A".repeat(40)] {
            assert!(Oid::try_from(text.to_owned()).is_err(), "{text}");
        }
        for length in [40, 64] {
            assert!(Oid::try_from("a".repeat(length)).is_ok());
        }
    }
}
