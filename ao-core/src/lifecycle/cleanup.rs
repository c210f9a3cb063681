//! Which ended sessions may be cleaned up without anybody asking for them by name.

use crate::model::facts::{EndKind, Session};
use crate::slots::agent::Role;
use crate::slots::scm::PullState;
use crate::slots::workspace::Presence;

/// Whether a session is cleaned up where all that are finished are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tidiness {
    /// Its workspace goes into the trash.
    Finished,
    /// There is nothing of it that could go anywhere.
    Nothing,
    /// It stays.
    Stays {
        /// Why, in words for a human.
        why: String,
    },
}

/// Decides on facts that were looked at just now: an old look may not know of work.
#[must_use]
pub fn tidiness(session: &Session) -> Tidiness {
    let stays = |why: &str| Tidiness::Stays { why: why.to_owned() };
    if session.role == Role::Orchestrator {
        return stays("it is an orchestrator");
    }
    if session.op.is_some() {
        return stays("something is being done to it");
    }
    let is_open = session.pull.as_ref().is_some_and(|pull| pull.snapshot.state == PullState::Open);
    let merged = session.end.as_ref().is_some_and(|end| end.kind == EndKind::Merged);
    if session.end.is_none() && session.failure.is_none() {
        return stays("it has not ended");
    }
    let Some(workspace) = &session.workspace else { return Tidiness::Nothing };
    if session.trash.last().is_some_and(|item| item.state.is_kept()) {
        return Tidiness::Nothing;
    }
    let Some(look) = workspace.look.as_ref().filter(|_| workspace.unseen.is_none()) else {
        return stays("nobody can tell what is in its worktree");
    };
    match look.presence {
        Presence::Missing => return Tidiness::Nothing,
        Presence::Present => {}
        _ => return stays("nobody can tell what is in its worktree"),
    }
    if is_open && !merged {
        return stays("its pull request is open");
    }
    let uncommitted = look.dirty + look.untracked;
    match uncommitted {
        0 => {}
        1 => return stays("a file in it is not committed"),
        files => return stays(&format!("{files} files in it are not committed")),
    }
    match look.unmerged {
        _ if merged => Tidiness::Finished,
        Some(0) => Tidiness::Finished,
        Some(1) => stays("a commit in it is not merged"),
        Some(commits) => stays(&format!("{commits} commits in it are not merged")),
        None => stays("nobody can tell whether its commits are merged"),
    }
}
