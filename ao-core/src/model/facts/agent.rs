//! Facts of a session's agent: what it is seen doing, and what it says of itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Unseen;
use crate::model::{PluginName, Timestamp};
use crate::record::record;
use crate::slots::agent::{Activity, Ask};

record! {
    /// A session's agent.
    #[derive(JsonSchema)]
    pub struct AgentFacts {
        required {
            /// The agent plugin.
            plugin: PluginName,
            /// The instance's name in the configuration, or the plugin's.
            name: PluginName,
        }
        optional {
            /// What an exit with code 0 means.
            exit_meaning: ExitMeaning,
            /// What it was last seen doing.
            activity: Option<Activity>,
            /// When that was seen.
            observed_at: Option<Timestamp>,
            /// In how many looks in a row it was seen doing the same.
            sightings: u32,
            /// How long it has been idle, as far as somebody looked.
            idle: Option<IdleClock>,
            /// Why the last look told nothing.
            unseen: Option<Unseen>,
            /// What it waits for.
            ask: Option<Ask>,
            /// What it is about, in one line, in its own words.
            summary: Option<String>,
            /// The agent's own id for the conversation.
            agent_session: Option<String>,
            /// For the agent plugin's next look.
            cursor: Option<Value>,
        }
    }

    /// How long an agent has been idle. Counted from look to look, so that a machine that sleeps, and a clock that jumps,
    /// add next to nothing.
    #[derive(Eq, JsonSchema)]
    pub struct IdleClock {
        required {
            /// Since when, by the agent's own account; another moment is another idleness.
            since: Timestamp,
            /// How long, in milliseconds.
            elapsed_ms: u64,
            /// When it was last counted.
            at: Timestamp,
        }
    }

    /// What an agent says of itself.
    #[derive(Eq, JsonSchema)]
    pub struct ReportFacts {
        required {
            /// Names the report.
            id: String,
            /// What it says.
            state: ReportState,
            /// When.
            at: Timestamp,
        }
        optional {
            /// In its own words.
            note: String,
            /// The pull request that it names.
            pull: Option<u64>,
        }
    }
}

/// What an agent's exit with code 0 means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ExitMeaning {
    /// An agent that should have stayed is gone.
    #[default]
    Death,
    /// It did what it was told.
    Completion,
    /// One that this version does not know.
    #[serde(other)]
    Unknown,
}

/// What an agent says that it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ReportState {
    /// It has understood what it is to do.
    Started,
    /// It works.
    Working,
    /// It waits for somebody else.
    Waiting,
    /// It wants a decision of a human.
    NeedsInput,
    /// It mends what failed.
    FixingCi,
    /// It does what reviewers want.
    AddressingReviews,
    /// It opened a pull request.
    PrCreated,
    /// It opened a draft of one.
    DraftPrCreated,
    /// Its pull request wants a review.
    ReadyForReview,
    /// It has done what it was told.
    Completed,
    /// One that this version does not know.
    #[serde(other)]
    Unknown,
}
