//! The breakers of an instance: one a method, since what fails may be one repository or one agent and what the other
//! methods ask for is fine; and one for the panics of all of them. Pure, as each of them is.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use ao_core::model::Timestamp;

use super::breaker::{Breaker, Ended, Position, Verdict};
use super::condition::ConditionState;

/// So many panics…
pub(super) const PANICS: usize = 5;
/// …within this time disable the instance.
pub(super) const PANIC_WINDOW: Duration = Duration::from_mins(10);

/// Why a call is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Its method has failed too often.
    Rests { retry_after: Duration, failures: u32, why: String },
    /// The instance has panicked too often.
    Disabled { why: String },
}

/// How an instance is doing: as its worst method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) state: ConditionState,
    pub(super) since: Timestamp,
    pub(super) retry_at: Option<Timestamp>,
    pub(super) why: String,
    pub(super) failures: u32,
}

/// A method that has failed, with its last failure.
#[derive(Clone, Debug)]
struct Failing {
    breaker: Breaker,
    why: String,
}

/// The breakers of one instance.
#[derive(Clone, Debug)]
pub(super) struct Breakers {
    /// Those that are not quiet.
    methods: BTreeMap<&'static str, Failing>,
    panics: VecDeque<Timestamp>,
    /// The last call that was made before the last panic was learned.
    known: u64,
    /// Since when it is disabled, and by what.
    disabled: Option<(Timestamp, String)>,
    /// Since when nothing is wrong, where nothing is.
    since: Timestamp,
}

impl Breakers {
    pub(super) fn new(now: Timestamp) -> Self {
        Self { methods: BTreeMap::new(), panics: VecDeque::new(), known: 0, disabled: None, since: now }
    }

    /// Whether calls pass and answers change nothing: what nearly every call finds, without a look at the clock.
    pub(super) fn is_quiet(&self) -> bool {
        self.methods.is_empty() && self.disabled.is_none()
    }

    /// Decides about a call of a method.
    pub(super) fn admit(&mut self, method: &'static str, call: u64, now: Timestamp) -> Result<(), Refusal> {
        if let Some((_, why)) = &self.disabled {
            return Err(Refusal::Disabled { why: why.clone() });
        }
        let Some(failing) = self.methods.get_mut(method) else { return Ok(()) };
        match failing.breaker.admit(call, now) {
            Verdict::Go => Ok(()),
            Verdict::Refuse { retry_after } => {
                Err(Refusal::Rests { retry_after, failures: failing.breaker.failures(), why: failing.why.clone() })
            }
        }
    }

    /// Learns how a call of a method ended, when calls up to the number `newest` had been made, and why it failed.
    pub(super) fn ended(&mut self, method: &'static str, call: u64, end: End, newest: u64, now: Timestamp) {
        let End { ended, why, chance } = end;
        if ended == Ended::Panicked && call > self.known {
            self.known = newest;
            self.panics.push_back(now);
            self.panics.retain(|at| now.since(*at) < PANIC_WINDOW);
            if self.panics.len() >= PANICS && self.disabled.is_none() {
                self.disabled = Some((now, why.clone()));
            }
        }
        let failed = matches!(ended, Ended::Failed | Ended::Panicked);
        if !failed && !self.methods.contains_key(method) {
            return;
        }
        let new = || Failing { breaker: Breaker::new(now), why: String::new() };
        let failing = self.methods.entry(method).or_insert_with(new);
        if failed {
            failing.why = why;
        }
        failing.breaker.ended(call, ended, newest, now, chance);
        if failing.breaker.is_quiet() {
            self.methods.remove(method);
            self.since = now;
        }
    }

    /// Where the breaker of a method stands.
    pub(super) fn position(&self, method: &str) -> Position {
        self.methods.get(method).map_or(Position::Closed, |failing| failing.breaker.position())
    }

    /// Whether the instance is disabled.
    pub(super) fn is_disabled(&self) -> bool {
        self.disabled.is_some()
    }

    /// How the instance is doing.
    pub(super) fn standing(&self) -> Standing {
        let failures = self.methods.values().map(|failing| failing.breaker.failures()).max().unwrap_or_default();
        if let Some((since, why)) = &self.disabled {
            let (state, why) = (ConditionState::Disabled, why.clone());
            return Standing { state, since: *since, retry_at: None, why, failures };
        }
        let of = |failing: &Failing| {
            let (state, retry_at) = match failing.breaker.position() {
                Position::Closed => (ConditionState::Closed, None),
                Position::HalfOpen { .. } => (ConditionState::HalfOpen, None),
                Position::Open { until, .. } => (ConditionState::Open, Some(until)),
            };
            let (since, why) = match state {
                ConditionState::Closed => (self.since, String::new()),
                _ => (failing.breaker.since(), failing.why.clone()),
            };
            Standing { state, since, retry_at, why, failures: failing.breaker.failures() }
        };
        let fine = Standing {
            state: ConditionState::Closed,
            since: self.since,
            retry_at: None,
            why: String::new(),
            failures: 0,
        };
        let worst = self.methods.values().map(of).max_by_key(|standing| (standing.state, standing.failures));
        worst.unwrap_or(fine)
    }
}

/// How a call ended: with what, why it failed (empty where it did not), and a chance to spread rests by.
#[derive(Clone, Debug)]
pub(super) struct End {
    pub(super) ended: Ended,
    pub(super) why: String,
    pub(super) chance: u8,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn end(breakers: &mut Breakers, method: &'static str, call: u64, ended: Ended, now: Timestamp) {
        let why = format!("call {call} of `{method}`");
        breakers.ended(method, call, End { ended, why, chance: 128 }, call, now);
    }

    #[test]
    fn a_method_that_fails_rests_alone_and_the_worst_is_shown() {
        let mut breakers = Breakers::new(at(0));
        assert!(breakers.is_quiet());
        for call in 1..=5 {
            end(&mut breakers, "send", call, Ended::Failed, at(1));
        }
        let refused = breakers.admit("send", 6, at(2)).unwrap_err();
        assert!(matches!(refused, Refusal::Rests { failures: 5, ref why, .. } if why == "call 5 of `send`"));
        assert_eq!(breakers.admit("observe", 7, at(2)), Ok(()));
        // Other methods' answers and failures change nothing of it.
        end(&mut breakers, "observe", 7, Ended::Answered, at(2));
        end(&mut breakers, "destroy", 8, Ended::Failed, at(3));
        let standing = breakers.standing();
        assert_eq!((standing.state, standing.since, standing.failures), (ConditionState::Open, at(1), 5));
        assert_eq!(standing.why, "call 5 of `send`");
        // It recovers; the other's one failure is nothing yet.
        assert_eq!(breakers.admit("send", 9, at(20)), Ok(()));
        assert_eq!(breakers.standing().state, ConditionState::HalfOpen);
        end(&mut breakers, "send", 9, Ended::Answered, at(21));
        let standing = breakers.standing();
        assert_eq!((standing.state, standing.since, standing.why.as_str()), (ConditionState::Closed, at(21), ""));
        end(&mut breakers, "destroy", 10, Ended::Answered, at(22));
        assert!(breakers.is_quiet());
    }

    #[test]
    fn five_panics_in_ten_minutes_disable_it_for_good() {
        let mut breakers = Breakers::new(at(0));
        for (call, method) in (1..).zip(["get", "list", "get", "close", "get"]) {
            end(&mut breakers, method, call, Ended::Panicked, at(i64::try_from(call).unwrap() * 60));
        }
        assert!(breakers.is_disabled());
        let disabled = Refusal::Disabled { why: "call 5 of `get`".to_owned() };
        assert_eq!(breakers.admit("create", 9, at(1_000_000)), Err(disabled));
        assert_eq!(breakers.standing().state, ConditionState::Disabled);
        let mut slower = Breakers::new(at(0));
        for call in 1..=20 {
            end(&mut slower, "get", 2 * call - 1, Ended::Answered, at(0));
            end(&mut slower, "get", 2 * call, Ended::Panicked, at(i64::try_from(call).unwrap() * 200));
        }
        assert!(!slower.is_disabled(), "four within ten minutes, again and again");
        // One event that many calls were under way in is one panic.
        let mut together = Breakers::new(at(0));
        for call in 1..=50 {
            let end = End { ended: Ended::Panicked, why: String::new(), chance: 0 };
            together.ended("get", call, end, 50, at(0));
        }
        assert!(!together.is_disabled());
    }
}
