//! How far a message to an agent got. No terminal program offers exactly once; these are the honest levels.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where the texts of a session's messages stand, below its own directory. One that is too long to be typed is named by its file.
pub const MESSAGES_DIRECTORY: &str = "messages";

/// How far a message got, each level written down before the step that leads beyond it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DeliveryLevel {
    /// Stored, nothing done.
    Queued,
    /// The text is being put in.
    Drafting,
    /// The text was put in, or was seen in the agent's composer.
    Drafted,
    /// The submit key followed.
    Submitted,
    /// The agent's own record shows it.
    Acked,
    /// It may or may not have arrived; a human is told and nothing is repeated.
    Unconfirmed,
    /// It did not arrive.
    Failed,
    /// It was taken back before anything of it was put in: it is not needed any more.
    Withdrawn,
    /// One that this version does not know.
    #[serde(other)]
    Unknown,
}

impl DeliveryLevel {
    /// Whether nothing more is done about the message.
    #[must_use]
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Drafting | Self::Drafted | Self::Submitted)
    }
}

impl fmt::Display for DeliveryLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Queued => "queued",
            Self::Drafting => "drafting",
            Self::Drafted => "drafted",
            Self::Submitted => "submitted",
            Self::Acked => "acked",
            Self::Unconfirmed => "unconfirmed",
            Self::Failed => "failed",
            Self::Withdrawn => "withdrawn",
            Self::Unknown => "unknown",
        })
    }
}
