//! Which rules are about which sessions, by what they are for.

use crate::model::ReactionKey;
use crate::slots::agent::Role;

/// Whether a rule may see anything in a session of this role.
///
/// A pull request is a worker's, and so is doing nothing without a word. An orchestrator is there to wait, and is not told
/// to acknowledge anything; neither is a reviewer. What a human must know of any agent (it asks, it is gone, it cannot go on)
/// is told of each. A role that this version does not know is one that was given work.
pub(super) fn concerns(key: ReactionKey, role: Role) -> bool {
    match key {
        ReactionKey::PrClosed
        | ReactionKey::CiFailed
        | ReactionKey::ChangesRequested
        | ReactionKey::BugbotComments
        | ReactionKey::MergeConflicts
        | ReactionKey::ApprovedAndGreen
        | ReactionKey::ReportNoAcknowledge => !matches!(role, Role::Orchestrator | Role::Reviewer),
        ReactionKey::AgentIdle => role == Role::Worker,
        ReactionKey::ReportStale => role != Role::Orchestrator,
        ReactionKey::AgentStuck
        | ReactionKey::AgentNeedsInput
        | ReactionKey::AgentExited
        | ReactionKey::ReportNeedsInput => true,
        ReactionKey::AllComplete | ReactionKey::Unknown => false,
    }
}

/// Whether a project is not complete before its session has ended. An orchestrator goes on for as long as there may be
/// work, and a reviewer has none of its own.
#[must_use]
pub fn counts_for_all(role: Role) -> bool {
    !matches!(role, Role::Orchestrator | Role::Reviewer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_not_a_worker_gets_what_a_human_must_know_and_no_more() {
        let of = |role| ReactionKey::ALL.iter().copied().filter(move |key| concerns(*key, role)).collect::<Vec<_>>();
        let all = ReactionKey::ALL.iter().copied().filter(|key| *key != ReactionKey::AllComplete).collect::<Vec<_>>();
        assert_eq!(of(Role::Worker), all);
        let to_know = [
            ReactionKey::AgentStuck,
            ReactionKey::AgentNeedsInput,
            ReactionKey::AgentExited,
            ReactionKey::ReportNeedsInput,
        ];
        assert_eq!(of(Role::Orchestrator), to_know);
        let of_reviewer: Vec<_> =
            of(Role::Reviewer).into_iter().filter(|key| *key != ReactionKey::ReportStale).collect();
        assert_eq!(of_reviewer, to_know);
    }
}
