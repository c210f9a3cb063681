//! Rows 5, 11, 12 and 14: how the session's pull request stands.

use super::{Status, StatusName, at, seen_at};
use crate::model::facts::{PullFacts, Session};
use crate::slots::scm::{CheckState, PullSnapshot, PullState, ReviewDecision};

fn pull_in(facts: &Session, state: PullState) -> Option<&PullFacts> {
    facts.pull.as_ref().filter(|pull| pull.snapshot.state == state)
}

fn from_pull(name: StatusName, reason: impl Into<String>, pull: &PullFacts) -> Status {
    let reason = format!("#{}: {}", pull.snapshot.pull.number, reason.into());
    seen_at(pull.at, at(name, reason, pull.since.unwrap_or(pull.at), "pull request"))
}

/// Row 5: it is merged.
pub(super) fn merged(facts: &Session) -> Option<Status> {
    let pull = pull_in(facts, PullState::Merged)?;
    Some(from_pull(StatusName::Merged, "merged", pull))
}

/// Rows 11 and 12: what stands in the way of a merge, or that nothing does.
pub(super) fn gates(facts: &Session) -> Option<Status> {
    let pull = pull_in(facts, PullState::Open)?;
    let snapshot = &pull.snapshot;
    let failing: Vec<_> = required(snapshot, CheckState::Failed).collect();
    let conflicts = snapshot.conflicts.as_ref().map_or(0, Vec::len);
    let (name, reason) = if !failing.is_empty() {
        (StatusName::CiFailed, format!("required checks fail: {}", failing.join(", ")))
    } else if snapshot.decision == ReviewDecision::ChangesRequested {
        (StatusName::ChangesRequested, "reviewers want changes".to_owned())
    } else if conflicts > 0 {
        let files = if conflicts == 1 { "1 file conflicts".to_owned() } else { format!("{conflicts} files conflict") };
        (StatusName::PrOpen, format!("{files} with the base"))
    } else if is_mergeable(snapshot) {
        (StatusName::Mergeable, "every gate is green".to_owned())
    } else if snapshot.decision == ReviewDecision::Approved {
        (StatusName::Approved, "reviewers agree".to_owned())
    } else if snapshot.decision == ReviewDecision::Wanted {
        (StatusName::ReviewPending, "a review is wanted".to_owned())
    } else {
        return None;
    };
    Some(from_pull(name, reason, pull))
}

/// The names of the checks that a merge needs and that stand like this.
fn required(snapshot: &PullSnapshot, state: CheckState) -> impl Iterator<Item = &str> {
    let wanted = move |check: &&crate::slots::scm::Check| check.required && check.state == state;
    snapshot.checks.iter().filter(wanted).map(|check| check.name.as_str())
}

/// Whether every gate is known to be green at the head. What was not computed is not green.
fn is_mergeable(snapshot: &PullSnapshot) -> bool {
    let passed = |check: &crate::slots::scm::Check| matches!(check.state, CheckState::Passed | CheckState::Skipped);
    !snapshot.draft
        && snapshot.checks.iter().filter(|check| check.required).all(passed)
        && matches!(snapshot.decision, ReviewDecision::Approved | ReviewDecision::None)
        && snapshot.conflicts.as_ref().is_some_and(Vec::is_empty)
}

/// Row 14: it is open, or was closed.
pub(super) fn otherwise(facts: &Session) -> Option<Status> {
    if let Some(pull) = pull_in(facts, PullState::Open) {
        let draft = if pull.snapshot.draft { "a draft" } else { "open" };
        return Some(from_pull(StatusName::PrOpen, draft, pull));
    }
    let pull = pull_in(facts, PullState::Closed)?;
    Some(from_pull(StatusName::Idle, "closed without a merge", pull))
}
