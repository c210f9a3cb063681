//! When a plugin that keeps failing is left alone. Pure: events and the time in, verdicts out.

use std::collections::VecDeque;
use std::time::Duration;

use ao_core::Code;
use ao_core::model::Timestamp;

/// So many failures in a row open the breaker.
pub(super) const FAILURES: u32 = 5;
/// How long it stays open the first time; each time that the trial fails, twice as long…
pub(super) const FIRST_REST: Duration = Duration::from_secs(10);
/// …up to this.
pub(super) const LONGEST_REST: Duration = Duration::from_mins(5);
/// So many panics…
pub(super) const PANICS: usize = 5;
/// …within this time disable the instance.
pub(super) const PANIC_WINDOW: Duration = Duration::from_mins(10);
/// When to ask again while a trial is under way.
const TRIAL: Duration = Duration::from_secs(1);

/// Whether this failure says that the plugin, or what is behind it, does not work: a refusal is an answer.
pub(super) fn counts(code: &Code) -> bool {
    [Code::UNAVAILABLE, Code::TIMEOUT, Code::PANIC, Code::LOST, Code::PROTOCOL].contains(code)
}

/// How a call ended, as far as a breaker cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// With an answer, or with an error that is one.
    Answered,
    /// With a failure that counts.
    Failed,
    /// With a panic, which counts twice: as a failure and by itself.
    Panicked,
    /// Nobody waited for its end.
    Dropped,
}

/// Where a breaker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Position {
    /// Calls pass.
    Closed,
    /// Calls are refused until then.
    Open { until: Timestamp, rest: Duration },
    /// One call is tried: the one with this number.
    HalfOpen { trial: Option<u64> },
    /// Calls are refused for good.
    Disabled,
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It passes.
    Go,
    /// It is refused; none is for good.
    Refuse { retry_after: Option<Duration> },
}

/// The breaker of one instance.
#[derive(Clone, Debug)]
pub(super) struct Breaker {
    position: Position,
    /// In a row.
    failures: u32,
    /// How often it has opened since it was closed.
    openings: u32,
    panics: VecDeque<Timestamp>,
    since: Timestamp,
}

impl Breaker {
    pub(super) fn new(now: Timestamp) -> Self {
        Self { position: Position::Closed, failures: 0, openings: 0, panics: VecDeque::new(), since: now }
    }

    pub(super) fn position(&self) -> Position {
        self.position
    }

    /// Since when it stands where it stands.
    pub(super) fn since(&self) -> Timestamp {
        self.since
    }

    /// How many calls have failed in a row.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// Whether calls pass and answers change nothing: what nearly every call finds, without a look at the clock.
    pub(super) fn is_quiet(&self) -> bool {
        self.position == Position::Closed && self.failures == 0
    }

    /// Decides about the call with this number.
    pub(super) fn admit(&mut self, call: u64, now: Timestamp) -> Verdict {
        match self.position {
            Position::Closed => Verdict::Go,
            Position::Disabled => Verdict::Refuse { retry_after: None },
            Position::Open { until, rest } => match left(until, rest, now) {
                Some(left) => Verdict::Refuse { retry_after: Some(left) },
                None => self.try_one(call, now),
            },
            Position::HalfOpen { trial: None } => self.try_one(call, now),
            Position::HalfOpen { trial: Some(_) } => Verdict::Refuse { retry_after: Some(TRIAL) },
        }
    }

    fn try_one(&mut self, call: u64, now: Timestamp) -> Verdict {
        if !matches!(self.position, Position::HalfOpen { .. }) {
            self.since = now;
        }
        self.position = Position::HalfOpen { trial: Some(call) };
        Verdict::Go
    }

    /// Learns how a call ended. `chance` spreads the rests of many, so that they do not all end at once.
    pub(super) fn ended(&mut self, call: u64, ended: Ended, now: Timestamp, chance: u8) {
        if ended == Ended::Panicked && self.panicked(now) {
            self.failures = self.failures.saturating_add(1);
            return self.stand(Position::Disabled, now);
        }
        match self.position {
            Position::Closed => match ended {
                Ended::Answered => self.failures = 0,
                Ended::Dropped => {}
                Ended::Failed | Ended::Panicked => {
                    self.failures = self.failures.saturating_add(1);
                    if self.failures >= FAILURES {
                        self.open(now, chance);
                    }
                }
            },
            Position::HalfOpen { trial } if trial == Some(call) => match ended {
                Ended::Answered => {
                    (self.failures, self.openings) = (0, 0);
                    self.stand(Position::Closed, now);
                }
                Ended::Dropped => self.position = Position::HalfOpen { trial: None },
                Ended::Failed | Ended::Panicked => {
                    self.failures = self.failures.saturating_add(1);
                    self.open(now, chance);
                }
            },
            // Calls that were under way when it opened say nothing new.
            Position::HalfOpen { .. } | Position::Open { .. } | Position::Disabled => {}
        }
    }

    /// Whether that was one panic too many.
    fn panicked(&mut self, now: Timestamp) -> bool {
        self.panics.push_back(now);
        self.panics.retain(|at| now.since(*at) < PANIC_WINDOW);
        self.panics.len() >= PANICS
    }

    fn open(&mut self, now: Timestamp, chance: u8) {
        let rest = rest(self.openings, chance);
        self.openings = self.openings.saturating_add(1);
        self.stand(Position::Open { until: now.after(rest), rest }, now);
    }

    fn stand(&mut self, position: Position, now: Timestamp) {
        if self.position != position {
            (self.position, self.since) = (position, now);
        }
    }
}

/// How long to leave something alone after so many attempts before, give or take a tenth.
pub(super) fn rest(attempts: u32, chance: u8) -> Duration {
    let whole = FIRST_REST.saturating_mul(1 << attempts.min(10)).min(LONGEST_REST);
    // 230 to 281 of 256.
    let part = 230 + u32::from(chance) / 5;
    (whole * part / 256).min(LONGEST_REST)
}

/// How long until then. A clock that was set back does not make it longer than it was meant to be.
pub(super) fn left(until: Timestamp, rest: Duration, now: Timestamp) -> Option<Duration> {
    let left = until.since(now);
    (left > Duration::ZERO && left <= rest).then_some(left)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    /// A breaker that has just opened, at second 0.
    fn opened() -> Breaker {
        let mut breaker = Breaker::new(at(0));
        for call in 0..u64::from(FAILURES) {
            assert_eq!(breaker.admit(call, at(0)), Verdict::Go);
            breaker.ended(call, Ended::Failed, at(0), 128);
        }
        breaker
    }

    #[test]
    fn only_failures_of_the_plugin_count() {
        let counted: Vec<_> = Code::ALL.iter().filter(|code| counts(code)).map(Code::as_str).collect();
        assert_eq!(counted, ["unavailable", "timeout", "panic", "lost", "protocol"]);
    }

    #[test]
    fn five_in_a_row_open_it_and_an_answer_in_between_does_not() {
        let mut breaker = Breaker::new(at(0));
        for call in 0..100 {
            let ended = if call % 5 == 4 { Ended::Answered } else { Ended::Failed };
            breaker.ended(call, ended, at(0), 0);
        }
        assert_eq!(breaker.position(), Position::Closed);
        assert!(matches!(opened().position(), Position::Open { .. }));
        assert_eq!(opened().failures(), 5);
    }

    #[test]
    fn one_call_is_tried_and_decides() {
        let mut breaker = opened();
        assert!(matches!(breaker.admit(10, at(5)), Verdict::Refuse { retry_after: Some(left) } if left > TRIAL));
        assert_eq!(breaker.admit(11, at(11)), Verdict::Go);
        assert_eq!(breaker.admit(12, at(11)), Verdict::Refuse { retry_after: Some(TRIAL) });
        // One that was under way before decides nothing.
        breaker.ended(3, Ended::Answered, at(11), 0);
        assert_eq!(breaker.position(), Position::HalfOpen { trial: Some(11) });
        breaker.ended(11, Ended::Dropped, at(11), 0);
        assert_eq!(breaker.admit(13, at(12)), Verdict::Go);
        breaker.ended(13, Ended::Answered, at(12), 0);
        assert!(breaker.is_quiet());
        assert_eq!(breaker.since(), at(12));
    }

    #[test]
    fn rests_double_up_to_five_minutes() {
        let mut breaker = opened();
        let mut now = at(0);
        let mut rests = Vec::new();
        for call in 100..108 {
            let Position::Open { until, rest } = breaker.position() else { panic!("{breaker:?}") };
            rests.push(rest.as_secs_f64().round());
            now = now.max(until);
            assert_eq!(breaker.admit(call, now), Verdict::Go);
            breaker.ended(call, Ended::Failed, now, 128);
        }
        assert_eq!(
            rests,
            [10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0, 300.0].map(|rest: f64| (rest * 255.0 / 256.0).round())
        );
    }

    #[test]
    fn five_panics_in_ten_minutes_disable_it_for_good() {
        let mut breaker = Breaker::new(at(0));
        for call in 0..5 {
            breaker.ended(call, Ended::Answered, at(0), 0);
            breaker.ended(call, Ended::Panicked, at(i64::try_from(call).unwrap() * 60), 0);
        }
        assert_eq!(breaker.position(), Position::Disabled);
        assert_eq!(breaker.admit(9, at(1_000_000)), Verdict::Refuse { retry_after: None });
        let mut slower = Breaker::new(at(0));
        for call in 0..20 {
            slower.ended(call, Ended::Answered, at(0), 0);
            slower.ended(call, Ended::Panicked, at(i64::try_from(call).unwrap() * 200), 0);
        }
        assert_eq!(slower.position(), Position::Closed, "four within ten minutes, again and again");
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_keep_it_open() {
        let mut breaker = opened();
        assert_eq!(breaker.admit(1, at(-1_000_000)), Verdict::Go);
    }

    proptest! {
        #[test]
        fn at_most_one_call_is_under_way_unless_it_is_closed(
            steps in proptest::collection::vec((0u8..5, 0i64..400, any::<u8>()), 0..200),
        ) {
            let mut breaker = Breaker::new(at(0));
            let (mut now, mut next, mut trials) = (at(0), 0_u64, Vec::new());
            for (step, pause, chance) in steps {
                now = now.after(Duration::from_secs(pause.unsigned_abs()));
                if step == 0 {
                    next += 1;
                    let was_closed = breaker.position() == Position::Closed;
                    if breaker.admit(next, now) == Verdict::Go && !was_closed {
                        trials.push(next);
                    }
                } else {
                    let ended = [Ended::Answered, Ended::Failed, Ended::Panicked, Ended::Dropped][usize::from(step) - 1];
                    breaker.ended(trials.pop().unwrap_or(next), ended, now, chance);
                }
                prop_assert!(trials.len() <= 1);
                if let Position::Open { until, rest } = breaker.position() {
                    prop_assert!(rest <= LONGEST_REST && until.since(breaker.since()) <= LONGEST_REST);
                    prop_assert!(breaker.failures() >= FAILURES);
                }
            }
        }
    }
}
