//! How an episode opens, goes on and closes, and what its clocks count.

use std::time::Duration;

use super::condition::{Condition, Seen};
use super::ledger::{Episode, EpisodeState, Ledger, Stage, episode_key};
use crate::config::HumanDuration;
use crate::lifecycle::Policy;
use crate::model::event::ReactionMoved;
use crate::model::{ReactionKey, RulePlace, Timestamp};

/// What comes again within this time of its end was never over: its episode goes on with what it had counted.
const FLAP: Duration = Duration::from_mins(5);

/// An episode began or ended, as the log tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Move {
    /// It is open.
    Opened(ReactionMoved),
    /// It is closed.
    Closed(ReactionMoved),
}

/// The rule whose condition is looked at.
pub(super) struct Watched<'a> {
    pub(super) key: ReactionKey,
    /// How long the condition has to last.
    pub(super) threshold: Option<HumanDuration>,
    /// Where it is written.
    pub(super) place: Option<&'a RulePlace>,
}

/// One look at one rule's condition.
pub(super) fn advance(
    ledger: &mut Ledger,
    scope: &str,
    watched: &Watched<'_>,
    seen: &Seen,
    timing: &Policy,
    now: Timestamp,
) -> Vec<Move> {
    let mut moves = Vec::new();
    let Watched { key: rule, threshold, place } = *watched;
    let here = seen.subject().map(|subject| episode_key(scope, rule, subject));
    for key in ledger.keys_below(&format!("{scope}/{rule}/")) {
        let Some(episode) = ledger.episodes.get_mut(&key) else { continue };
        let delta = millis(timing.counted(episode.looked_at, now));
        episode.looked_at = now;
        let seen = if here.as_ref() == Some(&key) { seen } else { &Seen::Over };
        match (episode.state, seen) {
            (EpisodeState::Closed, _) => {
                episode.closed_ms += delta;
                let forgotten = episode.closed_ms >= millis(FLAP);
                let known = matches!(seen, Seen::Holds(condition) if episode.knows(condition));
                if forgotten || matches!(seen, Seen::Holds(_)) && !known {
                    ledger.episodes.remove(&key);
                } else if known {
                    episode.state = EpisodeState::Open;
                    episode.closed_ms = 0;
                    let mut moved = episode.moved(key, rule, seen, place);
                    moved.again = true;
                    moves.push(Move::Opened(moved));
                }
            }
            (_, Seen::Holds(_) | Seen::Between { .. }) => episode.count(delta),
            (EpisodeState::Open, Seen::Over) => {
                episode.state = EpisodeState::Closed;
                episode.present = None;
                moves.push(Move::Closed(episode.moved(key, rule, seen, place)));
            }
            (_, Seen::Over) => drop(ledger.episodes.remove(&key)),
        }
    }
    if let (Some(key), Seen::Between { .. }) = (&here, seen)
        && let Some(episode) = ledger.episodes.get_mut(key)
    {
        episode.present = None;
    }
    if let (Some(key), Seen::Holds(condition)) = (here, seen) {
        if !ledger.episodes.contains_key(&key) {
            let opened = ledger.next();
            ledger.episodes.insert(key.clone(), Episode::new(opened, now));
        }
        if let Some(episode) = ledger.episodes.get_mut(&key) {
            episode.see(condition);
            let threshold = threshold.map_or(0, |threshold| millis(threshold.get()));
            if episode.state == EpisodeState::Waiting && episode.present_ms >= threshold {
                episode.state = EpisodeState::Open;
                moves.push(Move::Opened(episode.moved(key, rule, seen, place)));
            }
        }
    }
    moves
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Episode {
    /// What the log says of it.
    pub(super) fn moved(
        &self,
        key: String,
        rule: ReactionKey,
        seen: &Seen,
        place: Option<&RulePlace>,
    ) -> ReactionMoved {
        let mut moved = ReactionMoved::new(key, rule);
        if let Seen::Holds(condition) = seen {
            moved.reason.clone_from(&condition.reason);
        }
        (moved.actions, moved.elapsed_ms) = (self.attempts, self.elapsed_ms);
        moved.escalated = self.escalated.is_some();
        moved.rule = place.cloned();
        moved
    }

    /// Time that somebody watched has passed.
    fn count(&mut self, delta: u64) {
        if self.present.is_some() {
            self.present_ms = self.present_ms.saturating_add(delta);
        }
        if self.state == EpisodeState::Open {
            self.elapsed_ms = self.elapsed_ms.saturating_add(delta);
            self.since_action_ms = self.since_action_ms.saturating_add(delta);
        }
    }

    /// The condition holds, and this is seen of it.
    fn see(&mut self, condition: &Condition) {
        if self.present.as_ref() == Some(&condition.fingerprint) {
            return;
        }
        self.present = Some(condition.fingerprint.clone());
        self.present_ms = 0;
        let occurrence = self.occurrence(&condition.fingerprint);
        // What was not acted on yet has nothing to come again after.
        occurrence.again |= occurrence.stage == Stage::Done;
    }

    fn knows(&self, condition: &Condition) -> bool {
        self.occurrences.iter().any(|occurrence| occurrence.fingerprint == condition.fingerprint)
    }
}
