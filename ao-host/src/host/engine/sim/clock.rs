//! The clock on the wall of a simulated machine: it goes with the runtime's paused time, and somebody may put it elsewhere.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use ao_core::model::Timestamp;
use tokio::time::Instant;

use crate::world::Clock;

/// Begins at 2026-01-01T00:00:00Z.
pub(super) struct WallClock {
    began: Instant,
    offset: AtomicI64,
}

impl WallClock {
    pub(super) fn new() -> Self {
        Self { began: Instant::now(), offset: AtomicI64::new(1_767_225_600_000) }
    }

    /// Jumps, without any time passing for timers: somebody sets it, or the machine slept.
    pub(super) fn jump(&self, by_ms: i64) {
        self.offset.fetch_add(by_ms, Ordering::SeqCst);
    }

    /// What of the time passed for timers, too.
    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }
}

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        let passed = i64::try_from(self.elapsed().as_millis()).unwrap();
        Timestamp::from_millis(self.offset.load(Ordering::SeqCst) + passed)
    }
}
