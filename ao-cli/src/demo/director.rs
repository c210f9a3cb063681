//! What a human does next in the demo: the one thing that reactions leave to them. A pure function over the sessions' facts.

use std::collections::BTreeSet;

use ao_core::lifecycle::merge_gate;
use ao_core::model::facts::{PullFacts, Session, TrashItem, TrashState};
use ao_core::slots::scm::{PullState, ReviewDecision};

/// A pull request to be approved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Approval {
    pub(super) number: u64,
    /// The commit that is approved.
    pub(super) head: String,
}

/// The next pull request that a human approves: its gates are green, and nobody has approved it at this commit yet.
pub(super) fn next(sessions: &[Session], given: &BTreeSet<(u64, String)>) -> Option<Approval> {
    sessions.iter().find_map(|session| {
        let snapshot = &session.pull.as_ref()?.snapshot;
        let (number, head) = (snapshot.pull.number, snapshot.head.clone());
        let is_ready = snapshot.state == PullState::Open
            && snapshot.decision != ReviewDecision::Approved
            && merge_gate(snapshot).is_empty();
        (is_ready && !given.contains(&(number, head.clone()))).then_some(Approval { number, head })
    })
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
    use ao_core::model::facts::{End, EndKind};
    use ao_core::model::{PluginName, ProjectName, SessionId, Timestamp};
    use ao_core::slots::scm::{Check, CheckState, PullRef, PullSnapshot};

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
        let mut given = BTreeSet::new();
        for waits in [CheckState::Pending, CheckState::Failed] {
            assert_eq!(next(&[session(|pull| pull.checks = check(waits))], &given), None);
        }
        assert_eq!(next(&[session(|pull| pull.conflicts = Some(vec!["a".to_owned()]))], &given), None);
        assert_eq!(next(&[session(|pull| pull.decision = ReviewDecision::Approved)], &given), None);
        let mut green = session(|pull| pull.checks = check(CheckState::Passed));
        let approval = Approval { number: 1, head: "h1".to_owned() };
        assert_eq!(next(std::slice::from_ref(&green), &given), Some(approval.clone()));
        given.insert((approval.number, approval.head));
        assert_eq!(next(std::slice::from_ref(&green), &given), None);
        green.pull.as_mut().unwrap().snapshot.head = "h2".to_owned();
        assert!(next(&[green], &given).is_some());
    }

    #[test]
    fn it_is_over_when_everything_is_merged_and_cleaned_up() {
        let mut merged = session(|pull| pull.state = PullState::Merged);
        assert!(next(std::slice::from_ref(&merged), &BTreeSet::new()).is_none());
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
