//! A file below `remarks/`: one thing that was said or done, for good.

use ao_plugin_sdk::prelude::*;
use ao_plugin_sdk::serde_json;

use super::oid::Oid;
use super::record;

/// What somebody said or did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// [`record::VERSION`].
    pub(super) version: u32,
    /// The key of the request that made it.
    pub(super) key: String,
    /// Who.
    pub(super) author: String,
    /// When.
    pub(super) at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub(super) what: What,
}

/// What was said or done. Entries are named by their number, from 1 on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum What {
    /// A comment. It begins a thread, which has its number, or answers in one.
    Comment {
        body: String,
        /// The thread that it answers.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        thread: Option<u64>,
        /// The file that it is about, at a line of the head.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        path: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        line: Option<u64>,
        /// The review that it is part of.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        review: Option<u64>,
    },
    /// A review of a commit.
    Review {
        head: Oid,
        verdict: Verdict,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        body: String,
    },
    /// A thread was resolved.
    Resolved { thread: u64 },
    /// It was closed.
    Closed,
    /// It was opened again.
    Reopened,
    /// It is no draft any more.
    Readied,
    /// Its title or text was changed.
    Edited,
}

impl Entry {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        record::check_version(bytes)?;
        serde_json::from_slice(bytes).map_err(|error| error.to_string())
    }
}

/// The name of the entry's file.
pub(super) fn file(number: u64) -> String {
    format!("{number:06}.json")
}

/// The number of the entry in a file.
pub(super) fn number(name: &str) -> Option<u64> {
    let number = name.strip_suffix(".json")?.parse().ok()?;
    (file(number) == name).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_as_they_are_written() {
        let head = Oid::try_from("b".repeat(40)).expect("a name");
        let comment = What::Comment { body: "x".into(), thread: Some(3), path: None, line: None, review: None };
        for what in [comment, What::Review { head, verdict: Verdict::Approve, body: String::new() }, What::Closed] {
            let entry = Entry { version: 1, key: "k".into(), author: "me".into(), at: Timestamp::from_millis(5), what };
            let written = record::written(&entry).expect("json");
            assert_eq!(Entry::read(&written), Ok(entry));
        }
        assert_eq!((number(&file(12)), number("12.json"), number("x")), (Some(12), None, None));
    }
}
