//! What can be reacted to, in one table: the key in the configuration, and what it is.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! reactions {
    ($($(#[doc = $doc:literal])* $Key:ident $word:literal;)*) => {
        /// A condition that a rule reacts to.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[non_exhaustive]
        pub enum ReactionKey {
            $($(#[doc = $doc])* #[serde(rename = $word)] $Key,)*
            /// One that this version does not know.
            #[serde(other, rename = "unknown")]
            Unknown,
        }

        impl ReactionKey {
            /// Every key that this version knows.
            pub const ALL: &'static [ReactionKey] = &[$(ReactionKey::$Key),*];

            /// The word for it, as in the configuration.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$Key => $word,)*
                    Self::Unknown => "unknown",
                }
            }

            /// What it is, in a sentence.
            #[must_use]
            pub fn about(self) -> &'static str {
                match self {
                    $(Self::$Key => concat!($($doc),*).trim_start(),)*
                    Self::Unknown => "One that this version does not know.",
                }
            }
        }
    };
}

reactions! {
    /// The pull request was closed without a merge.
    PrClosed "pr-closed";
    /// A check that a merge needs has failed.
    CiFailed "ci-failed";
    /// A reviewer wants changes, or a human's review thread is not resolved.
    ChangesRequested "changes-requested";
    /// A review thread that a program wrote is not resolved.
    BugbotComments "bugbot-comments";
    /// The pull request conflicts with its base.
    MergeConflicts "merge-conflicts";
    /// Every gate of the pull request is green at its head.
    ApprovedAndGreen "approved-and-green";
    /// The agent does nothing, and nobody is said to be waited for.
    AgentIdle "agent-idle";
    /// The agent does not get on, or cannot be looked at.
    AgentStuck "agent-stuck";
    /// The agent is seen waiting for a human's decision.
    AgentNeedsInput "agent-needs-input";
    /// The agent is gone.
    AgentExited "agent-exited";
    /// Every worker of the project has ended.
    AllComplete "all-complete";
    /// The agent has not reported that it has begun.
    ReportNoAcknowledge "report-no-acknowledge";
    /// The agent's last report says that it works, and is old.
    ReportStale "report-stale";
    /// The agent reports that it wants a human's decision.
    ReportNeedsInput "report-needs-input";
}

impl fmt::Display for ReactionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_is_the_one_on_the_wire() {
        for key in ReactionKey::ALL {
            assert_eq!(serde_json::to_value(key).unwrap(), key.as_str());
            assert_eq!(serde_json::from_value::<ReactionKey>(key.as_str().into()).unwrap(), *key);
        }
        assert_eq!(serde_json::from_value::<ReactionKey>("of-tomorrow".into()).unwrap(), ReactionKey::Unknown);
    }
}
