//! Something that is to be done, as it is written down before it is.

use serde::{Deserialize, Serialize};

use super::ledger::Stage;
use crate::config::{EscalateAfter, RunAction};
use crate::model::event::OutcomeKind;
use crate::model::{PluginName, ProjectName, ReactionKey, RulePlace, SessionId};
use crate::plugin::EffectClass;
use crate::record::{objects, record};
use crate::slots::agent::Role;
use crate::slots::notifier::Priority;

record! {
    /// Something that is to be done. It holds references to facts: who carries it out fetches what they name, renders the
    /// message, and stores its bytes before acting.
    #[derive(Eq)]
    pub struct Intent {
        required {
            /// Names it, and its effect: the same key is the same effect.
            key: String,
            /// The rule that wants it.
            reaction: ReactionKey,
            /// The project.
            project: ProjectName,
            /// The key of the episode in the ledger.
            episode: String,
            /// Which occurrence of it this is about.
            fingerprint: String,
            /// What is to be done.
            deed: Deed,
            /// What has to be so right before the effect.
            valid_while: ValidWhile,
        }
        optional {
            /// The session; none where it is about the project.
            session: Option<SessionId>,
            /// Which action of the episode this is, from 1.
            attempt: u32,
            /// Why, in a few words.
            reason: String,
            /// The facts that it is about.
            about: About,
            /// Where in the order of things its episode began.
            opened: Option<u64>,
            /// How many actions its episode may take; none where nothing limits them.
            at_most: Option<u32>,
            /// When a human is told that the condition is not over.
            escalate_after: Option<EscalateAfter>,
            /// What of the configuration decided, as it was then; none where the default holds.
            rule: Option<RulePlace>,
        }
    }

    /// References to facts.
    #[derive(Default, Eq)]
    pub struct About {
        optional {
            /// The pull request.
            pull: Option<u64>,
            /// The commit at its head.
            head: Option<String>,
            /// The commit that its base stands at.
            base: Option<String>,
            /// The checks, by name.
            checks: Vec<String>,
            /// The review threads, by id.
            threads: Vec<String>,
            /// The files that conflict.
            files: Vec<String>,
            /// The launch of the agent.
            launch: Option<u32>,
            /// The report, by id.
            report: Option<String>,
            /// The sessions, where it is about several.
            sessions: Vec<SessionId>,
        }
    }
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Deed {
    /// The agent is told.
    Send,
    /// A human is told.
    Notify {
        /// How much it matters.
        priority: Priority,
        /// What the human is told of.
        told: Told,
    },
    /// The pull request is merged, at this head and no other.
    Merge {
        /// Its number.
        number: u64,
        /// The commit whose gates are green.
        head: String,
    },
    /// A session is started.
    Spawn {
        /// What it is for.
        role: Role,
        /// Its agent; the project's own where none is named.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agent: Option<PluginName>,
    },
    /// A program is run.
    Run {
        /// Which, and how.
        run: RunAction,
    },
    /// One that this version does not know; it is not carried out.
    #[serde(other)]
    Unknown,
}

/// What a human is told of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Told {
    /// That the condition is there: this is the rule's action.
    Condition,
    /// That it is there, and that its action is not done.
    Instead {
        /// Why not.
        why: String,
    },
    /// That it is not over.
    Escalated {
        /// Which limit was reached.
        why: String,
    },
    /// One that this version does not know.
    #[serde(other)]
    Unknown,
}

objects!(Deed, Told);

/// What has to be so for an intent to be carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ValidWhile {
    /// The same is seen: the head has not moved, the same checks fail, the agent asks the same.
    Same,
    /// The condition lasts, whatever is seen of it in detail.
    Lasts,
    /// One that this version does not know.
    #[serde(other)]
    Unknown,
}

/// What became of an intent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// It was carried out.
    Done,
    /// It was not; another attempt may succeed.
    Failed {
        /// Why.
        why: String,
    },
    /// It was refused; another attempt would be, too.
    Refused {
        /// Why, and what a human can do.
        why: String,
    },
    /// It was not needed any more.
    Superseded {
        /// Why.
        why: String,
    },
    /// Nobody can tell.
    Uncertain {
        /// Why.
        why: String,
    },
    /// One that this version does not know: nobody can tell.
    #[serde(other)]
    Unknown,
}

objects!(Outcome);

impl Deed {
    /// What its effect is. A notifier may say better things of its own.
    #[must_use]
    pub const fn class(&self) -> EffectClass {
        match self {
            // A merge is found by its commit; a session, and a message to an agent, by the key that they are stored with.
            Self::Merge { .. } | Self::Spawn { .. } => EffectClass::Lookup,
            Self::Send => EffectClass::Keyed,
            Self::Notify { .. } | Self::Run { .. } | Self::Unknown => EffectClass::Blind,
        }
    }
}

impl Outcome {
    /// As the ledger keeps it.
    pub(super) fn stage(&self) -> (Stage, String) {
        let (kind, why) = self.words();
        let stage = match kind {
            OutcomeKind::Done => Stage::Done,
            OutcomeKind::Failed => Stage::Failed,
            OutcomeKind::Refused => Stage::Refused,
            OutcomeKind::Superseded => Stage::Untouched,
            OutcomeKind::Uncertain => Stage::Uncertain,
        };
        (stage, why.to_owned())
    }
}
