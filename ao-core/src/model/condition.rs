//! Whether a plugin is called.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whether calls of a plugin pass.
///
/// In the order of how much is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConditionState {
    /// They do.
    Closed,
    /// The next one decides.
    HalfOpen,
    /// They are refused for a while: too many have failed.
    Open,
    /// They are refused: its library does not answer at all.
    Wedged,
    /// They are refused until the library is replaced: it panicked too often.
    Disabled,
}

impl ConditionState {
    /// The word for it, as in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
            Self::Wedged => "wedged",
            Self::Disabled => "disabled",
        }
    }
}

impl fmt::Display for ConditionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
