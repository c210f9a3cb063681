//! When the process of a library that ended may be started again.

use std::time::{Duration, Instant};

/// How long the second start in a row waits.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// A process that lived this long was healthy: its end is the first one again.
const HEALTHY: Duration = Duration::from_mins(1);

/// The ends of a library's processes, one soon after the other.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    in_a_row: u32,
    not_before: Option<Instant>,
}

impl Backoff {
    /// Learns that a process that began at `began` has ended `now`.
    pub(super) fn ended(&mut self, began: Instant, now: Instant) {
        if now.saturating_duration_since(began) >= HEALTHY {
            self.in_a_row = 0;
        }
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.not_before = Some(now + wait(self.in_a_row));
    }

    /// How long the next start has to wait yet, if it has to.
    pub(super) fn remaining(&self, now: Instant) -> Option<Duration> {
        let left = self.not_before?.saturating_duration_since(now);
        Some(left).filter(|left| !left.is_zero())
    }

    /// How often in a row it has ended.
    pub(super) fn in_a_row(&self) -> u32 {
        self.in_a_row
    }
}

/// After the first end none, then doubling.
fn wait(in_a_row: u32) -> Duration {
    match in_a_row {
        0 | 1 => Duration::ZERO,
        more => FIRST_WAIT.saturating_mul(2_u32.saturating_pow(more - 2)).min(LONGEST_WAIT),
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a point to count from")]
mod tests {
    use super::*;

    #[test]
    fn the_first_start_is_at_once_and_the_wait_doubles_to_its_bound() {
        let now = Instant::now();
        let mut backoff = Backoff::default();
        assert_eq!(backoff.remaining(now), None);
        let waits: Vec<_> = (0..12)
            .map(|_| {
                backoff.ended(now, now);
                backoff.remaining(now).unwrap_or_default().as_millis()
            })
            .collect();
        assert_eq!(waits, [0, 100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]);
        assert_eq!(backoff.in_a_row(), 12);
        assert_eq!(wait(u32::MAX), LONGEST_WAIT);
        assert_eq!(backoff.remaining(now + LONGEST_WAIT), None, "the wait ends");
    }

    #[test]
    fn a_long_life_is_forgiven() {
        let now = Instant::now();
        let mut backoff = Backoff::default();
        backoff.ended(now, now);
        backoff.ended(now, now + Duration::from_secs(59));
        assert_eq!(backoff.in_a_row(), 2);
        backoff.ended(now, now + HEALTHY);
        assert_eq!((backoff.in_a_row(), backoff.remaining(now + HEALTHY)), (1, None));
    }
}
