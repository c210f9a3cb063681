//! How a plugin is doing, as it is shown.

use ao_core::model::{PluginName, Timestamp};
use ao_core::slots::Slot;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Entry, Origin};

pub use ao_core::model::condition::ConditionState;

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

impl Condition {
    /// Whether it is an instance of this plugin, from where it comes from now.
    #[must_use]
    pub fn is_of(&self, entry: &Entry) -> bool {
        self.slot == entry.component.slot && self.name == entry.component.name && self.origin == entry.origin
    }

    /// What is wrong, as a sentence about the plugin; `None` where nothing is.
    #[must_use]
    pub fn complaint(&self) -> Option<String> {
        let who = format!("the {} plugin `{}` ({})", self.slot, self.name, self.origin);
        let until = self.retry_at.map(|at| format!(" until {at}")).unwrap_or_default();
        let state = match self.state {
            ConditionState::Closed => return None,
            ConditionState::Open => format!("is not called{until}"),
            ConditionState::HalfOpen => "has failed; its next call decides whether it is used again".to_owned(),
            ConditionState::Wedged => format!("does not answer and is not called{until}"),
            ConditionState::Disabled => "is disabled until its library is replaced or `ao` is restarted".to_owned(),
        };
        let why = if self.why.is_empty() { String::new() } else { format!(": {}", self.why) };
        Some(format!("{who} {state}{why}"))
    }
}
