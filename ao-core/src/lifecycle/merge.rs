//! What stands in the way of merging a pull request, and whose it is.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use crate::model::facts::Session;
use crate::slots::scm::{CheckState, PullSnapshot, PullState, ReviewDecision};

/// One thing that stands in the way of a merge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Blocker {
    /// It was closed or merged.
    NotOpen,
    /// It is a draft.
    Draft,
    /// A check that a merge needs has failed.
    CheckFailed {
        /// Its name.
        check: String,
    },
    /// A check that a merge needs has not ended.
    CheckPending {
        /// Its name.
        check: String,
    },
    /// A reviewer wants changes.
    ChangesRequested,
    /// It conflicts with its base.
    Conflicts {
        /// The files.
        files: Vec<String>,
    },
}

impl Blocker {
    /// Whether it goes away without anybody doing anything.
    #[must_use]
    pub const fn passes(&self) -> bool {
        matches!(self, Self::CheckPending { .. })
    }

    /// Whether no wish of a human's takes it away: there is nothing to merge.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::NotOpen)
    }
}

impl fmt::Display for Blocker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOpen => f.write_str("it is not open"),
            Self::Draft => f.write_str("it is a draft"),
            Self::CheckFailed { check } => write!(f, "the check `{check}` failed"),
            Self::CheckPending { check } => write!(f, "the check `{check}` has not ended"),
            Self::ChangesRequested => f.write_str("a reviewer wants changes"),
            Self::Conflicts { files } => write!(f, "it conflicts with its base in {}", files.join(", ")),
        }
    }
}

/// Everything that stands in the way of merging a pull request; nothing does where this is empty. Conflicts that nobody has
/// computed are found by the merge itself.
#[must_use]
pub fn merge_gate(snapshot: &PullSnapshot) -> Vec<Blocker> {
    let mut blockers = Vec::new();
    blockers.extend((snapshot.state != PullState::Open).then_some(Blocker::NotOpen));
    blockers.extend(snapshot.draft.then_some(Blocker::Draft));
    for check in snapshot.checks.iter().filter(|check| check.required) {
        let name = check.name.clone();
        match check.state {
            CheckState::Passed | CheckState::Skipped => {}
            CheckState::Failed => blockers.push(Blocker::CheckFailed { check: name }),
            // What cannot be read has not passed.
            CheckState::Pending | CheckState::Unknown => blockers.push(Blocker::CheckPending { check: name }),
        }
    }
    blockers.extend((snapshot.decision == ReviewDecision::ChangesRequested).then_some(Blocker::ChangesRequested));
    let files = snapshot.conflicts.as_ref().filter(|files| !files.is_empty());
    blockers.extend(files.map(|files| Blocker::Conflicts { files: files.clone() }));
    blockers
}

/// Whether a pull request of the session's project is the session's own: it opened it, works on its branch, or is known to
/// have it.
#[must_use]
pub fn is_own_pull(session: &Session, repository: &str, snapshot: &PullSnapshot) -> bool {
    let opened = snapshot.session.as_ref() == Some(&session.id);
    let branch = session.workspace.as_ref().map(|workspace| &workspace.branch);
    let known = session.pull.as_ref().filter(|pull| pull.repository == repository);
    opened
        || branch.is_some() && branch == snapshot.branch.as_ref()
        || known.is_some_and(|pull| pull.snapshot.pull.number == snapshot.pull.number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;
    use crate::model::facts::{PullFacts, WorkspaceFacts};
    use crate::slots::scm::{Check, PullRef};

    fn pull(change: impl FnOnce(&mut PullSnapshot)) -> PullSnapshot {
        let mut snapshot = PullSnapshot::new(PullRef::new(7_u64), PullState::Open, "head");
        change(&mut snapshot);
        snapshot
    }

    fn check(state: CheckState, required: bool) -> Check {
        let mut check = Check::new("build", state);
        check.required = required;
        check
    }

    #[test]
    fn each_blocker_is_named() {
        let (failed, pending) =
            (Blocker::CheckFailed { check: "build".to_owned() }, Blocker::CheckPending { check: "build".to_owned() });
        let conflicts = Blocker::Conflicts { files: vec!["a".to_owned()] };
        let with = |state, required| pull(|pull| pull.checks = vec![check(state, required)]);
        let decided = |decision| pull(|pull| pull.decision = decision);
        for (snapshot, blockers) in [
            (pull(|_| ()), vec![]),
            (pull(|pull| pull.state = PullState::Closed), vec![Blocker::NotOpen]),
            (pull(|pull| pull.state = PullState::Unknown), vec![Blocker::NotOpen]),
            (pull(|pull| pull.draft = true), vec![Blocker::Draft]),
            (with(CheckState::Passed, true), vec![]),
            (with(CheckState::Skipped, true), vec![]),
            (with(CheckState::Failed, true), vec![failed.clone()]),
            (with(CheckState::Failed, false), vec![]),
            (with(CheckState::Pending, true), vec![pending.clone()]),
            (with(CheckState::Pending, false), vec![]),
            (with(CheckState::Unknown, true), vec![pending]),
            (decided(ReviewDecision::None), vec![]),
            (decided(ReviewDecision::Wanted), vec![]),
            (decided(ReviewDecision::Approved), vec![]),
            (decided(ReviewDecision::ChangesRequested), vec![Blocker::ChangesRequested]),
            (pull(|pull| pull.conflicts = Some(Vec::new())), vec![]),
            (pull(|pull| pull.conflicts = Some(vec!["a".to_owned()])), vec![conflicts.clone()]),
            (
                pull(|pull| {
                    pull.checks = vec![check(CheckState::Failed, true)];
                    pull.decision = ReviewDecision::ChangesRequested;
                    pull.conflicts = Some(vec!["a".to_owned()]);
                }),
                vec![failed, Blocker::ChangesRequested, conflicts],
            ),
        ] {
            assert_eq!(merge_gate(&snapshot), blockers, "{snapshot:?}");
        }
    }

    #[test]
    fn only_time_takes_a_pending_check_away_and_nothing_a_closed_one() {
        let pending = merge_gate(&pull(|pull| pull.checks = vec![check(CheckState::Pending, true)]));
        assert!(pending.iter().all(|blocker| blocker.passes() && !blocker.is_final()));
        let merged = merge_gate(&pull(|pull| pull.state = PullState::Merged));
        assert!(merged.iter().all(|blocker| blocker.is_final() && !blocker.passes()));
    }

    #[test]
    fn a_session_owns_what_it_opened_works_on_or_is_known_to_have() {
        let at = Timestamp::from_millis(0);
        let (id, project): (crate::model::SessionId, crate::model::ProjectName) =
            ("app-1".parse().unwrap(), "app".parse().unwrap());
        let mut session = Session::new(id.clone(), project, "/src/app", at);
        let plugin: crate::model::PluginName = "x".parse().unwrap();
        let mut other = pull(|pull| pull.branch = Some("ao/app-2".parse().unwrap()));
        assert!(!is_own_pull(&session, "acme/app", &other));
        assert!(!is_own_pull(&session, "acme/app", &pull(|_| ())), "no branch is nobody's branch");
        assert!(is_own_pull(&session, "acme/app", &pull(|pull| pull.session = Some(id))));
        session.workspace =
            Some(WorkspaceFacts::new(plugin.clone(), "/w", "ao/app-1".parse::<crate::model::BranchName>().unwrap()));
        assert!(!is_own_pull(&session, "acme/app", &other));
        assert!(is_own_pull(&session, "acme/app", &pull(|pull| pull.branch = Some("ao/app-1".parse().unwrap()))));
        session.pull = Some(PullFacts::new(plugin, "acme/app", other.clone(), at));
        assert!(is_own_pull(&session, "acme/app", &other) && !is_own_pull(&session, "acme/lib", &other));
        other.pull.number = 8;
        assert!(!is_own_pull(&session, "acme/app", &other));
    }
}
