//! What is to be looked at, and when: a queue in which every key stands once. Pure but for the time that it is handed, which
//! is counted from the engine's start and never jumps.

use std::collections::BTreeMap;
use std::time::Duration;

/// The first wait after a failure; it doubles with each further one…
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// …up to this.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// The longest wait that somebody may ask for.
const LONGEST_REST: Duration = Duration::from_mins(15);

/// Keys with the time at which each is due.
#[derive(Debug)]
pub(super) struct Queue<K> {
    due: BTreeMap<K, Duration>,
    failures: BTreeMap<K, u32>,
}

impl<K> Default for Queue<K> {
    fn default() -> Self {
        Self { due: BTreeMap::new(), failures: BTreeMap::new() }
    }
}

impl<K: Ord + Clone> Queue<K> {
    /// Asks for a key at a time. The earlier of two times counts.
    pub(super) fn add(&mut self, key: K, at: Duration) {
        let due = self.due.entry(key).or_insert(at);
        *due = (*due).min(at);
    }

    /// The same, unless the key waits out a failure: what failed is not asked more often because somebody looks again.
    pub(super) fn add_unless_failed(&mut self, key: K, at: Duration) {
        if !(self.failures.contains_key(&key) && self.due.contains_key(&key)) {
            self.add(key, at);
        }
    }

    /// Takes what is due out, as far as it is `free`; the rest stays, and is due when it is.
    pub(super) fn take_due(&mut self, now: Duration, free: impl Fn(&K) -> bool) -> Vec<K> {
        let due: Vec<K> =
            self.due.iter().filter(|(key, at)| **at <= now && free(key)).map(|(key, _)| key.clone()).collect();
        for key in &due {
            self.due.remove(key);
        }
        due
    }

    /// When the next key that is `free` is due.
    pub(super) fn next(&self, free: impl Fn(&K) -> bool) -> Option<Duration> {
        self.due.iter().filter(|(key, _)| free(key)).map(|(_, at)| *at).min()
    }

    /// Asks for a key again after a failure: later each time, not all keys at once, and not before `at_least` has passed.
    /// `chance` is from 0 to 255.
    pub(super) fn failed(&mut self, key: K, now: Duration, chance: u8, at_least: Duration) {
        let failures = self.failures.entry(key.clone()).or_default();
        let wait = FIRST_WAIT.saturating_mul(1 << (*failures).min(10)).min(LONGEST_WAIT);
        *failures = failures.saturating_add(1);
        // Between three quarters and the whole of it.
        let wait = (wait * 3 / 4 + wait * u32::from(chance) / 1024).max(at_least.min(LONGEST_REST));
        self.add(key, now + wait);
    }

    /// A key went well: its next failure is its first.
    pub(super) fn went_well(&mut self, key: &K) {
        self.failures.remove(key);
    }

    /// Forgets keys that are gone.
    pub(super) fn retain(&mut self, keep: impl Fn(&K) -> bool) {
        self.due.retain(|key, _| keep(key));
        self.failures.retain(|key, _| keep(key));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_key_stands_once_at_its_earliest_time() {
        let mut queue = Queue::default();
        queue.add("a", seconds(5));
        queue.add("a", seconds(2));
        queue.add("a", seconds(9));
        queue.add("b", seconds(3));
        assert_eq!(queue.next(|_| true), Some(seconds(2)));
        assert_eq!(queue.take_due(seconds(1), |_| true), Vec::<&str>::new());
        assert_eq!(queue.take_due(seconds(4), |key| *key != "a"), ["b"]);
        assert_eq!(queue.next(|key| *key != "a"), None, "what is busy wakes nobody");
        assert_eq!(queue.take_due(seconds(4), |_| true), ["a"]);
        assert_eq!(queue.next(|_| true), None);
    }

    #[test]
    fn failures_wait_longer_each_time_up_to_a_resync() {
        let mut queue = Queue::default();
        let mut waits = Vec::new();
        for _ in 0..8 {
            queue.failed("a", Duration::ZERO, 255, Duration::ZERO);
            waits.push(queue.next(|_| true).unwrap().as_secs_f32().round());
            queue.take_due(seconds(60), |_| true);
        }
        assert_eq!(waits, [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]);
        queue.went_well(&"a");
        queue.failed("a", Duration::ZERO, 0, Duration::ZERO);
        assert_eq!(queue.next(|_| true), Some(Duration::from_millis(750)));
    }

    #[test]
    fn who_asks_for_rest_gets_it() {
        let mut queue = Queue::default();
        queue.failed("a", Duration::ZERO, 0, seconds(60));
        queue.add_unless_failed("a", seconds(1));
        assert_eq!(queue.next(|_| true), Some(seconds(60)));
        assert_eq!(queue.take_due(seconds(60), |_| true), ["a"]);
        queue.add_unless_failed("a", seconds(61));
        assert_eq!(queue.next(|_| true), Some(seconds(61)), "it does not wait any more");
        queue.failed("a", seconds(70), 0, seconds(1_000_000));
        assert_eq!(queue.take_due(seconds(61), |_| true), ["a"], "the earlier of two times counts");
        queue.failed("a", Duration::ZERO, 0, seconds(1_000_000));
        assert_eq!(queue.next(|_| true), Some(Duration::from_mins(15)), "nobody rests for good");
    }

    proptest! {
        #[test]
        fn whatever_is_asked_for_comes_once(keys in proptest::collection::vec((0..20_u8, 0..100_u64), 0..200)) {
            let mut queue = Queue::default();
            for (key, at) in &keys {
                queue.add(*key, seconds(*at));
            }
            let mut wanted: Vec<u8> = keys.iter().map(|(key, _)| *key).collect();
            wanted.sort_unstable();
            wanted.dedup();
            prop_assert_eq!(queue.take_due(seconds(100), |_| true), wanted);
            prop_assert_eq!(queue.next(|_| true), None);
        }
    }
}
