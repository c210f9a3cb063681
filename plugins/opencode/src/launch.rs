//! The launch file: what the helper is told, written by the plan and read once by the helper.

use ao_plugin_sdk::prelude::*;

use crate::config::{Model, Server};

/// Its name in the launch's directory.
pub(crate) const LAUNCH_FILE: &str = "opencode.json";

/// The version of [`Launch`]. A helper refuses a newer one.
pub(crate) const LAUNCH_VERSION: u64 = 1;

/// What a helper is to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Launch {
    /// [`LAUNCH_VERSION`].
    pub(crate) version: u64,
    /// For which session.
    pub(crate) session: SessionId,
    /// Where the agent works.
    pub(crate) workspace: Utf8PathBuf,
    /// Where the helper keeps its journal.
    pub(crate) directory: Utf8PathBuf,
    /// Which server.
    pub(crate) server: Server,
    /// Where a shared server's files stand, and the mark of its processes.
    #[serde(default)]
    pub(crate) shared: Option<Place>,
    /// OpenCode's program.
    pub(crate) binary: String,
    /// More arguments for it.
    #[serde(default)]
    pub(crate) args: Vec<String>,
    /// The conversation that goes on; none for a new one.
    #[serde(default)]
    pub(crate) resume: Option<String>,
    /// The file with what it is to do first.
    #[serde(default)]
    pub(crate) prompt_file: Option<Utf8PathBuf>,
    /// The file with its standing instructions.
    #[serde(default)]
    pub(crate) instructions_file: Option<Utf8PathBuf>,
    /// What it may do without asking.
    #[serde(default)]
    pub(crate) permissions: PermissionMode,
    /// Its model; its own choice without.
    #[serde(default)]
    pub(crate) model: Option<Model>,
    /// OpenCode's agent.
    pub(crate) agent: String,
    /// How long a turn may take, in seconds.
    #[serde(default)]
    pub(crate) turn_limit: Option<u64>,
    /// The program for what helpers start of `ao` themselves.
    pub(crate) program: String,
    /// The command that wakes the host; none where there is none.
    #[serde(default)]
    pub(crate) hook: Vec<String>,
}

/// A shared server's place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// Its directory.
    pub(crate) directory: Utf8PathBuf,
    /// What its processes carry in their environment, behind the mark of this installation.
    pub(crate) marker: String,
}
