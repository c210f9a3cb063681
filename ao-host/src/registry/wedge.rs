//! Whether a library's runtime answers at all. Pure: a call that came to no end makes it suspect, and what it answers
//! to a probe decides for all its instances.

use std::time::Duration;

use ao_core::model::Timestamp;

use super::breaker::{left, rest};

/// What is known of a library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answers {
    /// Nothing speaks against it.
    Presumably,
    /// A call came to no end.
    Suspect,
    /// It did not answer a probe; the next is due then.
    Not { since: Timestamp, until: Timestamp, rest: Duration, probes: u32 },
}

/// What a call has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Go.
    Free,
    /// Probe first.
    Probe,
    /// Give up.
    Blocked { retry_after: Duration },
}

impl Answers {
    pub(super) fn way(self, now: Timestamp) -> Way {
        match self {
            Self::Presumably => Way::Free,
            Self::Suspect => Way::Probe,
            Self::Not { until, rest, .. } => {
                left(until, rest, now).map_or(Way::Probe, |retry_after| Way::Blocked { retry_after })
            }
        }
    }

    /// After a call that came to no end.
    pub(super) fn timed_out(self) -> Self {
        if self == Self::Presumably { Self::Suspect } else { self }
    }

    /// After a probe that was not answered.
    pub(super) fn silent(self, now: Timestamp, chance: u8) -> Self {
        let (since, probes) = match self {
            Self::Not { since, probes, .. } => (since, probes.saturating_add(1)),
            Self::Presumably | Self::Suspect => (now, 0),
        };
        let rest = rest(probes, chance);
        Self::Not { since, until: now.after(rest), rest, probes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_library_is_probed_at_longer_and_longer_intervals() {
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1000);
        assert_eq!(Answers::Presumably.way(at(0)), Way::Free);
        let suspect = Answers::Presumably.timed_out();
        assert_eq!(suspect.way(at(0)), Way::Probe);
        let silent = suspect.silent(at(0), 0);
        assert!(matches!(silent.way(at(5)), Way::Blocked { retry_after } if retry_after < Duration::from_secs(5)));
        assert_eq!(silent.timed_out(), silent, "it is known already");
        assert_eq!(silent.way(at(10)), Way::Probe);
        let again = silent.silent(at(10), 0);
        assert!(matches!(again, Answers::Not { since, probes: 1, .. } if since == at(0)));
        assert!(matches!(again.way(at(20)), Way::Blocked { .. }));
    }
}
