//! What is done when a host starts and once a day.

use std::time::Duration;

use ao_core::model::Timestamp;

const EVERY: Duration = Duration::from_hours(24);

/// When it was begun last; none since the host was started.
#[derive(Debug, Default)]
pub(super) struct Daily(Option<Timestamp>);

impl Daily {
    /// Whether it is time, which then counts as begun: a day later by the clock of the machine, which goes on while a
    /// machine sleeps. One that was set back counts from there.
    pub(super) fn is_due(&mut self, now: Timestamp) -> bool {
        let due = self.0.is_none_or(|begun| now < begun || now.since(begun) >= EVERY);
        if due {
            self.0 = Some(now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_the_start_and_once_a_day() {
        let at = |hours: i64| Timestamp::from_millis(hours * 3_600_000);
        let mut daily = Daily::default();
        let due: Vec<_> = [0, 1, 23, 24, 30, 48].into_iter().filter(|hours| daily.is_due(at(*hours))).collect();
        assert_eq!(due, [0, 24, 48]);
        assert!(daily.is_due(at(3)), "the clock was set back");
        assert!(!daily.is_due(at(26)) && daily.is_due(at(27)));
    }
}
