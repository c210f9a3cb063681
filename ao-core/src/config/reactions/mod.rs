//! What is done about what happens: the rules of a project, with every default filled in, key by key.

mod action;
mod defaults;
mod facts;
mod message;
mod origin;
mod written;

use std::collections::BTreeMap;

use super::diagnostic::Diagnostic;
use super::node::Node;
use super::scalars::HumanDuration;
use crate::model::ReactionKey;
use crate::slots::notifier::Priority;

pub(crate) use action::check_action;
pub use action::{Action, RunAction, SpawnAction};
pub use facts::{AgentWords, CheckWords, MessageFacts, PullWords, ReportWords, SessionWords, ThreadWords};
pub use message::MessageTemplate;
pub use origin::{RuleKey, RuleOrigin};
pub use written::EscalateAfter;
pub(crate) use written::{PriorityWord, WrittenReactions};

/// How many actions an episode takes at most where nothing is said of it.
const MOST_ACTIONS: u32 = 10;

/// The rules of a project, by what they react to. What is switched off is not among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reactions {
    rules: BTreeMap<ReactionKey, Reaction>,
    /// What is not reacted to, and what says so.
    off: BTreeMap<ReactionKey, RuleOrigin>,
}

/// What is done about one condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reaction {
    /// Whether the action is done by itself; otherwise a human is told in its place.
    pub auto: bool,
    /// What is done.
    pub action: Action,
    /// What is said.
    pub message: MessageTemplate,
    /// How much it matters to a human.
    pub priority: Priority,
    /// How much it matters to a human that the condition is not over.
    pub escalate_priority: Priority,
    /// How often the action is repeated while the condition lasts; `None` where nothing is said of it.
    pub retries: Option<u32>,
    /// When a human is told that the condition is not over.
    pub escalate_after: Option<EscalateAfter>,
    /// How long the condition has to last before anything is done.
    pub threshold: Option<HumanDuration>,
    /// Whether the message is followed by a list of the sessions that it is about.
    pub include_summary: bool,
    /// Where all this is written, as far as it is no default.
    pub origin: RuleOrigin,
}

/// A `reactions` map: what it says, and where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layer<'a> {
    pub(crate) written: &'a WrittenReactions,
    pub(crate) node: Option<&'a Node>,
}

impl Default for Reactions {
    /// What is done where the configuration says nothing.
    fn default() -> Self {
        let nothing = WrittenReactions::default();
        let nothing = Layer { written: &nothing, node: None };
        Self::resolve(nothing, nothing)
    }
}

impl Reactions {
    /// The rule about a condition, if there is one.
    #[must_use]
    pub fn get(&self, key: ReactionKey) -> Option<&Reaction> {
        self.rules.get(&key)
    }

    /// Every rule, by what it reacts to.
    pub fn iter(&self) -> impl Iterator<Item = (ReactionKey, &Reaction)> {
        self.rules.iter().map(|(key, rule)| (*key, rule))
    }

    /// What is not reacted to, and what says so.
    pub fn off(&self) -> impl Iterator<Item = (ReactionKey, &RuleOrigin)> {
        self.off.iter().map(|(key, origin)| (*key, origin))
    }

    /// The same with another rule in place of one, or without it.
    #[must_use]
    pub fn with(mut self, key: ReactionKey, rule: Option<Reaction>) -> Self {
        match rule {
            Some(rule) => drop(self.rules.insert(key, rule)),
            None => drop(self.rules.remove(&key)),
        }
        self
    }

    /// A project's own words over those for all projects over the defaults, each key by itself.
    pub(crate) fn resolve(all: Layer<'_>, own: Layer<'_>) -> Self {
        let (mut rules, mut off) = (BTreeMap::new(), BTreeMap::new());
        for key in ReactionKey::ALL {
            let origin = RuleOrigin::find(*key, all.node, own.node);
            match defaults::resolve(*key, all.written.0.get(key), own.written.0.get(key)) {
                Some(rule) => drop(rules.insert(*key, Reaction { origin, ..rule })),
                None => drop(off.insert(*key, origin)),
            }
        }
        Self { rules, off }
    }
}

impl Reaction {
    /// How many actions an episode takes at most, and which key says so: the smaller one where there are two.
    #[must_use]
    pub fn most_actions(&self) -> (u32, RuleKey) {
        let count = match self.escalate_after {
            Some(EscalateAfter::Actions(count)) => Some((count, RuleKey::EscalateAfter)),
            _ => None,
        };
        let retried = self.retries.map(|retries| (retries.saturating_add(1), RuleKey::Retries));
        let limits = count.into_iter().chain(retried);
        limits.min_by_key(|(limit, _)| *limit).unwrap_or((MOST_ACTIONS, RuleKey::Retries))
    }
}

/// The actions of a `reactions` map that make no sense where they stand.
pub(crate) fn nonsense(reactions: Option<&Node>, written: &WrittenReactions) -> Vec<Diagnostic> {
    let refusal = |(key, rule): (&ReactionKey, &written::WrittenReaction)| {
        let action = rule.action.as_ref()?.resolve();
        let why = action.nonsense(*key)?;
        let node = reactions?.get(key.as_str())?.get("action")?;
        let message = format!("`{}` is no answer to `{key}`: {why}", action.as_str());
        Some(Diagnostic::error(&node.place, node.path.clone(), message).help("choose another action, such as `notify`"))
    };
    written.0.iter().filter_map(refusal).collect()
}

#[cfg(test)]
mod page;
#[cfg(test)]
mod tests;
