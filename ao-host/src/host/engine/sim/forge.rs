//! A forge with a pull request a session: its head moves, its checks flap, people and programs talk about it.

use ao_core::lifecycle::merge_gate;
use ao_core::model::{BranchName, SessionId, Timestamp};
use ao_core::slots::scm::{Check, CheckState, PullRef, PullSnapshot, PullState, ReviewDecision, Thread};

use super::chance::Chance;

/// One pull request as it is.
#[derive(Clone, Debug)]
pub(super) struct Pull {
    pub(super) number: u64,
    pub(super) state: PullState,
    pub(super) revision: u64,
    pub(super) base: u64,
    pub(super) draft: bool,
    pub(super) checks: Vec<Check>,
    pub(super) decision: ReviewDecision,
    pub(super) threads: Vec<Thread>,
    pub(super) conflicts: Option<Vec<String>>,
    /// It is in a queue, and merged once these ticks have passed.
    pub(super) queued: Option<u32>,
    said: u64,
    branch: BranchName,
}

fn commit(kind: char, number: u64, revision: u64) -> String {
    format!("{kind}{number:07x}{revision:032x}")
}

impl Pull {
    pub(super) fn new(number: u64, branch: BranchName, chance: &mut Chance) -> Self {
        let names = ["build", "test", "lint"];
        let many = chance.below(4);
        let checks = names.iter().take(usize::try_from(many).unwrap()).enumerate().map(|(place, name)| {
            let mut check = Check::new(*name, CheckState::Pending);
            check.required = place < 2;
            check
        });
        Self {
            number,
            state: PullState::Open,
            revision: 1,
            base: 1,
            draft: chance.happens(100),
            checks: checks.collect(),
            decision: chance.of(&[ReviewDecision::None, ReviewDecision::Wanted]),
            threads: Vec::new(),
            conflicts: Some(Vec::new()),
            queued: None,
            said: 0,
            branch,
        }
    }

    pub(super) fn head(&self) -> String {
        commit('a', self.number, self.revision)
    }

    pub(super) fn base_commit(&self) -> String {
        commit('b', self.number, self.base)
    }

    pub(super) fn is_open(&self) -> bool {
        self.state == PullState::Open
    }

    /// As a look shows it.
    pub(super) fn snapshot(&self) -> PullSnapshot {
        let mut shown = PullSnapshot::new(PullRef::new(self.number), self.state, self.head());
        (shown.draft, shown.checks, shown.decision) = (self.draft, self.checks.clone(), self.decision);
        (shown.threads, shown.conflicts) = (self.threads.clone(), self.conflicts.clone());
        shown.base_commit = Some(self.base_commit());
        shown.branch = Some(self.branch.clone());
        shown
    }

    /// New commits: every check begins anew.
    pub(super) fn push(&mut self) {
        self.revision += 1;
        self.checks.iter_mut().for_each(|check| check.state = CheckState::Pending);
        if self.conflicts.is_none() {
            self.conflicts = Some(Vec::new());
        }
    }

    pub(super) fn comment(&mut self, bot: bool) {
        self.said += 1;
        let who = if bot { "lint-bot" } else { "ann" };
        let mut thread = Thread::new(format!("t{}", self.said), who, format!("what about {}?", self.said));
        thread.bot = bot;
        self.threads.push(thread);
    }

    /// One more comment in a thread that is there.
    pub(super) fn answer(&mut self, at: Timestamp) {
        self.said += 1;
        if let Some(thread) = self.threads.first_mut() {
            (thread.body, thread.at) = (format!("and what about {}?", self.said), Some(at));
        }
    }

    /// What of it goes on by itself within a tick. `mends` says whether what was pushed last is right.
    pub(super) fn go_on(&mut self, chance: &mut Chance, mends: bool) {
        for check in &mut self.checks {
            if check.state == CheckState::Pending && chance.happens(350) {
                let passes = if mends { 950 } else { 450 };
                check.state = if chance.happens(passes) { CheckState::Passed } else { CheckState::Failed };
            }
        }
        if let Some(left) = &mut self.queued {
            *left = left.saturating_sub(1);
            if *left == 0 {
                (self.queued, self.state) = (None, PullState::Merged);
            }
        }
    }

    /// Something that somebody does to it.
    pub(super) fn happen(&mut self, chance: &mut Chance, now: Timestamp) {
        match chance.below(26) {
            0..=2 => self.push(),
            3..=5 => self.rerun(chance),
            6 | 7 => self.comment(false),
            8 | 9 => self.comment(true),
            10 => self.answer(now),
            11..=13 => drop((!self.threads.is_empty()).then(|| self.threads.remove(0))),
            14 => self.decision = ReviewDecision::ChangesRequested,
            15..=17 => self.decision = ReviewDecision::Approved,
            18 => self.decision = chance.of(&[ReviewDecision::None, ReviewDecision::Unknown, ReviewDecision::Wanted]),
            19 => self.conflicts = Some(vec!["src/lib.rs".to_owned()]),
            20 => self.conflicts = chance.of(&[None, Some(Vec::new())]),
            21 => {
                self.base += 1;
                self.conflicts = chance.of(&[None, Some(Vec::new())]);
            }
            22 => self.draft = !self.draft,
            23 if chance.happens(200) => self.state = PullState::Closed,
            24 if chance.happens(150) => self.state = PullState::Merged,
            _ => {}
        }
    }

    /// A check runs again, or flaps.
    fn rerun(&mut self, chance: &mut Chance) {
        if !self.checks.is_empty() {
            let at = usize::try_from(chance.below(self.checks.len() as u64)).unwrap();
            self.checks[at].state = chance.of(&[CheckState::Pending, CheckState::Pending, CheckState::Failed]);
        }
    }

    /// Everything that waits for somebody comes to its end: the world becomes quiet.
    pub(super) fn settle(&mut self) {
        for check in &mut self.checks {
            if matches!(check.state, CheckState::Pending | CheckState::Unknown) {
                check.state = CheckState::Passed;
            }
        }
        if self.decision == ReviewDecision::Unknown {
            self.decision = ReviewDecision::Wanted;
        }
        self.conflicts.get_or_insert_default();
        self.queued = self.queued.map(|_| 1);
    }
}

/// Whether everything is green that a merge by itself wants.
pub(super) fn is_green(snapshot: &PullSnapshot) -> bool {
    matches!(snapshot.decision, ReviewDecision::Approved | ReviewDecision::None)
        && snapshot.conflicts.as_ref().is_some_and(Vec::is_empty)
        && merge_gate(snapshot).is_empty()
}

/// A merge that the host asked for.
#[derive(Clone, Debug)]
pub(super) struct Merge {
    pub(super) session: SessionId,
    pub(super) head: String,
    /// Whether the last look that the host got at it was green at this head.
    pub(super) was_green: bool,
    /// Whether it led to a merge.
    pub(super) merged: bool,
}
