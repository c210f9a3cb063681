//! Claude Code's own list of what runs: a file a process, which says whether it is busy. It is documented nowhere, so it is
//! believed where it is there, and missed nowhere.

use std::collections::BTreeMap;

use ao_plugin_sdk::agent::record;
use ao_plugin_sdk::prelude::*;

/// The most files that are read, and the most of each, in bytes.
const MOST_FILES: usize = 512;
const MOST_BYTES: u64 = 64 * 1024;

/// How a process stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    /// It works, or tries again to.
    Busy,
    /// It takes messages.
    Idle,
    /// It shows a dialog.
    Waiting,
}

/// What a file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SessionFile {
    pub(crate) status: Status,
    pub(crate) since: Timestamp,
}

/// The newest file of each conversation.
pub(crate) type SessionFiles = BTreeMap<String, SessionFile>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Content {
    session_id: String,
    status: Status,
    /// In milliseconds since 1970.
    status_updated_at: i64,
}

/// Reads the files of a configuration directory. One that cannot be read is none.
pub(crate) fn read(config: &Utf8Path) -> SessionFiles {
    let mut files = SessionFiles::new();
    let entries = config.join("sessions").read_dir_utf8().into_iter().flatten().filter_map(std::result::Result::ok);
    for entry in entries.filter(|entry| entry.path().extension() == Some("json")).take(MOST_FILES) {
        let Some(content) = read_one(entry.path()) else { continue };
        let file = SessionFile { status: content.status, since: Timestamp::from_millis(content.status_updated_at) };
        let newest = files.entry(content.session_id).or_insert(file);
        if newest.since < file.since {
            *newest = file;
        }
    }
    files
}

fn read_one(path: &Utf8Path) -> Option<Content> {
    serde_json::from_str(&record::small(path, MOST_BYTES)?).ok()
}
