//! What follows from a process that has ended, or of which nobody knows, and since when a state is so.

use ao_core::model::Timestamp;
use ao_core::slots::agent::{Activity, ActivityState, Strength};
use ao_core::slots::runtime::Liveness;
use serde::{Deserialize, Serialize};

/// What a runtime's word on a process leaves to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life<'a> {
    /// It lives: what it is doing has to be looked at.
    Alive,
    /// It has ended, whatever else is seen of it.
    Ended {
        /// How that was found.
        source: &'static str,
        /// An exit status proves it; that the process is not there may be a mistake.
        strength: Strength,
    },
    /// Nobody knows, and why: no state is made up.
    Unclear(&'a str),
}

impl<'a> Life<'a> {
    /// Of an agent.
    #[must_use]
    pub fn of(liveness: &'a Liveness) -> Self {
        match liveness {
            Liveness::Alive => Self::Alive,
            Liveness::Dead { exit: Some(_) } => Self::Ended { source: "exit status", strength: Strength::Strong },
            Liveness::Dead { exit: None } => Self::Ended { source: "process", strength: Strength::Weak },
            unclear => Self::Unclear(match unclear.doubt() {
                "" => "nobody knows whether it lives",
                doubt => doubt,
            }),
        }
    }
}

/// A state and its beginning, for a cursor: what only a screen tells has no time of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lasting {
    /// The state that was reported.
    pub state: ActivityState,
    /// Since when.
    pub since: Timestamp,
}

impl Lasting {
    /// The state of this look: since `at` where its source says so, else since the look that saw it first, else since now.
    #[must_use]
    pub fn now(last: Option<Self>, state: ActivityState, at: Option<Timestamp>, now: Timestamp) -> Self {
        let lasted = last.filter(|last| last.state == state).map(|last| last.since);
        Self { state, since: at.or(lasted).unwrap_or(now).min(now) }
    }

    /// As an observation says it.
    #[must_use]
    pub fn activity(self, source: &str, strength: Strength) -> Activity {
        Activity::new(self.state, source, strength, self.since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_lasts_until_it_changes() {
        use ActivityState::{Active, Ready};
        let at = Timestamp::from_millis;
        let first = Lasting::now(None, Active, None, at(5));
        assert_eq!(first, Lasting { state: Active, since: at(5) });
        assert_eq!(Lasting::now(Some(first), Active, None, at(9)), first);
        assert_eq!(Lasting::now(Some(first), Ready, None, at(9)).since, at(9));
        assert_eq!(Lasting::now(Some(first), Ready, Some(at(7)), at(9)).since, at(7));
        assert_eq!(Lasting::now(None, Ready, Some(at(11)), at(9)).since, at(9), "no clock is ahead of the host's");
    }

    #[test]
    fn what_nobody_knows_is_said() {
        assert_eq!(Life::of(&Liveness::Alive), Life::Alive);
        assert_eq!(Life::of(&Liveness::Unknown { why: "no tmux".to_owned() }), Life::Unclear("no tmux"));
        assert_eq!(Life::of(&Liveness::Unknown { why: String::new() }), Life::Unclear("nobody knows whether it lives"));
        let dead = Life::of(&Liveness::Dead { exit: None });
        assert_eq!(dead, Life::Ended { source: "process", strength: Strength::Weak });
    }
}
