//! Facts of a session's pull request.

use schemars::JsonSchema;

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
