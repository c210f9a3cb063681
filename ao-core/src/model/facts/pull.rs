//! Facts of a session's pull request.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Unseen;
use crate::model::{PluginName, Timestamp};
use crate::record::record;
use crate::slots::scm::PullSnapshot;

record! {
    /// A session's pull request.
    #[derive(Eq, JsonSchema)]
    pub struct PullFacts {
        required {
            /// The scm plugin.
            scm: PluginName,
            /// The repository, as the configuration writes it; the project's directory where it names none.
            repository: String,
            /// The pull request as it was last seen.
            snapshot: PullSnapshot,
            /// When that was.
            at: Timestamp,
        }
        optional {
            /// Since when it has been in this state (open, closed, merged), as far as somebody looked.
            since: Option<Timestamp>,
            /// Why the last look told nothing.
            unseen: Option<Unseen>,
        }
    }
}

/// Whether a pull request that is found on a session's branch becomes its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PullDetection {
    /// It does.
    #[default]
    On,
    /// It does not: another session took its pull request over.
    Off,
    /// One that this version does not know.
    #[serde(other)]
    Unknown,
}

impl super::Session {
    /// Whether its pull request has become another session's: what a look still finds of it is not its own.
    #[must_use]
    pub fn is_without_pull(&self) -> bool {
        self.pull.is_none() && self.pull_detection == PullDetection::Off
    }
}
