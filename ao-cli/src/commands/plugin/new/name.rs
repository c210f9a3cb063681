//! The name of a new plugin: of its crate, its library and itself.

use std::fmt;
use std::str::FromStr;

use ao_core::Error;
use ao_core::slots::Slot;

/// Longer names make longer paths than some systems take.
const MOST_BYTES: usize = 64;

/// What cargo or the compiler keeps for itself, and what the new crate depends on.
const TAKEN: &[&str] = &[
    "abstract",
    "alloc",
    "ao-plugin-sdk",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "core",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "proc-macro",
    "pub",
    "ref",
    "return",
    "schemars",
    "self",
    "serde",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "tokio",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "yield",
];

/// A name that cargo, a file system and the configuration all take: `my-tracker`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CrateName(String);

impl CrateName {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The crate as Rust names it: `my_tracker`.
    pub(super) fn identifier(&self) -> String {
        self.0.replace('-', "_")
    }

    /// The file that cargo builds.
    pub(super) fn library(&self) -> String {
        format!("{}{}{}", std::env::consts::DLL_PREFIX, self.identifier(), std::env::consts::DLL_SUFFIX)
    }

    /// The plugin's type: `MyTracker`. It ends in the slot's name, and is none of the words that the source uses already.
    pub(super) fn type_name(&self, slot: Slot, source: &str) -> String {
        let (mut name, slot) = (capitalised(&self.0), capitalised(slot.as_str()));
        if !name.ends_with(&slot) || name == slot {
            name.push_str(&slot);
        }
        let words = || source.split(|c: char| !c.is_alphanumeric() && c != '_');
        if words().any(|word| word == name) {
            name.push_str("Plugin");
        }
        name
    }
}

fn capitalised(name: &str) -> String {
    let part = |part: &str| {
        let mut letters = part.chars();
        letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect::<String>()
    };
    name.split('-').map(part).collect()
}

impl FromStr for CrateName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let refuse = |problem: &str| {
            let form = "write lower-case letters, digits and single `-`, such as `my-tracker`";
            Err(Error::invalid_input(format!("`{}` cannot name a plugin: it {problem}; {form}", text.escape_debug())))
        };
        if text.is_empty() {
            return refuse("is empty");
        }
        if text.len() > MOST_BYTES {
            return refuse(&format!("is longer than {MOST_BYTES} bytes"));
        }
        if let Some(other) = text.chars().find(|c| !c.is_ascii_lowercase() && !c.is_ascii_digit() && *c != '-') {
            return refuse(&format!("has a `{}` in it", other.escape_debug()));
        }
        if !text.starts_with(|c: char| c.is_ascii_lowercase()) {
            return refuse("does not begin with a letter");
        }
        if text.ends_with('-') || text.contains("--") {
            return refuse("has a `-` without a letter or digit behind it");
        }
        if TAKEN.contains(&text) {
            return refuse("is a word of Rust, or a crate that the plugin needs");
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for CrateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_cannot_be_crates_are_refused() {
        let long = "a".repeat(MOST_BYTES + 1);
        let bad = [
            "",
            "-x",
            "../x",
            "a/b",
            "Tracker",
            "my_tracker",
            "7up",
            "tracker-",
            "a--b",
            "a b",
            "größe",
            "a\0b",
            "a\n",
            "fn",
            "self",
            "test",
            "std",
            "serde",
            "ao-plugin-sdk",
            ".",
            "..",
            "C:",
            "$(id)",
            &long,
        ];
        for text in bad {
            let error = text.parse::<CrateName>().expect_err(text);
            assert!(!error.message.contains(['\0', '\n']) && error.message.contains("my-tracker"), "{error}");
        }
    }

    #[test]
    fn names_become_identifiers_types_and_files() {
        let name: CrateName = "my-tracker".parse().unwrap();
        assert_eq!((name.as_str(), name.identifier().as_str()), ("my-tracker", "my_tracker"));
        for (name, slot, expected) in [
            ("my-tracker", Slot::Tracker, "MyTracker"),
            ("acme", Slot::Tracker, "AcmeTracker"),
            ("tracker", Slot::Tracker, "TrackerTracker"),
            ("tracker2", Slot::Tracker, "Tracker2Tracker"),
            ("git-hub", Slot::Scm, "GitHubScm"),
            ("create-runtime", Slot::Runtime, "CreateRuntimePlugin"),
        ] {
            let name: CrateName = name.parse().unwrap();
            assert_eq!(name.type_name(slot, "use CreateRuntime; impl Tracker"), expected);
        }
    }
}
