//! What a session's copy of the project looks like.

use crate::model::Timestamp;
use crate::model::facts::{Unseen, WorkspaceFacts, WorkspaceLook};
use crate::slots::workspace::{Presence, WorkspaceObservation};

/// Writes down what the workspace plugin says.
pub fn workspace(facts: &mut WorkspaceFacts, seen: &WorkspaceObservation, now: Timestamp) {
    match &seen.presence {
        Presence::Present | Presence::Missing => {}
        Presence::Unknown { why } => return workspace_unseen(facts, why, now),
        Presence::Unrecognised => return workspace_unseen(facts, "the answer is of a newer version", now),
    }
    let mut look = WorkspaceLook::new(seen.presence.clone(), now);
    look.head.clone_from(&seen.head);
    look.branch.clone_from(&seen.branch);
    (look.dirty, look.untracked, look.unmerged) = (seen.dirty, seen.untracked, seen.unmerged);
    facts.look = Some(look);
    facts.unseen = None;
}

/// Writes down that a look told nothing.
pub fn workspace_unseen(facts: &mut WorkspaceFacts, why: &str, now: Timestamp) {
    facts.unseen = Some(Unseen::again(facts.unseen.as_ref(), why, now));
}
