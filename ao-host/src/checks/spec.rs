//! What `ao __check` is told, and what it says at its end.

use std::collections::BTreeMap;

use ao_core::model::{CheckName, CheckResult, Timestamp};
use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

/// The version of these files.
pub const CHECK_VERSION: u32 = 1;

/// What to run: the file whose path is the one argument.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    /// [`CHECK_VERSION`].
    pub version: u32,
    /// Which attempt this is.
    pub attempt: u32,
    /// Where results and logs go.
    pub directory: Utf8PathBuf,
    /// What is measured: everything that the commands are to write into.
    pub work: Utf8PathBuf,
    /// The copy of the commit.
    pub tree: Utf8PathBuf,
    /// What marks the processes.
    pub marker: String,
    /// What every verdict that is written down bears. The file that says it is gone before any command runs.
    pub nonce: String,
    /// What runs first.
    pub setup: Vec<Step>,
    /// The checks.
    pub checks: Vec<(CheckName, Step)>,
    /// What is kept between runs.
    pub cache: Option<CacheSpec>,
    /// The most that is kept of each log, in bytes.
    pub max_log: u64,
    /// The most that `work` may take, in bytes.
    pub max_disk: u64,
}

/// One command.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Step {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// Its whole environment.
    pub env: BTreeMap<String, String>,
    /// The longest that it may take, in milliseconds.
    pub limit_ms: u64,
}

/// What is kept between runs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CacheSpec {
    /// Where it stands, in a directory for each key.
    pub place: Utf8PathBuf,
    /// Paths of the copy.
    pub paths: Vec<Utf8PathBuf>,
    /// Files of the copy whose contents are the key.
    pub key: Vec<Utf8PathBuf>,
}

/// What a check found, as it is written down. Whatever runs in the copy of a commit can write such a file, too, but does not
/// know the nonce.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Found {
    /// That of [`Spec`].
    pub(crate) nonce: String,
    /// It.
    pub(crate) result: CheckResult,
}

/// Written when nothing of the attempt runs any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ended {
    /// When.
    pub(crate) at: Timestamp,
    /// Whether it was told to end.
    pub(crate) cancelled: bool,
}
