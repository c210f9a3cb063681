//! How often what goes wrong, in thousandths.

use super::chance::Chance;

/// How often each kind of call goes wrong.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Faults {
    /// A runtime's or an agent's whole answer.
    pub(super) looks: u64,
    /// One session in it, which cannot be looked at.
    pub(super) unknown: u64,
    /// One session in it, of which the runtime says that it is dead, once.
    pub(super) lies: u64,
    /// A snapshot of pull requests.
    pub(super) snapshots: u64,
    /// An answer that is seconds old when it arrives.
    pub(super) late: u64,
    /// What is typed.
    pub(super) typing: u64,
    /// An agent's record that shows a message late.
    pub(super) records: u64,
    /// A merge.
    pub(super) merges: u64,
    /// A notifier.
    pub(super) notifiers: u64,
}

impl Faults {
    /// Some story has many of them, and some none.
    pub(super) fn drawn(chance: &mut Chance) -> Self {
        let mut rate = |most: u64| if chance.happens(300) { 0 } else { chance.below(most) };
        Self {
            looks: rate(80),
            unknown: rate(80),
            lies: rate(40),
            snapshots: rate(150),
            late: rate(300),
            typing: rate(150),
            records: rate(300),
            merges: rate(400),
            notifiers: rate(500),
        }
    }
}

/// How a call goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// It is refused, and nothing has happened.
    Refused,
    /// It happens, and its answer is lost.
    Lost,
    /// It never answers, and nothing has happened.
    Hangs,
}

impl Chance {
    pub(super) fn failure(&mut self, per_mille: u64) -> Option<Failure> {
        self.happens(per_mille).then(|| self.of(&[Failure::Refused, Failure::Refused, Failure::Lost, Failure::Hangs]))
    }
}
