//! The plugin through its slot, fed with captures of the real program.

mod answer;
mod conformance;
mod detect;
mod hooks;
mod launch;
mod message;
mod observe;
mod records;
mod screens;

use ao_plugin_codex::Codex;
use ao_plugin_sdk::prelude::*;

/// The plugin with this configuration.
fn agent(config: Value) -> Result<Codex> {
    let config = serde_json::from_value(config).map_err(|error| Error::invalid_input(error.to_string()))?;
    Codex::new(config)
}

/// Where the captures are.
fn fixtures() -> Utf8PathBuf {
    Utf8PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures"))
}

/// A capture of a screen.
fn screen(name: &str) -> String {
    std::fs::read_to_string(fixtures().join(format!("screens/{name}.txt"))).expect("a capture")
}

/// Files of a session, below a directory that goes with it.
struct Scratch(tempfile::TempDir);

impl Scratch {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("scratch"))
    }

    fn path(&self) -> &Utf8Path {
        Utf8Path::from_path(self.0.path()).expect("UTF-8")
    }

    /// Writes a file below it, and returns where it stands.
    fn write(&self, at: &str, content: impl AsRef<[u8]>) -> Utf8PathBuf {
        let path = self.path().join(at);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("directory");
        ao_plugin_sdk::files::write_atomically(&path, content.as_ref()).expect("written");
        path
    }
}

/// A capture of a record.
fn record(id: &str) -> Vec<u8> {
    let mut all = fixtures().join("records").read_dir_utf8().expect("captures").map(|entry| entry.expect("entry"));
    let found = all.find(|entry| entry.file_name().ends_with(&format!("{id}.jsonl"))).expect("a capture");
    std::fs::read(found.path()).expect("read")
}

/// A conversation in which turns fail, and which is resumed.
const FAILING: &str = "01a2011f-7d3b-79e0-b21e-1af29adb5d6c";
/// One in which permissions are asked for, a turn is interrupted, and the last one never ended.
const ASKING: &str = "01a2011f-7bc0-71e3-ab42-ae30dde1bbba";
/// A short one, whose turn came to its end.
const FINISHED: &str = "01a1fb71-fdd6-7451-a4c9-e1dfb0ff8071";
