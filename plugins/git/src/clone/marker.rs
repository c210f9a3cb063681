//! What a clone knows of itself: a file in its git directory, which goes with it wherever it is moved. An agent can write
//! it, so nothing is removed because of what it says.

use ao_plugin_sdk::prelude::*;

/// How far `create` came with a clone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Made {
    /// Its repository is there; files may be missing.
    Repository,
    /// All is there.
    Whole,
}

/// The file's content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Marker {
    /// Whose clone it is.
    pub(super) session: SessionId,
    /// The project's directory.
    pub(super) project: Utf8PathBuf,
    /// How far `create` came.
    pub(super) made: Made,
}

/// Reads it; none where there is none that can be read. Blocks its thread.
pub(super) fn read(clone: &Utf8Path) -> Option<Marker> {
    let text = fs_err::read(file(clone)).ok()?;
    ao_plugin_sdk::serde_json::from_slice(&text).ok()
}

/// Writes it whole. Blocks its thread.
pub(super) fn write(clone: &Utf8Path, marker: &Marker) -> Result<()> {
    let failed = |error: &dyn std::fmt::Display| Error::other(format!("cannot write into `{clone}`: {error}"));
    let text = ao_plugin_sdk::serde_json::to_vec(marker).map_err(|error| failed(&error))?;
    ao_plugin_sdk::files::write_atomically(&file(clone), &text).map_err(|error| failed(&error))
}

fn file(clone: &Utf8Path) -> Utf8PathBuf {
    clone.join(".git/ao-clone")
}
