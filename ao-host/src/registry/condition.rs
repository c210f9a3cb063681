//! How a plugin is doing, as it is shown.

use ao_core::model::{PluginName, Timestamp};
use ao_core::slots::Slot;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Origin;

/// How an instance of a plugin is doing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Condition {
    /// The slot.
    pub slot: Slot,
    /// The plugin's name.
    pub name: PluginName,
    /// Where it comes from.
    pub origin: Origin,
    /// The SHA-256 of the instance's configuration as it was written.
    pub config: String,
    /// Whether calls pass.
    pub state: ConditionState,
    /// Since when.
    pub since: Timestamp,
    /// When the next call is let through; none where it is now, or never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Timestamp>,
    /// What went wrong last; empty where nothing did.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// How many calls have failed in a row.
    pub failures: u32,
    /// How many of its log lines were dropped because they were too many.
    pub dropped_lines: u64,
}

/// Whether calls of a plugin pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConditionState {
    /// They do.
    Closed,
    /// They are refused for a while: too many have failed.
    Open,
    /// The next one decides.
    HalfOpen,
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
