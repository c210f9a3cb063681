//! What decisions leave in the log: one event for each step, which a reader understands without any other.

use super::episodes::Move;
use super::intent::{Deed, Intent, Outcome, Told};
use crate::config::EscalateAfter;
use crate::model::event::{DeedKind, EventData, IntentMoved, OutcomeKind, ReactionEscalated};
use crate::slots::agent::Role;
use crate::text::one_line;

/// How much of others' words an event keeps, in characters.
const COLUMNS: usize = 300;

impl Intent {
    /// It is to be done, and is written down.
    #[must_use]
    pub fn planned(&self) -> EventData {
        EventData::IntentPlanned(self.moved())
    }

    /// Somebody does it.
    #[must_use]
    pub fn claimed(&self) -> EventData {
        EventData::IntentClaimed(IntentMoved { rule: None, ..self.moved() })
    }

    /// It is not done for now.
    #[must_use]
    pub fn held(&self, why: &str) -> EventData {
        EventData::IntentHeld(IntentMoved { why: one_line(why, COLUMNS), ..self.moved() })
    }

    /// It has ended.
    #[must_use]
    pub fn ended(&self, outcome: &Outcome) -> EventData {
        let (kind, why) = outcome.words();
        let data = IntentMoved { outcome: Some(kind), why: one_line(why, COLUMNS), ..self.moved() };
        match kind {
            OutcomeKind::Done => EventData::IntentDone(data),
            OutcomeKind::Superseded => EventData::IntentSuperseded(data),
            OutcomeKind::Failed | OutcomeKind::Refused | OutcomeKind::Uncertain => EventData::IntentFailed(data),
        }
    }

    /// Its condition went on for too long, if that is what a human is to be told: written with [`Intent::planned`].
    #[must_use]
    pub fn escalated(&self) -> Option<EventData> {
        let Deed::Notify { priority, told: Told::Escalated { why } } = &self.deed else { return None };
        let mut data = ReactionEscalated::new(
            self.episode.as_str(),
            self.reaction,
            self.key.as_str(),
            one_line(why, COLUMNS),
            *priority,
        );
        data.reason.clone_from(&self.reason);
        data.rule.clone_from(&self.rule);
        Some(EventData::ReactionEscalated(data))
    }

    fn moved(&self) -> IntentMoved {
        let (key, episode, what) = (self.key.as_str(), self.episode.as_str(), self.deed.to_string());
        let project = self.project.clone();
        let mut data = IntentMoved::new(key, self.reaction, project, episode, self.deed.kind(), what);
        data.attempt = self.attempt;
        data.at_most = self.at_most;
        data.priority = match &self.deed {
            Deed::Notify { priority, .. } => Some(*priority),
            _ => None,
        };
        data.reason.clone_from(&self.reason);
        data.escalates_after = self.escalate_after.as_ref().map(EscalateAfter::to_string);
        data.pull = self.about.pull;
        data.head.clone_from(&self.about.head);
        data.rule.clone_from(&self.rule);
        data
    }
}

impl Move {
    /// As it stands in the log.
    #[must_use]
    pub fn event(self) -> EventData {
        match self {
            Self::Opened(data) => EventData::ReactionOpened(data),
            Self::Closed(data) => EventData::ReactionClosed(data),
        }
    }

    /// The key of the episode.
    #[must_use]
    pub fn episode(&self) -> &str {
        match self {
            Self::Opened(data) | Self::Closed(data) => &data.key,
        }
    }
}

impl Deed {
    /// In one word.
    #[must_use]
    pub const fn kind(&self) -> DeedKind {
        match self {
            Self::Send => DeedKind::Send,
            Self::Notify { told: Told::Instead { .. }, .. } => DeedKind::Instead,
            Self::Notify { told: Told::Escalated { .. }, .. } => DeedKind::Escalate,
            Self::Notify { .. } => DeedKind::Notify,
            Self::Merge { .. } => DeedKind::Merge,
            Self::Spawn { .. } => DeedKind::Spawn,
            Self::Run { .. } => DeedKind::Run,
            Self::Unknown => DeedKind::Unknown,
        }
    }
}

/// What is to be done, such as `tell the agent`.
impl std::fmt::Display for Deed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Send => f.write_str("tell the agent"),
            Self::Notify { told: Told::Instead { why }, .. } => write!(f, "tell a human instead: {why}"),
            Self::Notify { told: Told::Escalated { why }, .. } => write!(f, "tell a human that {why}"),
            Self::Notify { .. } => f.write_str("tell a human"),
            Self::Merge { number, head } => write!(f, "merge #{number} at {head}"),
            Self::Spawn { role, agent } => {
                f.write_str(match role {
                    Role::Reviewer => "start a reviewer",
                    Role::Worker => "start a worker",
                    _ => "start a session",
                })?;
                agent.iter().try_for_each(|agent| write!(f, " with {agent}"))
            }
            // Arguments may be secret; the program's name is in the configuration.
            Self::Run { run } => write!(f, "run {}", run.argv.first().map_or("nothing", String::as_str)),
            Self::Unknown => f.write_str("something that this version does not know"),
        }
    }
}

impl Outcome {
    /// In one word, and why.
    #[must_use]
    pub fn words(&self) -> (OutcomeKind, &str) {
        match self {
            Self::Done => (OutcomeKind::Done, ""),
            Self::Failed { why } => (OutcomeKind::Failed, why),
            Self::Refused { why } => (OutcomeKind::Refused, why),
            Self::Superseded { why } => (OutcomeKind::Superseded, why),
            Self::Uncertain { why } => (OutcomeKind::Uncertain, why),
            Self::Unknown => (OutcomeKind::Uncertain, "it is not known what became of it"),
        }
    }
}
