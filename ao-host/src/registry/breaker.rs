//! When a method that keeps failing is left alone. Pure: events and the time in, verdicts out.

use std::time::Duration;

use ao_core::Code;
use ao_core::model::Timestamp;

/// So many failures in a row open the breaker.
pub(super) const FAILURES: u32 = 5;
/// How long it stays open the first time; each time that the trial fails, twice as long…
pub(super) const FIRST_REST: Duration = Duration::from_secs(10);
/// …up to this.
pub(super) const LONGEST_REST: Duration = Duration::from_mins(5);
/// How long others wait for a trial: it may be a call that takes ten minutes.
pub(super) const TRIAL: Duration = Duration::from_secs(5);

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
    /// Nobody waited for its end, or it says nothing about the plugin.
    Dropped,
}

/// Where a breaker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Position {
    /// Calls pass.
    Closed,
    /// Calls are refused until then.
    Open { until: Timestamp, rest: Duration },
    /// One call is tried: the one with this number, since then.
    HalfOpen { trial: Option<u64>, since: Timestamp },
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It passes.
    Go,
    /// It is refused.
    Refuse { retry_after: Duration },
}

/// The breaker of one method of an instance.
#[derive(Clone, Debug)]
pub(super) struct Breaker {
    position: Position,
    /// In a row.
    failures: u32,
    /// How often it has opened since it was closed.
    openings: u32,
    /// The last call that was made before the last counted failure was learned: those up to it may have failed of the
    /// same event, and count no more.
    known: u64,
    since: Timestamp,
}

impl Breaker {
    pub(super) fn new(now: Timestamp) -> Self {
        Self { position: Position::Closed, failures: 0, openings: 0, known: 0, since: now }
    }

    pub(super) fn position(&self) -> Position {
        self.position
    }

    /// Since when it stands where it stands.
    pub(super) fn since(&self) -> Timestamp {
        self.since
    }

    /// How many calls have failed in a row, those at the same time taken as one.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// Whether calls pass and answers change nothing.
    pub(super) fn is_quiet(&self) -> bool {
        self.position == Position::Closed && self.failures == 0
    }

    /// Decides about the call with this number.
    pub(super) fn admit(&mut self, call: u64, now: Timestamp) -> Verdict {
        let wait = match self.position {
            Position::Closed => return Verdict::Go,
            Position::Open { until, rest } => left(until, rest, now),
            Position::HalfOpen { trial: None, .. } => None,
            Position::HalfOpen { trial: Some(_), since } => left(since.after(TRIAL), TRIAL, now),
        };
        if let Some(retry_after) = wait {
            return Verdict::Refuse { retry_after };
        }
        if !matches!(self.position, Position::HalfOpen { .. }) {
            self.since = now;
        }
        self.position = Position::HalfOpen { trial: Some(call), since: now };
        Verdict::Go
    }

    /// Learns how a call ended, when calls up to the number `newest` had been made. `chance` spreads the rests of many,
    /// so that they do not all end at once.
    pub(super) fn ended(&mut self, call: u64, ended: Ended, newest: u64, now: Timestamp, chance: u8) {
        let failed = matches!(ended, Ended::Failed | Ended::Panicked);
        match self.position {
            Position::Closed if failed && call > self.known => {
                self.count(newest);
                if self.failures >= FAILURES {
                    self.open(now, chance);
                }
            }
            Position::Closed if ended == Ended::Answered => self.failures = 0,
            // Whichever call it was: the plugin answers.
            Position::HalfOpen { .. } if ended == Ended::Answered => {
                (self.failures, self.openings, self.position, self.since) = (0, 0, Position::Closed, now);
            }
            Position::HalfOpen { trial, since } if trial == Some(call) => {
                if failed {
                    self.count(newest);
                    self.open(now, chance);
                } else {
                    self.position = Position::HalfOpen { trial: None, since };
                }
            }
            // Calls that were under way when it opened say nothing new.
            Position::Closed | Position::HalfOpen { .. } | Position::Open { .. } => {}
        }
    }

    fn count(&mut self, newest: u64) {
        self.failures = self.failures.saturating_add(1);
        self.known = newest;
    }

    fn open(&mut self, now: Timestamp, chance: u8) {
        let rest = rest(self.openings, chance);
        self.openings = self.openings.saturating_add(1);
        (self.position, self.since) = (Position::Open { until: now.after(rest), rest }, now);
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

    /// Tells of a call's end when no later call had been made.
    fn ended(breaker: &mut Breaker, call: u64, ended: Ended, now: Timestamp, chance: u8) {
        breaker.ended(call, ended, call, now, chance);
    }

    /// A breaker that has just opened, at second 0.
    fn opened() -> Breaker {
        let mut breaker = Breaker::new(at(0));
        for call in 1..=u64::from(FAILURES) {
            assert_eq!(breaker.admit(call, at(0)), Verdict::Go);
            ended(&mut breaker, call, Ended::Failed, at(0), 128);
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
        for call in 1..=100 {
            let end = if call % 5 == 0 { Ended::Answered } else { Ended::Failed };
            ended(&mut breaker, call, end, at(0), 0);
        }
        assert_eq!(breaker.position(), Position::Closed);
        assert!(matches!(opened().position(), Position::Open { .. }));
        assert_eq!(opened().failures(), 5);
    }

    #[test]
    fn calls_that_fail_together_count_once() {
        let mut breaker = Breaker::new(at(0));
        for round in 0..4 {
            for call in 1..=100 {
                breaker.ended(round * 100 + call, Ended::Failed, round * 100 + 100, at(0), 0);
            }
        }
        assert_eq!((breaker.failures(), breaker.position()), (4, Position::Closed));
        breaker.ended(401, Ended::Failed, 401, at(0), 0);
        assert!(matches!(breaker.position(), Position::Open { .. }));
    }

    #[test]
    fn one_call_is_tried_and_decides() {
        let mut breaker = opened();
        assert!(matches!(breaker.admit(10, at(4)), Verdict::Refuse { retry_after } if retry_after > TRIAL));
        assert_eq!(breaker.admit(11, at(11)), Verdict::Go);
        assert_eq!(breaker.admit(12, at(12)), Verdict::Refuse { retry_after: Duration::from_secs(4) });
        // One that was under way before and fails decides nothing.
        ended(&mut breaker, 3, Ended::Failed, at(11), 0);
        assert_eq!(breaker.position(), Position::HalfOpen { trial: Some(11), since: at(11) });
        ended(&mut breaker, 11, Ended::Dropped, at(11), 0);
        assert_eq!(breaker.admit(13, at(12)), Verdict::Go);
        ended(&mut breaker, 13, Ended::Answered, at(12), 0);
        assert!(breaker.is_quiet());
        assert_eq!(breaker.since(), at(12));
    }

    #[test]
    fn a_long_trial_keeps_others_waiting_for_five_seconds() {
        // When a call asks, and whether it passes.
        let asked = [(11, true), (12, false), (15, false), (16, true), (17, false), (21, true)];
        let mut breaker = opened();
        for (call, (second, passes)) in (11..).zip(asked) {
            assert_eq!(breaker.admit(call, at(second)) == Verdict::Go, passes, "at second {second}");
        }
        // The first trial fails late: it was given up on. An answer of any of them closes it.
        ended(&mut breaker, 11, Ended::Failed, at(22), 0);
        assert_eq!(breaker.position(), Position::HalfOpen { trial: Some(16), since: at(21) });
        ended(&mut breaker, 14, Ended::Answered, at(22), 0);
        assert!(breaker.is_quiet());
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
            ended(&mut breaker, call, Ended::Failed, now, 128);
        }
        assert_eq!(
            rests,
            [10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0, 300.0].map(|rest: f64| (rest * 255.0 / 256.0).round())
        );
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_keep_it_open() {
        let mut breaker = opened();
        assert_eq!(breaker.admit(7, at(-1_000_000)), Verdict::Go);
        assert_eq!(breaker.admit(8, at(-2_000_000)), Verdict::Go, "nor a trial");
    }

    proptest! {
        #[test]
        fn unless_it_is_closed_calls_pass_one_by_one_and_five_seconds_apart(
            steps in proptest::collection::vec((0u8..5, 0i64..400, any::<u8>(), 0u64..4), 0..200),
        ) {
            let mut breaker = Breaker::new(at(0));
            let (mut now, mut next, mut last) = (at(0), 0_u64, None::<Timestamp>);
            for (step, pause, chance, back) in steps {
                now = now.after(Duration::from_millis(pause.unsigned_abs() * 50));
                if step == 0 {
                    next += 1;
                    let before = breaker.position();
                    if breaker.admit(next, now) == Verdict::Go && before != Position::Closed {
                        if let (Position::HalfOpen { trial: Some(_), .. }, Some(last)) = (before, last) {
                            prop_assert!(now.since(last) >= TRIAL);
                        }
                        last = Some(now);
                    }
                } else {
                    let before = (breaker.failures(), breaker.position());
                    let end = [Ended::Answered, Ended::Failed, Ended::Panicked, Ended::Dropped][usize::from(step) - 1];
                    breaker.ended(next.saturating_sub(back), end, next, now, chance);
                    prop_assert!(breaker.failures() <= before.0 + 1);
                    if end == Ended::Answered && matches!(before.1, Position::HalfOpen { .. }) {
                        prop_assert!(breaker.is_quiet());
                    }
                }
                if let Position::Open { until, rest } = breaker.position() {
                    prop_assert!(rest <= LONGEST_REST && until.since(breaker.since()) <= LONGEST_REST);
                    prop_assert!(breaker.failures() >= FAILURES);
                }
            }
        }
    }
}
