//! What was done for each episode: the memory of decisions, as it is stored.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::condition::Seen;
use super::episodes::Move;
use super::intent::{Deed, Intent, Outcome, Told};
use crate::model::{ReactionKey, Timestamp};
use crate::record::record;

/// How many occurrences of an episode are remembered.
const MOST_OCCURRENCES: usize = 64;

record! {
    /// What was done, by the key of the episode that it was done for: `project/session/rule/subject`. One for each session and
    /// one for each project is quicker than one for all, and no other.
    #[derive(Default, Eq)]
    pub struct Ledger {
        optional {
            /// Counts what was written down; order is by this, never by time.
            sequence: u64,
            /// The episodes that are open, or were until shortly.
            episodes: BTreeMap<String, Episode>,
        }
    }

    /// A condition from its beginning until the fact that was hoped for.
    #[derive(Eq)]
    pub struct Episode {
        required {
            /// Where in the order of things it began.
            opened: u64,
            /// When it was last looked at.
            looked_at: Timestamp,
        }
        optional {
            /// How far it is.
            state: EpisodeState,
            /// What is seen now; none while the condition is away and the fact that closes it has not come.
            present: Option<String>,
            /// How long that has been seen, in milliseconds of watched time.
            present_ms: u64,
            /// How long the episode has been open, in the same.
            elapsed_ms: u64,
            /// How long it has been closed.
            closed_ms: u64,
            /// How long ago something was last done.
            since_action_ms: u64,
            /// How many actions there were.
            attempts: u32,
            /// Where in the order of things a human was told that it is not over.
            escalated: Option<u64>,
            /// What was seen in it, oldest first.
            occurrences: Vec<Occurrence>,
        }
    }

    /// One thing that was seen in an episode, such as these failing checks at this head.
    #[derive(Eq)]
    pub struct Occurrence {
        required {
            /// What tells it from others.
            fingerprint: String,
        }
        optional {
            /// How many actions it took.
            attempts: u32,
            /// What became of the last one.
            stage: Stage,
            /// Whether it was away since, and came again.
            again: bool,
            /// Whether a human was told in place of an action.
            told: bool,
            /// Why the last action came to nothing.
            why: String,
            /// What became of the action before the one that is planned, and why.
            before: Stage,
            /// As `why`, of that one.
            why_before: String,
        }
    }
}

/// How far an episode is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EpisodeState {
    /// The condition has not lasted for long enough.
    #[default]
    Waiting,
    /// It is open.
    Open,
    /// The fact that was hoped for has come. It goes on as it was if the same comes again at once.
    Closed,
    /// One that this version does not know.
    #[serde(other)]
    Unknown,
}

/// What became of an action.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Stage {
    /// There was none.
    #[default]
    Untouched,
    /// It is written down, and not done yet.
    Planned,
    /// It is done.
    Done,
    /// It was not done; another attempt may succeed.
    Failed,
    /// It was refused; another attempt would be, too.
    Refused,
    /// Whether it is done nobody can tell, so nobody repeats it.
    #[serde(other)]
    Uncertain,
}

/// The key of an episode.
pub(super) fn episode_key(scope: &str, rule: ReactionKey, subject: &str) -> String {
    format!("{scope}/{rule}/{subject}")
}

/// The rule that an episode below a scope is about.
fn rule_of(scope: &str, key: &str) -> ReactionKey {
    let word = key.get(scope.len() + 1..).and_then(|rest| rest.split('/').next());
    let known = ReactionKey::ALL.iter().find(|rule| Some(rule.as_str()) == word);
    known.copied().unwrap_or(ReactionKey::Unknown)
}

impl Ledger {
    /// The episodes, by key.
    #[must_use]
    pub fn episodes(&self) -> &BTreeMap<String, Episode> {
        &self.episodes
    }

    pub(super) fn episode(&self, scope: &str, rule: ReactionKey, subject: &str) -> Option<&Episode> {
        self.episodes.get(&episode_key(scope, rule, subject))
    }

    /// The next place in the order of things.
    pub(super) fn next(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    /// The keys of the episodes below a prefix.
    pub(super) fn keys_below(&self, prefix: &str) -> Vec<String> {
        let from = self.episodes.range(prefix.to_owned()..);
        from.map(|(key, _)| key).take_while(|key| key.starts_with(prefix)).cloned().collect()
    }

    /// Nothing more is decided about this part of it.
    pub(super) fn end(&mut self, scope: &str) -> Vec<Move> {
        let keys = self.keys_below(&format!("{scope}/"));
        let ended = keys.into_iter().filter_map(|key| Some((self.episodes.remove(&key)?, key)));
        let open = ended.filter(|(episode, _)| episode.state == EpisodeState::Open);
        let closed = |(episode, key): (Episode, String)| {
            let rule = rule_of(scope, &key);
            Move::Closed(episode.moved(key, rule, &Seen::Over, None))
        };
        open.map(closed).collect()
    }

    /// Takes what is seen now as done.
    pub(super) fn take_as_known(&mut self, scope: &str) {
        for key in self.keys_below(&format!("{scope}/")) {
            let Some(episode) = self.episodes.get_mut(&key) else { continue };
            // Who has lifted the hold has looked.
            episode.escalated.get_or_insert(episode.opened);
            let Some(fingerprint) = episode.present.clone() else { continue };
            let occurrence = episode.occurrence(&fingerprint);
            occurrence.stage = Stage::Done;
            occurrence.told = true;
        }
    }

    /// Writes down that an intent is to be carried out: from here on nobody plans it again. Writing it down twice is
    /// writing it down once.
    pub fn record(&mut self, intent: &Intent) {
        let next = self.next();
        let Some(episode) = self.episodes.get_mut(&intent.episode) else { return };
        match &intent.deed {
            Deed::Notify { told: Told::Escalated { .. }, .. } => {
                episode.escalated.get_or_insert(next);
            }
            Deed::Notify { told: Told::Instead { .. }, .. } => episode.occurrence(&intent.fingerprint).told = true,
            _ if episode.attempts >= intent.attempt => {}
            _ => {
                episode.attempts = intent.attempt;
                episode.since_action_ms = 0;
                let occurrence = episode.occurrence(&intent.fingerprint);
                occurrence.attempts += 1;
                occurrence.before = std::mem::replace(&mut occurrence.stage, Stage::Planned);
                occurrence.again = false;
                occurrence.why_before = std::mem::take(&mut occurrence.why);
            }
        }
    }

    /// Writes down what became of an intent. What was superseded counts as never tried.
    pub fn settle(&mut self, intent: &Intent, outcome: &Outcome) {
        self.next();
        let Some(episode) = self.episodes.get_mut(&intent.episode) else { return };
        // What belonged to an episode that is over says nothing of the one that came after it.
        if intent.opened.is_some_and(|opened| opened != episode.opened) {
            return;
        }
        let superseded = matches!(outcome, Outcome::Superseded { .. });
        match &intent.deed {
            Deed::Notify { told: Told::Escalated { .. }, .. } if superseded => episode.escalated = None,
            Deed::Notify { told: Told::Instead { .. }, .. } if superseded => {
                episode.occurrence(&intent.fingerprint).told = false;
            }
            Deed::Notify { told: Told::Escalated { .. } | Told::Instead { .. }, .. } => {}
            _ => {
                // Of words to humans several may be on their way.
                let is_last = episode.attempts == intent.attempt || matches!(intent.deed, Deed::Notify { .. });
                let occurrence = episode.occurrence(&intent.fingerprint);
                if occurrence.stage != Stage::Planned || !is_last {
                    return;
                }
                if superseded {
                    occurrence.attempts = occurrence.attempts.saturating_sub(1);
                    occurrence.stage = occurrence.before;
                    occurrence.why = std::mem::take(&mut occurrence.why_before);
                    // It was done before, and was to be done again.
                    occurrence.again = occurrence.stage == Stage::Done;
                    episode.attempts = episode.attempts.saturating_sub(1);
                    return;
                }
                (occurrence.stage, occurrence.why) = outcome.stage();
            }
        }
    }
}

impl Episode {
    /// The occurrence with this fingerprint, new where there was none.
    pub(super) fn occurrence(&mut self, fingerprint: &str) -> &mut Occurrence {
        let found = self.occurrences.iter().position(|occurrence| occurrence.fingerprint == fingerprint);
        let at = found.unwrap_or_else(|| {
            if self.occurrences.len() >= MOST_OCCURRENCES {
                self.occurrences.remove(0);
            }
            self.occurrences.push(Occurrence::new(fingerprint));
            self.occurrences.len() - 1
        });
        &mut self.occurrences[at]
    }

    /// What was done for what is seen now.
    #[must_use]
    pub fn current(&self) -> Option<&Occurrence> {
        let present = self.present.as_ref()?;
        self.occurrences.iter().find(|occurrence| occurrence.fingerprint == *present)
    }

    /// Whether something is on its way.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.occurrences.iter().any(|occurrence| occurrence.stage == Stage::Planned)
    }
}
