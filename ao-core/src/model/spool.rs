//! What an agent's hooks leave for the host: files in a session's spool, `<id>.<hook>.json`, each written aside and renamed.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;

use super::facts::ReportState;
use crate::record::record;

/// The environment variable that names a session's spool.
pub const SPOOL_VARIABLE: &str = "AO_SPOOL";
/// The name of the spool in a session's directory.
pub const SPOOL_DIRECTORY: &str = "spool";
/// Where what cannot be read is put, in a session's directory.
pub const REFUSED_DIRECTORY: &str = "refused";
/// The longest file, in bytes.
pub const MAX_SPOOL_FILE: usize = 1024 * 1024;
/// The hook whose files are [`Report`]s: they are the agent's own words, and no plugin reads them.
pub const REPORT_HOOK: &str = "report";
/// The longest part of a name, in bytes.
const MAX_PART: usize = 100;

/// The name of a file in a spool.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SpoolName {
    id: String,
    hook: String,
}

/// Why a name is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its name is not `<id>.<hook>.json`, each part of at most {MAX_PART} letters, digits, `-` and `_`")]
pub struct InvalidSpoolName;

impl SpoolName {
    /// What it is read once by.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The hook that left it.
    #[must_use]
    pub fn hook(&self) -> &str {
        &self.hook
    }
}

impl FromStr for SpoolName {
    type Err = InvalidSpoolName;

    fn from_str(text: &str) -> Result<Self, InvalidSpoolName> {
        let is_part = |part: &str| {
            (1..=MAX_PART).contains(&part.len())
                && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
        };
        let (id, hook) = text.strip_suffix(".json").and_then(|name| name.split_once('.')).ok_or(InvalidSpoolName)?;
        if !is_part(id) || !is_part(hook) {
            return Err(InvalidSpoolName);
        }
        Ok(Self { id: id.to_owned(), hook: hook.to_owned() })
    }
}

impl fmt::Display for SpoolName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.json", self.id, self.hook)
    }
}

record! {
    /// What an agent says of itself, as it stands in a file of its spool.
    #[derive(Eq, JsonSchema)]
    pub struct Report {
        required {
            /// What it says.
            state: ReportState,
        }
        optional {
            /// In its own words.
            note: String,
            /// The pull request that it names.
            pull: Option<u64>,
            /// The address of its page, where it names that.
            url: Option<String>,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_is_written() {
        let name: SpoolName = "1700000000-42.Stop.json".parse().unwrap();
        assert_eq!(
            (name.id(), name.hook(), name.to_string().as_str()),
            ("1700000000-42", "Stop", "1700000000-42.Stop.json")
        );
        let long = format!("{}.Stop.json", "1".repeat(MAX_PART + 1));
        for bad in
            ["", "x.json", ".Stop.json", "a..json", "a.Stop", "a.b.c.json", "a/b.Stop.json", "ä.Stop.json", &long]
        {
            assert_eq!(bad.parse::<SpoolName>(), Err(InvalidSpoolName), "{bad}");
        }
    }
}
