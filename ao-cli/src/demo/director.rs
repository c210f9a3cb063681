//! What a human does next in the demo: the one thing that reactions leave to them. A pure function over the sessions' facts.

use std::collections::BTreeSet;

use ao_core::lifecycle::{Blocker, merge_gate};
use ao_core::model::facts::{PullFacts, Session, TrashItem, TrashState};
use ao_core::slots::agent::ActivityState;
use ao_core::slots::scm::{PullState, ReviewDecision};

/// How closely the human looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reviewer {
    /// Approves what is green.
    Easy,
    /// Waits until the agent has ended its turn, and sends the first pull request back once.
    Thorough,
}

/// What the human says of a pull request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Review {
    pub(super) number: u64,
    /// The commit that it is about.
    pub(super) head: String,
    pub(super) verdict: Verdict,
}

/// What the human concludes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    /// It may be merged.
    Approve,
    /// Something is still to be done.
    SendBack,
}

/// The next pull request that the human says something about: its checks are green, and nothing was said at this commit yet.
pub(super) fn next(sessions: &[Session], said: &BTreeSet<Review>, reviewer: Reviewer) -> Option<Review> {
    sessions.iter().enumerate().find_map(|(index, session)| {
        let snapshot = &session.pull.as_ref()?.snapshot;
        let (number, head) = (snapshot.pull.number, snapshot.head.clone());
        let is_ready = snapshot.state == PullState::Open
            && snapshot.decision != ReviewDecision::Approved
            && merge_gate(snapshot).iter().all(|blocker| *blocker == Blocker::ChangesRequested)
            && (reviewer == Reviewer::Easy || !is_at_work(session))
            && !said.iter().any(|review| (review.number, &review.head) == (number, &head));
        let is_first = reviewer == Reviewer::Thorough && index == 0;
        let is_unheard = said.iter().all(|review| review.number != number);
        let verdict = if is_first && is_unheard { Verdict::SendBack } else { Verdict::Approve };
        is_ready.then_some(Review { number, head, verdict })
    })
}

/// The threads of a pull request, by their ids, in which the session's agent has not had the last word.
pub(super) fn open_threads(sessions: &[Session], number: u64) -> Vec<String> {
    let mut found = Vec::new();
    for session in sessions {
        let Some(pull) = session.pull.as_ref().filter(|pull| pull.snapshot.pull.number == number) else { continue };
        let own = format!("session:{}", session.id);
        let waiting = pull.snapshot.threads.iter().filter(|thread| thread.author != own);
        found.extend(waiting.map(|thread| thread.id.clone()));
    }
    found
}

fn is_at_work(session: &Session) -> bool {
    let activity = session.agent.as_ref().and_then(|agent| agent.activity.as_ref());
    activity.is_some_and(|seen| seen.state == ActivityState::Active)
}

/// Whether everything is merged and cleaned up: a session has ended before its worktree is put away.
pub(super) fn is_over(sessions: &[Session]) -> bool {
    let merged = |pull: &PullFacts| pull.snapshot.state == PullState::Merged;
    let put_away = |item: &TrashItem| matches!(item.state, TrashState::Stored | TrashState::Refs);
    let is_over = |session: &Session| {
        session.end.is_some() && session.pull.as_ref().is_some_and(merged) && session.trash.iter().any(put_away)
    };
    !sessions.is_empty() && sessions.iter().all(is_over)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ao_core::model::facts::{AgentFacts, End, EndKind};
    use ao_core::model::{PluginName, ProjectName, SessionId, Timestamp};
    use ao_core::slots::agent::{Activity, Strength};
    use ao_core::slots::scm::{Check, CheckState, PullRef, PullSnapshot, Thread};

    fn session(change: impl FnOnce(&mut PullSnapshot)) -> Session {
        let at = Timestamp::from_millis(0);
        let (id, project): (SessionId, ProjectName) = ("demo-1".parse().unwrap(), "textstat".parse().unwrap());
        let plugin: PluginName = "local".parse().unwrap();
        let mut session = Session::new(id, project, "/src", at);
        let mut snapshot = PullSnapshot::new(PullRef::new(1_u64), PullState::Open, "h1");
        change(&mut snapshot);
        session.pull = Some(PullFacts::new(plugin, "/src", snapshot, at));
        session
    }

    fn check(state: CheckState) -> Vec<Check> {
        let mut check = Check::new("readme", state);
        check.required = true;
        vec![check]
    }

    #[test]
    fn what_is_green_is_approved_once_at_each_commit() {
        let mut said = BTreeSet::new();
        let next = |sessions: &[Session], said: &BTreeSet<Review>| next(sessions, said, Reviewer::Easy);
        for waits in [CheckState::Pending, CheckState::Failed] {
            assert_eq!(next(&[session(|pull| pull.checks = check(waits))], &said), None);
        }
        assert_eq!(next(&[session(|pull| pull.conflicts = Some(vec!["a".to_owned()]))], &said), None);
        assert_eq!(next(&[session(|pull| pull.decision = ReviewDecision::Approved)], &said), None);
        let mut green = session(|pull| pull.checks = check(CheckState::Passed));
        let review = Review { number: 1, head: "h1".to_owned(), verdict: Verdict::Approve };
        assert_eq!(next(std::slice::from_ref(&green), &said), Some(review.clone()));
        said.insert(review);
        assert_eq!(next(std::slice::from_ref(&green), &said), None);
        green.pull.as_mut().unwrap().snapshot.head = "h2".to_owned();
        assert!(next(&[green], &said).is_some());
    }

    #[test]
    fn the_first_is_sent_back_once_and_nobody_is_disturbed_at_work() {
        let thorough = |sessions: &[Session], said: &BTreeSet<Review>| super::next(sessions, said, Reviewer::Thorough);
        let name: PluginName = "x".parse().unwrap();
        let mut first = session(|pull| pull.checks = check(CheckState::Passed));
        let mut agent = AgentFacts::new(name.clone(), name);
        let seen = |state| Activity::new(state, "hook", Strength::Strong, Timestamp::from_millis(0));
        agent.activity = Some(seen(ActivityState::Active));
        first.agent = Some(agent);
        let mut said = BTreeSet::new();
        assert_eq!(thorough(std::slice::from_ref(&first), &said), None);
        first.agent.as_mut().unwrap().activity = Some(seen(ActivityState::Ready));
        let review = thorough(std::slice::from_ref(&first), &said).unwrap();
        assert_eq!(review.verdict, Verdict::SendBack);
        said.insert(review);
        let pull = &mut first.pull.as_mut().unwrap().snapshot;
        pull.decision = ReviewDecision::ChangesRequested;
        assert_eq!(thorough(std::slice::from_ref(&first), &said), None, "nothing has changed yet");
        let pull = &mut first.pull.as_mut().unwrap().snapshot;
        pull.head = "h2".to_owned();
        let thread = |id: &str, author: &str| Thread::new(id, author, "why not?");
        pull.threads = vec![thread("3", "ben"), thread("4", "session:demo-1")];
        assert_eq!(thorough(std::slice::from_ref(&first), &said).unwrap().verdict, Verdict::Approve);
        assert_eq!(open_threads(&[first], 1), ["3"]);
    }

    #[test]
    fn it_is_over_when_everything_is_merged_and_cleaned_up() {
        let mut merged = session(|pull| pull.state = PullState::Merged);
        assert!(next(std::slice::from_ref(&merged), &BTreeSet::new(), Reviewer::Easy).is_none());
        assert!(!is_over(std::slice::from_ref(&merged)));
        merged.end = Some(End::new(EndKind::Merged, Timestamp::from_millis(1)));
        assert!(!is_over(std::slice::from_ref(&merged)), "its worktree is not put away");
        for (state, over) in [(TrashState::Storing, false), (TrashState::Stored, true)] {
            let item = TrashItem::new("1", Timestamp::from_millis(2), "/wt/demo-1", "/trash/demo-1", state);
            merged.trash = vec![item];
            assert_eq!(is_over(std::slice::from_ref(&merged)), over, "{state:?}");
        }
        assert!(!is_over(&[]));
    }
}
