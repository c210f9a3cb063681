//! `pull.json`: what a pull request is.

use ao_plugin_sdk::prelude::*;
use ao_plugin_sdk::serde_json::{self, Map};

use super::oid::Oid;

/// The version that is written; a newer one is neither shown nor changed.
pub(super) const VERSION: u32 = 1;

/// How many tries to merge are remembered.
const ATTEMPTS: usize = 32;

/// A pull request as it is stored. Where its branches stand is not in it: that is looked at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    /// [`VERSION`].
    pub(super) version: u32,
    /// The key of the request that opened it.
    pub(super) key: String,
    /// One line.
    pub(super) title: String,
    /// The text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) body: String,
    /// Who opened it.
    pub(super) author: String,
    /// The session whose agent did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) session: Option<SessionId>,
    /// From which branch.
    pub(super) branch: BranchName,
    /// Into which branch.
    pub(super) base: BranchName,
    /// Whether it is open, as far as it was written down.
    pub(super) state: State,
    /// Whether it is not to be merged yet.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) draft: bool,
    /// When it was opened.
    pub(super) created_at: Timestamp,
    /// When it was last changed.
    pub(super) updated_at: Timestamp,
    /// Where the branch stood at the last change while it was ahead of the base; for good once it is closed or merged.
    pub(super) head: Oid,
    /// Where the base stood then.
    pub(super) base_commit: Oid,
    /// The commit on the base that has it, once it is merged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) merged: Option<Merged>,
    /// What was made to be merged, the last at the end: written before the base is moved, so that whoever comes after a
    /// crash finds which of them is on the base.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) attempts: Vec<Attempt>,
    /// What a later version added.
    #[serde(flatten)]
    pub(super) rest: Map<String, Value>,
}

/// Whether a pull request is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    Open,
    Closed,
    Merged,
}

/// How it was merged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Merged {
    /// The commit on the base.
    pub(super) commit: Oid,
    /// The key of the request; none where it was merged by hand, or the request's process died before it could say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<String>,
}

/// A commit that was made to be merged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Attempt {
    /// The key of the request.
    pub(super) key: String,
    /// The commit.
    pub(super) commit: Oid,
    /// Where the base stood.
    pub(super) base: Oid,
    /// The head that is merged.
    pub(super) head: Oid,
    /// How.
    pub(super) method: MergeMethod,
    /// The message that was asked for, if one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) message: Option<String>,
}

impl Record {
    /// Reads it; an error says what is wrong with it.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        check_version(bytes)?;
        serde_json::from_slice(bytes).map_err(|error| error.to_string())
    }

    /// As it is stored: for people to read, too.
    pub(super) fn written(&self) -> Result<Vec<u8>> {
        written(self)
    }

    /// Remembers a try; the oldest go.
    pub(super) fn tried(&mut self, attempt: Attempt) {
        self.attempts.push(attempt);
        let surplus = self.attempts.len().saturating_sub(ATTEMPTS);
        self.attempts.drain(..surplus);
    }
}

/// Refuses what a newer version wrote: what it means is not known here.
pub(super) fn check_version(bytes: &[u8]) -> Result<(), String> {
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    let Version { version } = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if version > VERSION {
        return Err(format!("a newer version of ao wrote it (its version is {version}, ours {VERSION}): update ao"));
    }
    Ok(())
}

pub(super) fn written(value: &impl Serialize) -> Result<Vec<u8>> {
    let text = serde_json::to_vec_pretty(value);
    let mut text = text.map_err(|error| Error::wrap(Code::OTHER, "cannot write a pull request down", &error))?;
    text.push(b'\n');
    Ok(text)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_false(value: &bool) -> bool {
    !value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json() -> Value {
        let commit = "a".repeat(40);
        json!({"version": 1, "key": "k", "title": "t", "author": "me", "branch": "b", "base": "main", "state": "open",
            "created_at": "2026-01-02T03:04:05.000Z", "updated_at": "2026-01-02T03:04:05.000Z", "head": commit,
            "base_commit": commit})
    }

    #[test]
    fn what_a_later_version_added_is_kept() {
        let mut json = json();
        json["labels"] = json!(["x"]);
        let record = Record::read(json.to_string().as_bytes()).expect("a record");
        let again: Value = serde_json::from_slice(&record.written().expect("json")).expect("json");
        assert_eq!(again, json);
    }

    #[test]
    fn what_is_no_record_is_refused() {
        for (key, value) in [
            ("version", json!(2)),
            ("head", json!("--upload-pack=x")),
            ("branch", json!("-x")),
            ("state", json!("queued")),
            ("title", json!(null)),
        ] {
            let mut wrong = json();
            wrong[key] = value;
            Record::read(wrong.to_string().as_bytes()).expect_err(key);
        }
        Record::read(b"{").expect_err("cut");
        Record::read(b"\xff\xfe").expect_err("no text");
    }
}
