//! The details of events about rules: each says by itself which rule, what it did, how often, and where that is written.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{ProjectName, ReactionKey, RulePlace};
use crate::record::record;
use crate::slots::notifier::Priority;

record! {
    /// Something that is to be done got further.
    #[derive(Eq, JsonSchema)]
    pub struct IntentMoved {
        required {
            /// Names the intent, and its effect.
            key: String,
            /// The rule that wants it.
            reaction: ReactionKey,
            /// The project; the session is the event's own.
            project: ProjectName,
            /// The key of the episode that it is done for.
            episode: String,
            /// What is to be done, in one word.
            deed: DeedKind,
            /// The same as a sentence says it, such as `tell the agent`.
            what: String,
        }
        optional {
            /// Which action of the episode this is, from 1; absent where a human is told in place of one.
            attempt: u32,
            /// How many actions the episode may take; absent where nothing limits them.
            at_most: Option<u32>,
            /// How much it matters to the human who is told; absent where none is.
            priority: Option<Priority>,
            /// What is so, in a few words.
            reason: String,
            /// When a human is told that it is not over, such as `2 actions` or `30m`; absent where nobody is.
            escalates_after: Option<String>,
            /// The pull request.
            pull: Option<u64>,
            /// The commit at its head.
            head: Option<String>,
            /// What decided, in the configuration; absent where nothing is written and the default holds.
            rule: Option<RulePlace>,
            /// How it ended; absent where it has not.
            outcome: Option<OutcomeKind>,
            /// Why it ended like this, or why it waits.
            why: String,
        }
    }

    /// A condition that a rule reacts to began or ended.
    #[derive(Eq, JsonSchema)]
    pub struct ReactionMoved {
        required {
            /// The key of the episode.
            key: String,
            /// The rule.
            reaction: ReactionKey,
        }
        optional {
            /// What is so, in a few words; absent where it is over.
            reason: String,
            /// Whether it was over for so short a time that what was counted goes on.
            again: bool,
            /// How many actions there were so far.
            actions: u32,
            /// For how long it has been open while somebody looked, in milliseconds.
            elapsed_ms: u64,
            /// Whether a human was told that it took too long.
            escalated: bool,
            /// Where the rule is written; absent where the default holds.
            rule: Option<RulePlace>,
        }
    }

    /// A condition went on for too long.
    #[derive(Eq, JsonSchema)]
    pub struct ReactionEscalated {
        required {
            /// The key of the episode.
            key: String,
            /// The rule.
            reaction: ReactionKey,
            /// The key of the intent by which a human is told.
            intent: String,
            /// Which limit was reached.
            why: String,
            /// How much it matters to that human.
            priority: Priority,
        }
        optional {
            /// What is so, in a few words.
            reason: String,
            /// Where the limit is written; absent where the default holds.
            rule: Option<RulePlace>,
        }
    }
}

/// What is to be done, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DeedKind {
    /// The agent is told.
    Send,
    /// A human is told: this is the rule's action.
    Notify,
    /// A human is told that the rule's action is not done.
    Instead,
    /// A human is told that it is not over.
    Escalate,
    /// The pull request is merged.
    Merge,
    /// A session is started.
    Spawn,
    /// A program is run.
    Run,
    /// One that this version does not know.
    #[serde(other)]
    Unknown,
}

/// What became of an intent, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OutcomeKind {
    /// It was carried out.
    Done,
    /// It was not; another attempt may succeed.
    Failed,
    /// It was refused; another attempt would be, too.
    Refused,
    /// It was not needed any more, and counts as never tried.
    Superseded,
    /// Nobody can tell, so it is not repeated.
    #[serde(other)]
    Uncertain,
}

impl OutcomeKind {
    /// The word for it, as in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Superseded => "superseded",
            Self::Uncertain => "uncertain",
        }
    }
}

impl IntentMoved {
    /// Which action of how many, to follow what is done: ` (action 2 of 3)`.
    #[must_use]
    pub fn count(&self) -> String {
        match (self.attempt, self.at_most) {
            (0, _) => String::new(),
            (attempt, Some(most)) => format!(" (action {attempt} of {most})"),
            (attempt, None) => format!(" (action {attempt})"),
        }
    }
}

/// What is done and why; or, where it has ended, how.
impl fmt::Display for IntentMoved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}{}", self.reaction, self.what, self.count())?;
        match self.outcome {
            // The type of the event says as much.
            Some(OutcomeKind::Done | OutcomeKind::Failed | OutcomeKind::Superseded) => {}
            Some(outcome) => write!(f, ": {}", outcome.as_str())?,
            None if self.why.is_empty() => write!(f, ", because {}", self.reason)?,
            None => {}
        }
        if !self.why.is_empty() {
            write!(f, ": {}", self.why)?;
        }
        by(f, self.rule.as_ref())
    }
}

impl fmt::Display for ReactionMoved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.reaction)?;
        if !self.reason.is_empty() {
            write!(f, ": {}", self.reason)?;
        }
        if self.again {
            f.write_str(" (again)")?;
        }
        match self.actions {
            0 => {}
            1 => f.write_str(" after 1 action")?,
            actions => write!(f, " after {actions} actions")?,
        }
        by(f, self.rule.as_ref())
    }
}

impl fmt::Display for ReactionEscalated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.reaction, self.why, self.reason)?;
        by(f, self.rule.as_ref())
    }
}

fn by(f: &mut fmt::Formatter<'_>, rule: Option<&RulePlace>) -> fmt::Result {
    rule.iter().try_for_each(|rule| write!(f, " [{rule}]"))
}
