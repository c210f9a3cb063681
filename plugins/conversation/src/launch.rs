//! What comes with a launch: the file that tells the helper what to do, and the agent's first prompt.

use std::io;

use ao_plugin_sdk::prelude::*;
use serde::de::DeserializeOwned;

/// The longest prompt that comes with a launch, in bytes.
const MOST_PROMPT: u64 = 4 * 1024 * 1024;
/// How the key of such a prompt begins.
const KEY: &str = "launch of ";

/// The key of the prompt that comes with the launch of this directory: another one for each launch of a session.
#[must_use]
pub fn prompt_key(directory: &Utf8Path) -> String {
    format!("{KEY}{}", directory.file_name().unwrap_or_default())
}

/// Whether a prompt of this key came with a launch.
pub(crate) fn is_launch(key: &str) -> bool {
    key.starts_with(KEY)
}

/// Reads a launch file, if it is of this version or an older one.
pub fn read<T: DeserializeOwned>(path: &Utf8Path, version: u64) -> io::Result<T> {
    let wrong = |what: String| io::Error::new(io::ErrorKind::InvalidData, format!("`{path}` {what}"));
    let unreadable = |error: serde_json::Error| wrong(format!("cannot be read: {error}"));
    let launch: Value = serde_json::from_slice(&fs_err::read(path)?).map_err(unreadable)?;
    match launch.get("version").and_then(Value::as_u64) {
        Some(found) if found > version => Err(wrong(format!("is of version {found}; use the `ao` that wrote it"))),
        _ => serde_json::from_value(launch).map_err(unreadable),
    }
}

/// Reads the prompt that comes with a launch.
pub fn read_prompt(path: &Utf8Path) -> io::Result<String> {
    let length = fs_err::metadata(path)?.len();
    if length > MOST_PROMPT {
        let message = format!("the prompt in `{path}` has {length} bytes, and {MOST_PROMPT} is the most");
        return Err(io::Error::other(message));
    }
    Ok(String::from_utf8_lossy(&fs_err::read(path)?).into_owned())
}

/// The conversation that a launch goes on with, by the agent's own id; none for a new one.
pub fn resumed(mode: &LaunchMode) -> Result<Option<String>> {
    match mode {
        LaunchMode::Fresh => Ok(None),
        LaunchMode::Resume { agent_session } => Ok(Some(agent_session.clone())),
        _ => Err(Error::unsupported("this version does not know that kind of launch")),
    }
}
