//! The launch file: what the helper is told, written by the plan and read once by the helper.

use ao_plugin_sdk::prelude::*;

/// Its name in the launch's directory.
pub(crate) const LAUNCH_FILE: &str = "acp.json";

/// The version of [`Launch`]. A helper refuses a newer one.
pub(crate) const LAUNCH_VERSION: u64 = 1;

/// What a helper is to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Launch {
    /// [`LAUNCH_VERSION`].
    pub(crate) version: u64,
    /// Where the agent works.
    pub(crate) workspace: Utf8PathBuf,
    /// Where the helper keeps its journal.
    pub(crate) directory: Utf8PathBuf,
    /// The agent's program and its arguments. Never empty.
    pub(crate) argv: Vec<String>,
    /// The conversation that goes on; none for a new one.
    #[serde(default)]
    pub(crate) resume: Option<String>,
    /// The file with what it is to do first.
    #[serde(default)]
    pub(crate) prompt_file: Option<Utf8PathBuf>,
    /// What it may do without asking.
    #[serde(default)]
    pub(crate) permissions: PermissionMode,
    /// Its own mode, by its id.
    #[serde(default)]
    pub(crate) mode: Option<String>,
    /// Its model, by its id.
    #[serde(default)]
    pub(crate) model: Option<String>,
    /// The command that wakes the host; none where there is none.
    #[serde(default)]
    pub(crate) hook: Vec<String>,
}
