//! What of this process's environment tmux gets to see.

#![expect(clippy::disallowed_methods, reason = "the one place in this crate that reads the environment")]

use std::ffi::OsString;

/// What a tmux server and the shells that a human opens in it need. Agents get theirs from the holder.
const ALLOWED: [&str; 8] = ["PATH", "HOME", "LANG", "LC_ALL", "SHELL", "USER", "LOGNAME", "TMPDIR"];

/// The environment of every tmux that this plugin starts.
pub(crate) fn allowed() -> Vec<(OsString, OsString)> {
    ALLOWED.iter().filter_map(|name| Some((OsString::from(name), std::env::var_os(name)?))).collect()
}

/// Where the human's own tmux is, if this process runs in one.
pub(crate) fn surrounding_tmux() -> Option<OsString> {
    std::env::var_os("TMUX").filter(|value| !value.is_empty())
}
