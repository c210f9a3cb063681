//! Codex's own directory, `CODEX_HOME`, and what is read of it. Secrets are not: of the login only whether there is one.

use std::collections::BTreeMap;

use ao_plugin_sdk::agent::program::host_variable;
use ao_plugin_sdk::agent::settings::Settings;
use ao_plugin_sdk::prelude::*;
use rustix::fs::{Access, access};
use rustix::io::Errno;

/// The most of a configuration file that is read, in bytes.
const CONFIG_LIMIT: u64 = 1024 * 1024;

/// Where a session's Codex has its directory. `environment` is what the session's processes see; where it is not known, they
/// have this process's home, and nothing else of its own that matters here.
pub(crate) fn of(settings: &Settings, environment: &BTreeMap<String, String>) -> Option<Utf8PathBuf> {
    let inherited = |name: &str| {
        let home = || host_variable(name).filter(|_| name == "HOME");
        let known = if environment.is_empty() { home() } else { environment.get(name).cloned() };
        known.filter(|value| !value.is_empty())
    };
    let seen = |name: &str| settings.env.get(name).cloned().or_else(|| inherited(name));
    let named = seen("CODEX_HOME").map(Utf8PathBuf::from);
    named.or_else(|| seen("HOME").map(|home| Utf8PathBuf::from(home).join(".codex")))
}

/// Why Codex cannot write to its directory, without which it ends at its start; none where it can, or nobody knows.
pub(crate) fn closed(home: &Utf8Path) -> Option<String> {
    let there = home.ancestors().find(|at| at.exists())?;
    let error = access(there.as_std_path(), Access::WRITE_OK).err()?;
    matches!(error, Errno::ROFS | Errno::ACCESS).then(|| {
        let error = std::io::Error::from(error);
        format!("Codex cannot write to its directory `{home}` ({error}), and ends without; set `CODEX_HOME` to another")
    })
}

/// The user's own configuration, as far as it matters here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct UserConfig {
    pub(crate) model_provider: Option<String>,
    pub(crate) sandbox_workspace_write: WorkspaceWrite,
}

/// What may be written to by sandboxed commands, besides the worktree.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct WorkspaceWrite {
    pub(crate) writable_roots: Vec<String>,
}

/// The user's configuration; what cannot be read counts as empty, because Codex itself will complain of it.
pub(crate) fn user_config(home: &Utf8Path) -> UserConfig {
    let file = home.join("config.toml");
    let is_small = fs_err::metadata(&file).is_ok_and(|found| found.is_file() && found.len() <= CONFIG_LIMIT);
    let text = if is_small { fs_err::read_to_string(&file).unwrap_or_default() } else { String::new() };
    toml::from_str(&text).unwrap_or_default()
}

/// Whether a file with a login is there. It is not opened.
pub(crate) fn has_login_file(home: &Utf8Path) -> bool {
    fs_err::metadata(home.join("auth.json")).is_ok_and(|found| found.is_file() && found.len() > 0)
}
