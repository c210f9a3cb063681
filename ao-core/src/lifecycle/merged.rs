//! What is done about a session whose pull request is merged. What is still to be done follows from the facts alone, so that
//! a host that was killed in between goes on where it was.

use std::time::Duration;

use crate::model::Timestamp;
use crate::model::facts::{EndKind, Session, TrashState};
use crate::slots::agent::{ActivityState, Role};
use crate::slots::runtime::Liveness;
use crate::slots::scm::PullState;
use crate::slots::workspace::Presence;

/// What is done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MergedStep {
    /// Nothing: its pull request is not merged, it is put away already, or somebody else acts on it.
    Nothing,
    /// Its agent is busy and may go on for so long.
    Wait(Duration),
    /// Its agent is ended, and its worktree put away.
    Finish,
}

/// Decides. `grace` is how long a busy agent may go on.
#[must_use]
pub fn merged_step(session: &Session, grace: Duration, now: Timestamp) -> MergedStep {
    let Some(pull) = session.pull.as_ref().filter(|pull| pull.snapshot.state == PullState::Merged) else {
        return MergedStep::Nothing;
    };
    let is_held = session.op.is_some() || session.hold.is_some() || session.failure.is_some();
    if is_held || session.role == Role::Orchestrator {
        return MergedStep::Nothing;
    }
    if let Some(end) = &session.end {
        // What was taken out of the trash again is wanted where it is.
        let untouched = session.trash.iter().all(|item| item.state == TrashState::Storing);
        let is_left = end.kind == EndKind::Merged && session.workspace.is_some() && untouched;
        return if is_left { MergedStep::Finish } else { MergedStep::Nothing };
    }
    if !is_busy(session) {
        return MergedStep::Finish;
    }
    let since = now.since(pull.since.unwrap_or(pull.at));
    if since >= grace { MergedStep::Finish } else { MergedStep::Wait(grace.saturating_sub(since)) }
}

/// Whether its agent may be doing something. One of which nothing is known may.
fn is_busy(session: &Session) -> bool {
    let Some(runtime) = &session.runtime else { return false };
    let is_gone = |liveness| matches!(liveness, Liveness::Dead { .. });
    if runtime.exit.is_some() || runtime.process.as_ref().is_some_and(|probe| is_gone(probe.now())) {
        return false;
    }
    let activity = session.agent.as_ref().and_then(|agent| agent.activity.as_ref());
    !activity
        .is_some_and(|seen| matches!(seen.state, ActivityState::Ready | ActivityState::Idle | ActivityState::Exited))
}

/// What keeps the worktree of a session with a merged pull request where it is: what was merged is not all there is in it.
/// Decides on a look that was taken just now; none where nothing keeps it.
#[must_use]
pub fn left_by_merge(session: &Session) -> Option<String> {
    let workspace = session.workspace.as_ref()?;
    let Some(look) = workspace.look.as_ref().filter(|_| workspace.unseen.is_none()) else {
        return Some("nobody can tell what is in its worktree".to_owned());
    };
    match look.presence {
        Presence::Missing => return None,
        Presence::Present => {}
        _ => return Some("nobody can tell what is in its worktree".to_owned()),
    }
    match look.dirty + look.untracked {
        0 => {}
        1 => return Some("a file is not committed".to_owned()),
        files => return Some(format!("{files} files are not committed")),
    }
    // After a squash the base has none of its commits, but all of its work.
    let merged = session.pull.as_ref().map(|pull| &pull.snapshot.head);
    if look.unmerged == Some(0) || (look.head.is_some() && look.head.as_ref() == merged) {
        return None;
    }
    Some("it stands on commits that were not merged".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::facts::{
        AgentFacts, End, Hold, HoldReason, PullFacts, RuntimeFacts, TrashItem, Unseen, WorkspaceFacts, WorkspaceLook,
    };
    use crate::model::{BranchName, PluginName, ProjectName, SessionId};
    use crate::slots::agent::{Activity, Strength};
    use crate::slots::runtime::RuntimeHandle;
    use crate::slots::scm::{PullRef, PullSnapshot};

    const GRACE: Duration = Duration::from_mins(5);

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_millis(minutes * 60_000)
    }

    /// Merged at minute 10, with a busy agent.
    fn merged(change: impl FnOnce(&mut Session)) -> Session {
        let (id, plugin): (SessionId, PluginName) = ("app-1".parse().unwrap(), "x".parse().unwrap());
        let mut session = Session::new(id.clone(), "app".parse::<ProjectName>().unwrap(), "/app", at(0));
        let handle = RuntimeHandle::new(plugin.clone(), id, "key", serde_json::json!({}));
        session.runtime = Some(RuntimeFacts::new("/s", handle, at(0)));
        let mut agent = AgentFacts::new(plugin.clone(), plugin.clone());
        agent.activity = Some(Activity::new(ActivityState::Active, "hook", Strength::Strong, at(9)));
        session.agent = Some(agent);
        let mut pull = PullFacts::new(
            plugin.clone(),
            "acme/app",
            PullSnapshot::new(PullRef::new(7_u64), PullState::Merged, "head"),
            at(12),
        );
        pull.since = Some(at(10));
        session.pull = Some(pull);
        session.workspace = Some(WorkspaceFacts::new(plugin, "/w", "ao/app-1".parse::<BranchName>().unwrap()));
        change(&mut session);
        session
    }

    fn ended(kind: EndKind) -> impl FnOnce(&mut Session) {
        move |session| session.end = Some(End::new(kind, at(11)))
    }

    fn trashed(state: TrashState) -> impl FnOnce(&mut Session) {
        move |session| {
            session.end = Some(End::new(EndKind::Merged, at(11)));
            session.trash = vec![TrashItem::new("1", at(11), "/w", "/t", state)];
        }
    }

    #[test]
    fn an_idle_agent_is_ended_at_once_and_a_busy_one_later() {
        let doing = |state| {
            move |session: &mut Session| {
                let agent = session.agent.as_mut().unwrap();
                agent.activity = Some(Activity::new(state, "hook", Strength::Strong, at(9)));
            }
        };
        let step = |session: &Session, minute| merged_step(session, GRACE, at(minute));
        for busy in [ActivityState::Active, ActivityState::WaitingInput, ActivityState::Blocked] {
            let session = merged(doing(busy));
            assert_eq!(step(&session, 12), MergedStep::Wait(Duration::from_mins(3)), "{busy:?}");
            assert_eq!((step(&session, 15), step(&session, 5)), (MergedStep::Finish, MergedStep::Wait(GRACE)));
        }
        assert!(matches!(step(&merged(|session| session.agent = None), 12), MergedStep::Wait(_)), "nobody knows");
        let exit = crate::model::facts::ExitFacts::new(crate::model::ExitStatus::Code { code: 1 }, at(9));
        for idle in [
            merged(doing(ActivityState::Ready)),
            merged(doing(ActivityState::Idle)),
            merged(|session| session.runtime = None),
            merged(|session| session.runtime.as_mut().unwrap().exit = Some(exit)),
        ] {
            assert_eq!(step(&idle, 10), MergedStep::Finish);
        }
    }

    #[test]
    fn what_a_killed_host_left_half_done_is_finished_and_nothing_else() {
        let step = |session: Session| merged_step(&session, GRACE, at(30));
        for (session, expected) in vec![
            (merged(ended(EndKind::Merged)), MergedStep::Finish),
            (merged(trashed(TrashState::Storing)), MergedStep::Finish),
            (merged(trashed(TrashState::Stored)), MergedStep::Nothing),
            (merged(trashed(TrashState::Restored)), MergedStep::Nothing),
            (merged(ended(EndKind::Killed)), MergedStep::Nothing),
            (merged(|session| session.role = Role::Orchestrator), MergedStep::Nothing),
            (merged(|session| session.hold = Some(Hold::new(HoldReason::Paused, at(1)))), MergedStep::Nothing),
            (merged(|session| session.pull.as_mut().unwrap().snapshot.state = PullState::Closed), MergedStep::Nothing),
            (merged(|session| session.pull = None), MergedStep::Nothing),
        ] {
            assert_eq!(step(session.clone()), expected, "{session:?}");
        }
    }

    #[test]
    fn work_that_was_not_merged_keeps_a_worktree() {
        let with = |change: &dyn Fn(&mut WorkspaceLook)| {
            merged(|session| {
                let mut look = WorkspaceLook::new(Presence::Present, at(12));
                look.head = Some("head".to_owned());
                look.unmerged = Some(2);
                change(&mut look);
                session.workspace.as_mut().unwrap().look = Some(look);
            })
        };
        let keeps = |session: &Session| left_by_merge(session).is_some();
        assert!(!keeps(&with(&|_| ())), "squashed");
        assert!(!keeps(&with(&|look| (look.head, look.unmerged) = (Some("base".to_owned()), Some(0)))));
        assert!(!keeps(&with(&|look| look.presence = Presence::Missing)));
        assert!(keeps(&with(&|look| look.head = Some("later".to_owned()))));
        assert!(keeps(&with(&|look| look.dirty = 1)) && keeps(&with(&|look| look.untracked = 1)));
        assert!(keeps(&with(&|look| (look.head, look.unmerged) = (None, None))), "nobody can tell");
        assert!(keeps(&merged(|_| ())), "nobody has looked");
        let mut unseen = with(&|_| ());
        unseen.workspace.as_mut().unwrap().unseen = Some(Unseen::new("no answer", at(12), at(12)));
        assert!(keeps(&unseen));
        assert!(!keeps(&merged(|session| session.workspace = None)));
    }
}
