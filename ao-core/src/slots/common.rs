//! Requests and replies that several slots share.

use camino::Utf8PathBuf;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::record::{objects, record};

record! {
    /// Whose things a request is about: one installation of `ao`, by its state directory.
    #[derive(Eq)]
    pub struct Owner {
        required {
            /// Eight hexadecimal digits made from the state directory; names sockets, so that two installations
            /// never meet.
            id: String,
            /// A directory for sockets, mode 0700, with a short path.
            run: Utf8PathBuf,
            /// The state directory.
            state: Utf8PathBuf,
        }
    }

    /// Asks a plugin whether what it needs is there.
    #[derive(Eq)]
    pub struct Doctor {
        required {
            /// For which installation.
            owner: Owner,
        }
        optional {
            /// The repositories of the projects that use it, as requests of trackers and scms name them; for other slots none.
            repositories: Vec<String>,
        }
    }

    /// One line of a doctor's report.
    #[derive(Eq, JsonSchema)]
    pub struct Finding {
        required {
            /// How bad it is.
            level: FindingLevel,
            /// What was looked at, such as `tmux`.
            subject: String,
            /// What was found.
            message: String,
        }
        optional {
            /// What to do about it.
            remedy: Option<String>,
        }
    }

    /// Asks whether an effect with this key happened.
    #[derive(Eq)]
    pub struct FindEffect {
        required {
            /// The `key` of the request whose outcome is unknown.
            key: String,
            /// Where to look: the issue or pull request.
            target: String,
        }
        optional {
            /// The repository, as in the request whose outcome is unknown.
            repository: Option<String>,
        }
    }
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FindingLevel {
    /// As it should be.
    Ok,
    /// Works with less.
    Warn,
    /// Does not work.
    Fail,
    /// A level that this version does not know.
    #[serde(other)]
    Unknown,
}

/// Whether an effect happened, as the world shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Proof")]
#[serde(remote = "Self", tag = "kind", rename_all = "snake_case")]
pub enum Proof {
    /// It happened.
    Found {
        /// Where, such as a URL or an object id.
        reference: String,
    },
    /// It did not happen.
    Absent,
    /// It cannot be told.
    #[serde(other)]
    Unknown,
}

/// The default of methods that a plugin need not have.
pub(crate) fn unsupported<T>(what: &str) -> crate::Result<T> {
    Err(crate::Error::unsupported(format!("this plugin does not support {what}")))
}

objects!(Proof);
