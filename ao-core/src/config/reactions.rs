//! What is configured of reactions. For now that is one number: after how long without progress an agent is stuck.

use schemars::JsonSchema;
use serde::Deserialize;

use super::model::Duration;
use super::scalars::HumanDuration;

/// What is done about what happens, by what happens.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Reactions {
    /// An agent that does not get on.
    agent_stuck: Option<AgentStuck>,
}

/// An agent that does not get on.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AgentStuck {
    /// How long an agent may make no progress before it is stuck. `10m` unless set.
    #[schemars(with = "Option<Duration>")]
    threshold: Option<HumanDuration>,
}

impl Reactions {
    /// After how long without progress an agent is stuck, where that is said.
    pub(crate) fn stuck_after(&self) -> Option<HumanDuration> {
        self.agent_stuck.as_ref()?.threshold
    }
}
