//! What is to be done about a session: a pure function over its facts, what was done before, and the rules.
//!
//! A rule reacts to an open *condition*, never to a change. A condition that begins opens an *episode*, which only the fact
//! that was hoped for closes; what is seen in it (this head with these failing checks) is an *occurrence*, and each is acted
//! on once. Nobody who calls this at another moment, or twice, or after a restart, gets anything else:
//!
//! 1. [`advance`] takes one look into the [`Ledger`]: episodes open and close, and their clocks go on.
//! 2. [`decide`] says which [`Intent`]s are due. It takes the look by itself where nobody has.
//! 3. [`Ledger::record`] writes an intent down, in the transaction that stores it; right before its effect
//!    [`validity`] is asked, and [`Ledger::settle`] writes down what became of it.
//!
//! For any facts, `decide` after every intent of the last `decide` was recorded says nothing.

mod condition;
mod episodes;
mod events;
mod intent;
mod ledger;
mod plan;
mod project;
mod roles;
mod words;

use std::collections::BTreeSet;

use super::{Load, Policy, Status};
use crate::config::{Limits, Reactions};
use crate::model::facts::Session;
use crate::model::{ReactionKey, Timestamp};

pub use crate::plugin::EffectClass;
pub use episodes::Move;
pub use intent::{About, Deed, Intent, Outcome, Told, ValidWhile};
pub use ledger::{Episode, EpisodeState, Ledger, Occurrence, Stage};
pub use project::{advance_project, decide_project, validity_project};
pub use roles::counts_for_all;
pub use words::{message_facts, text};

use condition::{Seen, Standing};

/// What is decided by, besides a session's own facts.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// The rules of the session's project.
    pub reactions: &'a Reactions,
    /// The limits of the lifecycle.
    pub timing: &'a Policy,
    /// How much may be started.
    pub limits: &'a Limits,
    /// How much there is, with this session as the parent of what would be started.
    pub load: Load,
    /// The checks that are red on the base branch: no agent mends these on its own branch.
    pub red_on_base: &'a BTreeSet<String>,
}

/// Takes a look into the ledger, and says which episodes it opened and closed. A second time at the same moment changes
/// nothing.
pub fn advance(ledger: &mut Ledger, facts: &Session, status: &Status, rules: &Rules<'_>, now: Timestamp) -> Vec<Move> {
    let scope = scope(facts);
    match Standing::of(facts, status) {
        Standing::Frozen => Vec::new(),
        Standing::Ended => ledger.end(&scope),
        Standing::Live | Standing::AgentGone => {
            let looks = ReactionKey::ALL.iter().filter(|key| **key != ReactionKey::AllComplete);
            looks
                .flat_map(|key| {
                    let rule = rules.reactions.get(*key);
                    let seen = rule.map_or(Seen::Over, |_| condition::look(*key, facts, status, rules, now));
                    let threshold = rule.and_then(|rule| rule.threshold);
                    let place = rule.and_then(|rule| rule.origin.rule());
                    let watched = episodes::Watched { key: *key, threshold, place };
                    episodes::advance(ledger, &scope, &watched, &seen, rules.timing, now)
                })
                .collect()
        }
    }
}

/// What is due. Nothing of a session that has ended, is held, or has something being done to it.
#[must_use]
pub fn decide(facts: &Session, status: &Status, ledger: &Ledger, rules: &Rules<'_>, now: Timestamp) -> Vec<Intent> {
    let standing = Standing::of(facts, status);
    if matches!(standing, Standing::Frozen | Standing::Ended) {
        return Vec::new();
    }
    let mut ledger = ledger.clone();
    advance(&mut ledger, facts, status, rules, now);
    let (scope, mut due) = (scope(facts), Vec::new());
    for (key, rule) in rules.reactions.iter() {
        let Seen::Holds(condition) = condition::look(key, facts, status, rules, now) else { continue };
        let Some(episode) = ledger.episode(&scope, key, &condition.subject) else { continue };
        let spawns = due.iter().filter(|intent: &&Intent| matches!(intent.deed, Deed::Spawn { .. })).count();
        let case = plan::Case {
            key,
            rule,
            episode,
            condition: &condition,
            standing,
            project: &facts.project,
            session: Some(&facts.id),
            limits: rules.limits,
            load: rules.load.and(spawns as u64),
            timing: rules.timing,
        };
        due.extend(plan::due(&case, &ledger::episode_key(&scope, key, &condition.subject)));
    }
    due
}

/// Whether an intent may be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Validity {
    /// It may.
    Valid,
    /// Not now, and why: it stays as it is.
    Held(String),
    /// It is not needed any more, and why.
    Superseded(String),
}

/// Asked right before an intent's effect, over facts that were fetched for it.
#[must_use]
pub fn validity(intent: &Intent, facts: &Session, status: &Status, rules: &Rules<'_>, now: Timestamp) -> Validity {
    if Standing::of(facts, status) == Standing::Ended {
        return Validity::Superseded("the session has ended".to_owned());
    }
    if facts.hold.is_some() {
        return Validity::Held(status.reason.clone());
    }
    if facts.op.is_some() {
        return Validity::Held("something is being done to the session".to_owned());
    }
    let seen = match rules.reactions.get(intent.reaction) {
        Some(rule) if !plan::still_wants(rule, &intent.deed) => {
            return Validity::Superseded(format!("the rule `{}` wants something else now", intent.reaction));
        }
        Some(_) => condition::look(intent.reaction, facts, status, rules, now),
        None => Seen::Over,
    };
    let Seen::Holds(condition) = seen else {
        return Validity::Superseded(format!("`{}` is not so any more", intent.reaction));
    };
    let is_same = match intent.valid_while {
        ValidWhile::Same => condition.fingerprint == intent.fingerprint,
        ValidWhile::Lasts => true,
        ValidWhile::Unknown => false,
    };
    if is_same && ledger::episode_key(&scope(facts), intent.reaction, &condition.subject) == intent.episode {
        return Validity::Valid;
    }
    Validity::Superseded(format!("it is another `{}` now: {}", intent.reaction, condition.reason))
}

/// Takes what there is now as known: where the ledger was lost, nothing is done about what began before.
pub fn baseline(ledger: &mut Ledger, facts: &Session, status: &Status, rules: &Rules<'_>, now: Timestamp) {
    advance(ledger, facts, status, rules, now);
    ledger.take_as_known(&scope(facts));
}

/// The part of the ledger that is about a session.
fn scope(facts: &Session) -> String {
    format!("{}/{}", facts.project, facts.id)
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
