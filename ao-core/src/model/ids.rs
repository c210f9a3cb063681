//! Names that come from outside, parsed once at the edge into types that are safe to use in paths, refs and arguments.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::text::is_hostile;

/// Why a name was refused. Says which name, which rule, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{kind} `{shown}` {problem}")]
pub struct InvalidName {
    /// What the name was to be, such as "session id".
    pub kind: &'static str,
    /// The name, shortened and with control characters escaped.
    pub shown: String,
    /// The rule that it breaks.
    pub problem: &'static str,
}

impl InvalidName {
    fn new(kind: &'static str, text: &str, problem: &'static str) -> Self {
        const SHOWN: usize = 60;
        let mut shown: String = text.chars().take(SHOWN).flat_map(char::escape_debug).collect();
        if text.chars().count() > SHOWN {
            shown.push('…');
        }
        Self { kind, shown, problem }
    }
}

/// The rule for names that become path components, tmux targets and arguments: starts with a letter or digit, then
/// letters, digits, `-` and `_`.
fn check_word(kind: &'static str, text: &str, max: usize) -> Result<(), InvalidName> {
    let refuse = |problem| Err(InvalidName::new(kind, text, problem));
    if text.is_empty() {
        return refuse("is empty");
    }
    if text.len() > max {
        return refuse(if max == 64 { "is longer than 64 characters" } else { "is too long" });
    }
    if !text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return refuse("must start with an ASCII letter or digit");
    }
    if !text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') {
        return refuse("may hold only ASCII letters, digits, `-` and `_`");
    }
    Ok(())
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(try_from = "String", into = "String")]
        #[schemars(with = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                let check: fn(&'static str, &str) -> Result<(), InvalidName> = $check;
                check($kind, text)?;
                Ok(Self(text.to_owned()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;

            fn try_from(text: String) -> Result<Self, InvalidName> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

name_type!(
    /// `<prefix>-<n>`: names a session, its worktree directory, its terminal and its identity ref.
    SessionId,
    "session id",
    |kind, text| check_word(kind, text, 64)
);

name_type!(
    /// The key of a check in the configuration; names its log.
    CheckName,
    "check name",
    |kind, text| check_word(kind, text, 64)
);

name_type!(
    /// The key of a project in the configuration.
    ProjectName,
    "project name",
    |kind, text| check_word(kind, text, 64)
);

name_type!(
    /// The name of a plugin within its slot, or of a configured instance of one.
    PluginName,
    "plugin name",
    |kind, text| check_word(kind, text, 64)
);

name_type!(
    /// The part of a session id before its number. Unique across projects.
    SessionPrefix,
    "session prefix",
    |kind, text| check_word(kind, text, 40)
);

name_type!(
    /// A branch name that git accepts and that cannot be taken for an option.
    BranchName,
    "branch name",
    check_branch
);

name_type!(
    /// A tracker's own id of an issue, such as `12` or `ENG-7`. What it means is the tracker's business.
    IssueId,
    "issue id",
    check_issue
);

/// An issue's id reaches a plugin, messages and a prompt: one line that no terminal acts on and no parser takes for an
/// option.
fn check_issue(kind: &'static str, text: &str) -> Result<(), InvalidName> {
    let refuse = |problem| Err(InvalidName::new(kind, text, problem));
    if text.is_empty() {
        return refuse("is empty");
    }
    if text.len() > 200 {
        return refuse("is longer than 200 bytes");
    }
    if text.starts_with('-') {
        return refuse("must not start with `-`");
    }
    if text.trim() != text {
        return refuse("begins or ends with a space");
    }
    if text.chars().any(|c| matches!(c, '\n' | '\t') || is_hostile(c)) {
        return refuse("holds a control character");
    }
    Ok(())
}

/// The rules of `git check-ref-format --branch`, without starting git.
fn check_branch(kind: &'static str, text: &str) -> Result<(), InvalidName> {
    let refuse = |problem| Err(InvalidName::new(kind, text, problem));
    if text.is_empty() {
        return refuse("is empty");
    }
    if text.len() > 200 {
        return refuse("is longer than 200 bytes");
    }
    if text.starts_with('-') {
        return refuse("must not start with `-`");
    }
    if text == "@" || text == "HEAD" || text.contains("@{") || text.contains("..") {
        return refuse("is reserved by git");
    }
    if text.chars().any(|c| c.is_control() || " ~^:?*[\\".contains(c)) {
        return refuse("holds a character that git refuses in a branch name");
    }
    let bad_part = |part: &str| {
        part.is_empty()
            || part.starts_with('.')
            || part.ends_with('.')
            || std::path::Path::new(part).extension().is_some_and(|extension| extension == "lock")
    };
    if text.split('/').any(bad_part) {
        return refuse("has a part that is empty, starts or ends with `.`, or ends with `.lock`");
    }
    Ok(())
}

impl SessionId {
    /// The id of a prefix's `number`th session.
    #[must_use]
    pub fn numbered(prefix: &SessionPrefix, number: u64) -> Self {
        Self(format!("{prefix}-{number}"))
    }

    /// The number at the end, if the id was made by [`SessionId::numbered`] with this prefix.
    #[must_use]
    pub fn number(&self, prefix: &SessionPrefix) -> Option<u64> {
        self.0.strip_prefix(prefix.as_str())?.strip_prefix('-')?.parse().ok()
    }

    /// The branch that a session gets when its tracker names none.
    #[must_use]
    pub fn default_branch(&self) -> BranchName {
        BranchName(format!("ao/{self}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_ids_are_refused() {
        let long = "a".repeat(300);
        for text in ["", "../x", "-flag", "__proto__", "a/b", "a b", "é", "a\0b", ".", "..", &long] {
            assert!(text.parse::<SessionId>().is_err(), "{text:?} was accepted as a session id");
            assert!(text.parse::<ProjectName>().is_err(), "{text:?} was accepted as a project name");
        }
        for text in ["ao-1", "A_b-2", "9lives"] {
            assert_eq!(text.parse::<SessionId>().expect(text).as_str(), text);
        }
    }

    #[test]
    fn branch_names_follow_git() {
        for text in ["main", "feat/issue-12", "ao/ao-1", "ünïcode", "a.b"] {
            assert!(text.parse::<BranchName>().is_ok(), "{text}");
        }
        for text in
            ["", "-x", "a..b", "a b", "a/", "/a", "a//b", ".a", "a.lock", "a/b.lock", "@", "HEAD", "a@{1}", "a~1"]
        {
            assert!(text.parse::<BranchName>().is_err(), "{text}");
        }
    }

    #[test]
    fn issue_ids_are_one_harmless_line() {
        let long = "1".repeat(201);
        for text in
            ["", "-1", "--help", " 1", "1 ", "a\nb", "a\tb", "\u{1b}[31m", "a\0", "\u{202e}1", "\u{2028}", &long]
        {
            assert!(text.parse::<IssueId>().is_err(), "{text:?} was accepted");
        }
        for text in ["12", "#12", "ENG-7", "https://example.org/i/12", "a b", "Ä-1"] {
            assert_eq!(text.parse::<IssueId>().expect(text).as_str(), text);
        }
    }

    #[test]
    fn numbers_belong_to_one_prefix() {
        let prefix: SessionPrefix = "ao".parse().expect("prefix");
        let id = SessionId::numbered(&prefix, 15);
        assert_eq!((id.as_str(), id.number(&prefix)), ("ao-15", Some(15)));
        assert_eq!(id.number(&"a".parse().expect("prefix")), None);
    }

    #[test]
    fn a_long_name_is_shortened_in_its_message() {
        let error = "\u{1b}[31m".parse::<SessionId>().expect_err("control characters");
        assert!(!error.to_string().contains('\u{1b}'), "{error}");
    }
}
