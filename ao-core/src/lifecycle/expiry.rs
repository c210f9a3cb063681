//! What of the trash is to go: what is older than it is kept for, and, where all of it is more than it may be, first the
//! ignored files of the oldest, then the oldest.

use std::time::Duration;

use crate::model::facts::{TrashItem, TrashState};
use crate::model::{SessionId, Timestamp};

/// How long things are kept, and how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrashPolicy {
    /// How long anything is kept.
    pub keep: Duration,
    /// The most that all directories may hold together, in bytes.
    pub quota: u64,
}

impl Default for TrashPolicy {
    fn default() -> Self {
        Self { keep: Duration::from_hours(30 * 24), quota: 10 * 1024 * 1024 * 1024 }
    }
}

/// One thing that is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal {
    /// Whose it is.
    pub session: SessionId,
    /// The item's id.
    pub item: String,
    /// What of it goes.
    pub what: Portion,
    /// Why.
    pub why: Because,
}

/// What of an item goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Portion {
    /// The files that git ignores.
    Ignored,
    /// Its directory; commits and saved files are kept.
    Directory,
    /// Everything.
    Everything,
}

/// Why something goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Because {
    /// It has been there for long enough.
    Age,
    /// There is too much.
    Quota,
    /// A human says so.
    Asked,
}

/// What is to go by now. What is being moved is left alone.
#[must_use]
pub fn expiry<'a>(
    items: impl IntoIterator<Item = (&'a SessionId, &'a TrashItem)>,
    policy: TrashPolicy,
    now: Timestamp,
) -> Vec<Removal> {
    let mut items: Vec<_> =
        items.into_iter().filter(|(_, item)| item.state.is_kept() && item.state != TrashState::Storing).collect();
    items.sort_by(|(_, one), (_, other)| (one.at, &one.id).cmp(&(other.at, &other.id)));
    let removal = |(session, item): &(&SessionId, &TrashItem), what, why| Removal {
        session: (*session).clone(),
        item: item.id.clone(),
        what,
        why,
    };
    let (old, kept): (Vec<_>, Vec<_>) = items.into_iter().partition(|(_, item)| now.since(item.at) >= policy.keep);
    let mut removals: Vec<_> = old.iter().map(|item| removal(item, Portion::Everything, Because::Age)).collect();
    let mut held: u64 = kept.iter().map(|(_, item)| item.bytes).sum();
    // Whose ignored files go, and then, of those, whose all goes.
    let (mut slimmed, mut gone) = (0, 0);
    while held > policy.quota && slimmed < kept.len() {
        held -= kept[slimmed].1.ignored_bytes.min(kept[slimmed].1.bytes);
        slimmed += 1;
    }
    while held > policy.quota && gone < kept.len() {
        let item = kept[gone].1;
        held -= item.bytes - item.ignored_bytes.min(item.bytes);
        gone += 1;
    }
    for (number, item) in kept.iter().enumerate().take(slimmed) {
        if number < gone && item.1.bytes > 0 {
            removals.push(removal(item, Portion::Directory, Because::Quota));
        } else if number >= gone && item.1.ignored_bytes > 0 {
            removals.push(removal(item, Portion::Ignored, Because::Quota));
        }
    }
    removals
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn item(id: &str, day: i64, bytes: u64, ignored: u64) -> TrashItem {
        let at = Timestamp::from_millis(day * 24 * 3600 * 1000);
        let mut item = TrashItem::new(id, at, "/worktrees/app/app-1", "/trash/app/x", TrashState::Stored);
        (item.bytes, item.ignored_bytes) = (bytes, ignored);
        item
    }

    fn due(items: &[TrashItem], quota: u64, day: i64) -> Vec<(String, Portion, Because)> {
        let session: SessionId = "app-1".parse().expect("id");
        let policy = TrashPolicy { quota, ..TrashPolicy::default() };
        let now = Timestamp::from_millis(day * 24 * 3600 * 1000);
        let due = expiry(items.iter().map(|item| (&session, item)), policy, now);
        due.into_iter().map(|removal| (removal.item, removal.what, removal.why)).collect()
    }

    #[test]
    fn age_first_then_ignored_files_then_the_oldest() {
        use Because::{Age, Quota};
        use Portion::{Directory, Everything, Ignored};
        let items = [item("c", 3, 10, 5), item("a", 1, 10, 4), item("b", 2, 10, 0)];
        assert_eq!(due(&items, 100, 5), []);
        assert_eq!(due(&items, 100, 31), [("a".into(), Everything, Age)]);
        assert_eq!(due(&items, 29, 5), [("a".into(), Ignored, Quota)]);
        assert_eq!(due(&items, 25, 5), [("a".into(), Ignored, Quota), ("c".into(), Ignored, Quota)]);
        assert_eq!(due(&items, 20, 5), [("a".into(), Directory, Quota), ("c".into(), Ignored, Quota)]);
        assert_eq!(
            due(&items, 0, 31),
            [("a".into(), Everything, Age), ("b".into(), Directory, Quota), ("c".into(), Directory, Quota)]
        );
    }

    #[test]
    fn what_is_on_its_way_or_gone_is_left_alone() {
        for state in [TrashState::Storing, TrashState::Restored, TrashState::Expired, TrashState::Unknown] {
            let mut other = item("a", 1, 10, 4);
            other.state = state;
            assert_eq!(due(&[other], 0, 1000), [], "{state:?}");
        }
    }

    proptest! {
        #[test]
        fn the_quota_is_kept_and_nothing_goes_for_nothing(
            sizes in proptest::collection::vec((0..100_u64, 0..100_u64), 0..20),
            quota in 0..2000_u64,
        ) {
            let items: Vec<_> =
                (0_i64..).zip(&sizes).map(|(day, (bytes, ignored))| item(&format!("{day:02}"), day, *bytes, *ignored)).collect();
            let due = due(&items, quota, 20);
            let after: u64 = items.iter().map(|item| {
                match due.iter().find(|(id, ..)| *id == item.id) {
                    None => item.bytes,
                    Some((_, Portion::Ignored, _)) => item.bytes.saturating_sub(item.ignored_bytes),
                    Some(_) => 0,
                }
            }).sum();
            prop_assert!(after <= quota);
            let before: u64 = items.iter().map(|item| item.bytes).sum();
            prop_assert!(before > quota || due.is_empty());
        }
    }
}
