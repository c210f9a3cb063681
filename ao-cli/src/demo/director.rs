//! What the demo does next about its sessions: what somebody who uses `ao` would do. A pure function over their facts.

use std::collections::BTreeSet;

use ao_core::lifecycle::merge_gate;
use ao_core::model::SessionId;
use ao_core::model::facts::{PullFacts, Session};
use ao_core::slots::scm::{CheckState, PullState, ReviewDecision};

/// Something to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The agent is told of a check that failed.
    TellOfCheck { session: SessionId, number: u64, check: String },
    /// The agent is told of files that conflict.
    TellOfConflict { session: SessionId, number: u64, files: Vec<String> },
    /// Its work is approved.
    Approve { number: u64 },
    /// It is merged.
    Merge { number: u64 },
    /// Its worktree goes into the trash.
    CleanUp { session: SessionId },
}

/// The next step with its name, which tells it from those that were taken already.
pub(super) fn next(sessions: &[Session], taken: &BTreeSet<String>) -> Option<(String, Step)> {
    let known = sessions.iter().filter_map(|session| Some((session, session.pull.as_ref()?)));
    let steps = known.flat_map(|(session, pull)| steps(session, pull));
    steps.into_iter().find(|(name, _)| !taken.contains(name))
}

/// Whether everything is merged and cleaned up.
pub(super) fn is_over(sessions: &[Session]) -> bool {
    let merged = |pull: &PullFacts| pull.snapshot.state == PullState::Merged;
    let is_over = |session: &Session| session.end.is_some() && session.pull.as_ref().is_some_and(merged);
    !sessions.is_empty() && sessions.iter().all(is_over)
}

/// What is to be done about one session, the most urgent first. Whoever is told waits for another head.
fn steps(session: &Session, pull: &PullFacts) -> Vec<(String, Step)> {
    let (id, snapshot) = (&session.id, &pull.snapshot);
    let (number, head) = (snapshot.pull.number, &snapshot.head);
    let base = snapshot.base_commit.as_deref().unwrap_or_default();
    if snapshot.state == PullState::Merged {
        let step = Step::CleanUp { session: id.clone() };
        return if session.end.is_none() { vec![(format!("clean {id}"), step)] } else { Vec::new() };
    }
    let failed = snapshot.checks.iter().filter(|check| check.required && check.state == CheckState::Failed);
    let mut steps: Vec<_> = failed
        .map(|check| {
            let check = check.name.clone();
            (format!("check {check} {head}"), Step::TellOfCheck { session: id.clone(), number, check })
        })
        .collect();
    if let Some(files) = snapshot.conflicts.clone().filter(|files| !files.is_empty()) {
        let step = Step::TellOfConflict { session: id.clone(), number, files };
        steps.push((format!("conflict {number} {head}"), step));
    }
    if snapshot.state == PullState::Open && merge_gate(snapshot).is_empty() {
        if snapshot.decision == ReviewDecision::Approved {
            steps.push((format!("merge {number} {head} {base}"), Step::Merge { number }));
        } else {
            steps.push((format!("approve {number} {head}"), Step::Approve { number }));
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use ao_core::model::facts::{End, EndKind};
    use ao_core::model::{PluginName, ProjectName, Timestamp};
    use ao_core::slots::scm::{Check, PullRef, PullSnapshot};

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
    fn each_state_of_a_pull_request_has_its_step() {
        let next = |session: &Session| next(std::slice::from_ref(session), &BTreeSet::new()).map(|(_, step)| step);
        let id = session(|_| ()).id;
        let pending = session(|pull| pull.checks = check(CheckState::Pending));
        assert_eq!(next(&pending), None);
        let failed = session(|pull| pull.checks = check(CheckState::Failed));
        let tell = Step::TellOfCheck { session: id.clone(), number: 1, check: "readme".into() };
        assert_eq!(next(&failed), Some(tell));
        let green = session(|pull| pull.checks = check(CheckState::Passed));
        assert_eq!(next(&green), Some(Step::Approve { number: 1 }));
        let approved = session(|pull| pull.decision = ReviewDecision::Approved);
        assert_eq!(next(&approved), Some(Step::Merge { number: 1 }));
        let files = vec!["a".to_owned()];
        let conflict = session(|pull| pull.conflicts = Some(files.clone()));
        assert_eq!(next(&conflict), Some(Step::TellOfConflict { session: id.clone(), number: 1, files }));
        let mut merged = session(|pull| pull.state = PullState::Merged);
        assert_eq!(next(&merged), Some(Step::CleanUp { session: id }));
        assert!(!is_over(std::slice::from_ref(&merged)));
        merged.end = Some(End::new(EndKind::Merged, Timestamp::from_millis(1)));
        assert!(next(&merged).is_none() && is_over(&[merged]) && !is_over(&[]));
    }

    #[test]
    fn nothing_is_said_twice_of_the_same_commit() {
        let mut session = session(|pull| pull.checks = check(CheckState::Failed));
        let mut taken = BTreeSet::new();
        taken.extend(next(std::slice::from_ref(&session), &taken).map(|(name, _)| name));
        assert_eq!(next(std::slice::from_ref(&session), &taken), None);
        session.pull.as_mut().unwrap().snapshot.head = "h2".to_owned();
        assert!(next(&[session], &taken).is_some());
    }
}
