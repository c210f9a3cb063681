//! Facts of a session's agent: what it is seen doing, and what it says of itself.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Unseen;
use crate::model::{PluginName, Timestamp};
use crate::record::record;
use crate::slots::agent::{Activity, Ask, ModelUsage, RateLimit};

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
            /// What its conversation has used in all, a model each.
            usage: Vec<ModelUsage>,
            /// What the session's other conversations have used, by the agent's own ids of them, or by their launches where it
            /// has none.
            former_usage: BTreeMap<String, Vec<ModelUsage>>,
            /// Its provider lets it wait.
            limit: Option<RateLimit>,
            /// What its plugin has settled for a launch, written down before that.
            planned: Option<PlannedLaunch>,
        }
    }

    /// What an agent plugin knows of a launch before it.
    #[derive(JsonSchema)]
    pub struct PlannedLaunch {
        required {
            /// Which launch, from 1.
            launch: u32,
        }
        optional {
            /// The conversation's id, where the plugin chooses it.
            agent_session: Option<String>,
            /// For the plugin's first look.
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
            /// Who says so.
            by: Reporter,
        }
    }
}

impl AgentFacts {
    /// Goes over to a conversation: what the one before has used stays counted. One that it comes back to is counted once, as
    /// an agent says of a conversation what that has used in all.
    pub fn follow(&mut self, conversation: &str) {
        let before = self.agent_session.replace(conversation.to_owned());
        if let Some(before) = before.filter(|before| before != conversation) {
            self.leave(before);
            self.usage = self.former_usage.remove(conversation).unwrap_or_default();
        }
    }

    /// Keeps what the present conversation has used, under this name, and begins to count another.
    pub fn leave(&mut self, conversation: String) {
        let used = std::mem::take(&mut self.usage);
        if !used.is_empty() {
            self.former_usage.insert(conversation, used);
        }
    }

    /// What all of the session's conversations have used, a model of a conversation each.
    pub fn spent(&self) -> impl Iterator<Item = &ModelUsage> {
        self.former_usage.values().flatten().chain(&self.usage)
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

/// Who says what is reported of an agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reporter {
    /// The agent itself.
    #[default]
    Agent,
    /// Somebody without a token, for it.
    Human,
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

/// A word that is no state of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "one of started, working, waiting, needs_input, fixing_ci, addressing_reviews, pr_created, draft_pr_created, \
     ready_for_review and completed"
)]
pub struct InvalidReportState;

impl ReportState {
    /// Every state that can be reported.
    pub const ALL: [Self; 10] = [
        Self::Started,
        Self::Working,
        Self::Waiting,
        Self::NeedsInput,
        Self::FixingCi,
        Self::AddressingReviews,
        Self::PrCreated,
        Self::DraftPrCreated,
        Self::ReadyForReview,
        Self::Completed,
    ];

    /// The word for it, as on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Working => "working",
            Self::Waiting => "waiting",
            Self::NeedsInput => "needs_input",
            Self::FixingCi => "fixing_ci",
            Self::AddressingReviews => "addressing_reviews",
            Self::PrCreated => "pr_created",
            Self::DraftPrCreated => "draft_pr_created",
            Self::ReadyForReview => "ready_for_review",
            Self::Completed => "completed",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for ReportState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for ReportState {
    type Err = InvalidReportState;

    /// As people and agents write it: in any case, with dashes or underscores, or short.
    fn from_str(text: &str) -> Result<Self, InvalidReportState> {
        let word = text.trim().to_ascii_lowercase().replace('-', "_");
        let whole = Self::ALL.into_iter().find(|state| state.as_str() == word);
        whole.map_or_else(|| Self::from_short(&word), Ok)
    }
}

impl ReportState {
    fn from_short(word: &str) -> Result<Self, InvalidReportState> {
        Ok(match word {
            "start" => Self::Started,
            "work" => Self::Working,
            "wait" => Self::Waiting,
            "input" => Self::NeedsInput,
            "ci" => Self::FixingCi,
            "reviews" => Self::AddressingReviews,
            "pr" => Self::PrCreated,
            "draft" | "draft_pr" => Self::DraftPrCreated,
            "ready" => Self::ReadyForReview,
            "complete" | "done" => Self::Completed,
            _ => return Err(InvalidReportState),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversations_add_up_and_each_counts_once() {
        let plugin: PluginName = "x".parse().unwrap();
        let mut agent = AgentFacts::new(plugin.clone(), plugin);
        let mut uses = |conversation: Option<&str>, tokens: Option<u64>| {
            if let Some(conversation) = conversation {
                agent.follow(conversation);
            }
            if let Some(tokens) = tokens {
                let mut used = ModelUsage::new("m");
                used.output_tokens = tokens;
                agent.usage = vec![used];
            }
            agent.spent().map(|used| used.output_tokens).sum::<u64>()
        };
        assert_eq!(uses(None, Some(1)), 1, "nobody knows yet of which");
        assert_eq!(uses(Some("a"), Some(5)), 5);
        assert_eq!(uses(Some("b"), None), 5, "it has begun");
        assert_eq!(uses(Some("b"), Some(2)), 7);
        assert_eq!(uses(Some("a"), None), 7, "it went back");
        assert_eq!(uses(Some("a"), Some(6)), 8);
        assert_eq!(uses(Some("c"), Some(10)), 18);
        agent.leave("launch-2".to_owned());
        assert_eq!((agent.usage.len(), agent.spent().map(|used| used.output_tokens).sum::<u64>()), (0, 18));
    }

    #[test]
    fn a_state_is_read_as_people_write_it() {
        for state in ReportState::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
            assert_eq!(state.as_str().parse(), Ok(state));
            assert_eq!(format!(" {} ", state.as_str().replace('_', "-").to_uppercase()).parse(), Ok(state));
        }
        assert_eq!(("ci".parse(), "Done".parse()), (Ok(ReportState::FixingCi), Ok(ReportState::Completed)));
        for word in ["", "unknown", "tired", "needs input", "pr created"] {
            assert_eq!(word.parse::<ReportState>(), Err(InvalidReportState), "{word}");
        }
    }
}
