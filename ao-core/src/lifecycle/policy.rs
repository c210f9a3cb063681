//! The limits that decisions about sessions depend on.

use std::time::Duration;

use crate::model::Timestamp;
use crate::model::facts::Session;

/// The limits that the status depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// A host looks at everything at least this often.
    pub resync: Duration,
    /// An agent that has waited for a message for longer is idle.
    pub idle_after: Duration,
    /// An agent that has made no progress for longer is stuck.
    pub stuck_after: Duration,
    /// A doubt whether an agent lives ends after this time…
    pub doubt_for: Duration,
    /// …or after so many looks, whichever is first.
    pub doubt_probes: u32,
    /// Looks that follow each other more closely count once: a burst of wake-ups is no evidence.
    pub doubt_spacing: Duration,
    /// Something that only looks like a question is one when it was seen in so many looks in a row.
    pub sightings: u32,
    /// An observation older than this is stale.
    pub stale_after: Duration,
    /// What an agent says of itself counts for so long…
    pub report_fresh: Duration,
    /// …and may be so far ahead, as clocks differ.
    pub report_ahead: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        let resync = Duration::from_secs(30);
        Self {
            resync,
            idle_after: minutes(5),
            stuck_after: minutes(10),
            doubt_for: minutes(5),
            doubt_probes: 3,
            doubt_spacing: Duration::from_secs(5),
            sightings: 2,
            stale_after: 3 * resync,
            report_fresh: minutes(5),
            report_ahead: minutes(1),
        }
    }
}

impl Policy {
    /// The same, with what is configured for a session.
    #[must_use]
    pub fn of(&self, session: &Session) -> Self {
        let stuck_after = session.stuck_after_ms.map_or(self.stuck_after, Duration::from_millis);
        Self { stuck_after, idle_after: self.idle_after.min(stuck_after), ..*self }
    }

    /// How much of the time since `earlier` counts towards a limit: a machine that slept, or a clock that jumped, adds at
    /// most two resyncs, and one that jumped back nothing.
    #[must_use]
    pub fn counted(&self, earlier: Timestamp, now: Timestamp) -> Duration {
        now.since(earlier).min(2 * self.resync)
    }

    /// Whether an observation is too old to be relied on.
    #[must_use]
    pub fn is_stale(&self, observed_at: Timestamp, now: Timestamp) -> bool {
        now.since(observed_at) > self.stale_after
    }
}
