//! Which branch is a session's: the one that its worktree stands on, unless it is somebody else's.

use crate::model::facts::{Session, WorkspaceLook};
use crate::model::{BranchName, SessionId};
use crate::slots::agent::Role;
use crate::slots::scm::PullState;
use crate::slots::workspace::Presence;

/// What becomes of a session's branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Follow {
    /// It stays what it is.
    Keep,
    /// The agent has switched to this one.
    Adopt(BranchName),
    /// The agent has switched to one that another session works on.
    Taken(SessionId),
}

/// Decides whether a session's branch follows its worktree.
///
/// A detached head, as in the middle of a rebase, changes nothing; neither does anything while a pull request is open for
/// the known branch, nor in the worktree of an orchestrator, which works on no branch of its own. `others` are the sessions
/// that have not ended.
#[must_use]
pub fn follow<'a>(session: &Session, look: &WorkspaceLook, others: impl IntoIterator<Item = &'a Session>) -> Follow {
    let known = session.workspace.as_ref().map(|workspace| &workspace.branch);
    let (Some(known), Some(branch), Presence::Present) = (known, &look.branch, &look.presence) else {
        return Follow::Keep;
    };
    let has_pull = session.pull.as_ref().is_some_and(|pull| pull.snapshot.state == PullState::Open);
    if branch == known || has_pull || session.role == Role::Orchestrator {
        return Follow::Keep;
    }
    let owner = others.into_iter().find(|other| {
        other.id != session.id
            && other.project_path == session.project_path
            && other.workspace.as_ref().is_some_and(|workspace| workspace.branch == *branch)
    });
    owner.map_or_else(|| Follow::Adopt(branch.clone()), |owner| Follow::Taken(owner.id.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::facts::WorkspaceFacts;
    use crate::model::{PluginName, ProjectName, Timestamp};

    fn session(id: &str, branch: &str) -> Session {
        let id: SessionId = id.parse().unwrap();
        let mut session = Session::new(id, "app".parse::<ProjectName>().unwrap(), "/app", Timestamp::from_millis(0));
        let (plugin, branch) = ("worktree".parse::<PluginName>().unwrap(), branch.parse::<BranchName>().unwrap());
        session.workspace = Some(WorkspaceFacts::new(plugin, "/worktree", branch));
        session
    }

    fn on(branch: Option<&str>) -> WorkspaceLook {
        let mut look = WorkspaceLook::new(Presence::Present, Timestamp::from_millis(0));
        look.branch = branch.map(|branch| branch.parse().unwrap());
        look
    }

    #[test]
    fn it_follows_a_switch_but_not_onto_anothers_branch() {
        let (one, two) = (session("app-1", "ao/app-1"), session("app-2", "fix/two"));
        let others = [one.clone(), two];
        let adopted = Follow::Adopt("fix/one".parse().unwrap());
        assert_eq!(follow(&one, &on(Some("fix/one")), &others), adopted);
        assert_eq!(follow(&one, &on(Some("fix/two")), &others), Follow::Taken("app-2".parse().unwrap()));
        assert_eq!(follow(&one, &on(Some("ao/app-1")), &others), Follow::Keep);
        assert_eq!(follow(&one, &on(None), &others), Follow::Keep, "detached, as in a rebase");
        let mut elsewhere = session("app-3", "fix/two");
        elsewhere.project_path = "/other".into();
        assert_eq!(follow(&elsewhere, &on(Some("fix/two")), &others), Follow::Keep);
        let mut orchestrator = one.clone();
        orchestrator.role = Role::Orchestrator;
        assert_eq!(follow(&orchestrator, &on(Some("fix/one")), &others), Follow::Keep);
        let mut gone = on(Some("fix/one"));
        gone.presence = Presence::Missing;
        assert_eq!(follow(&one, &gone, &others), Follow::Keep);
    }
}
