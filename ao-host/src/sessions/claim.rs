//! Taking a pull request over: it is one session's, and in one transaction another's.

use std::collections::BTreeMap;

use ao_core::lifecycle::observe;
use ao_core::model::event::{Event, EventData, PullRequestClaimed};
use ao_core::model::facts::{PullDetection, Session};
use ao_core::model::{BranchName, SessionId};
use ao_core::slots::agent::Role;
use ao_core::slots::scm::{PullFound, PullSnapshot, PullState};
use ao_core::{Error, Result};

use super::{Forge, Sessions, changes};
use crate::store::{Fence, SessionFilter};

/// A pull request that was taken over.
#[derive(Debug)]
pub struct Claimed {
    /// The session that has it now.
    pub session: Session,
    /// The sessions that had it.
    pub from: Vec<SessionId>,
}

/// Refuses where a session cannot have a pull request, or nobody can have this one.
pub fn refuse_claim(session: &Session, pull: &PullSnapshot) -> Result<()> {
    let (id, number) = (&session.id, pull.pull.number);
    let refused = |why: String| Err(Error::conflict(why));
    if session.role == Role::Orchestrator {
        return refused(format!("`{id}` is an orchestrator, which has no pull request"));
    }
    if session.role == Role::Reviewer {
        return refused(format!("`{id}` reviews others' work, and has no pull request of its own"));
    }
    if session.end.is_some() || session.failure.is_some() {
        return refused(format!("`{id}` has ended: `ao session restore {id}` brings it back"));
    }
    if pull.state != PullState::Open {
        return refused(format!("#{number} is not open"));
    }
    Ok(())
}

impl Sessions {
    /// Gives a pull request to a session, whose worktree stands on its branch by now. Every other session that had it has
    /// none any more, and finds none on its branch. `moved` says on which branches their worktrees stand now.
    pub fn claim_pull(
        &self,
        id: &SessionId,
        forge: &Forge,
        pull: &PullSnapshot,
        moved: &BTreeMap<SessionId, BranchName>,
    ) -> Result<Claimed> {
        let mut ids = vec![id.clone()];
        let claimer = self.get(id)?;
        let filter =
            SessionFilter { project: Some(claimer.project.clone()), project_path: Some(claimer.project_path.clone()) };
        ids.extend(self.store.sessions(&filter)?.into_iter().map(|session| session.id).filter(|other| other != id));
        // The claimer comes first: what it may not have stays where it is. Who had it is told last, in its own event.
        let (mut refused, mut from) = (None, Vec::new());
        let world = &self.world;
        self.store.change_many(Fence::None, &ids, &mut |session| {
            if session.id == *id {
                refused = refuse_claim(session, pull).err();
                return if refused.is_none() { take(session, forge, pull, world) } else { Vec::new() };
            }
            if refused.is_some() || !lose(session, forge, pull, moved) {
                return Vec::new();
            }
            from.push(session.id.clone());
            let mut data = PullRequestClaimed::new(pull.pull.number);
            data.by = Some(id.clone());
            vec![world.event(Some(&session.id), EventData::PrLost(data))]
        })?;
        refused.map_or_else(|| Ok(Claimed { session: self.get(id)?, from }), Err)
    }
}

fn take(session: &mut Session, forge: &Forge, pull: &PullSnapshot, world: &crate::world::World) -> Vec<Event> {
    let before = session.clone();
    let found = PullFound::Found { snapshot: Box::new(pull.clone()) };
    session.pull = None;
    observe::pull(session, &forge.scm.plugin, &forge.repository, &found, world.now());
    session.pull_detection = PullDetection::On;
    if let (Some(facts), Some(branch)) = (&mut session.workspace, &pull.branch) {
        facts.branch = branch.clone();
    }
    let claimed = EventData::PrClaimed(PullRequestClaimed::new(pull.pull.number));
    let mut events = vec![world.event(Some(&session.id), claimed)];
    events.extend(changes(world, &before, session));
    events
}

/// Takes it away from a session, if it had it: by its facts, or by the branch that it works on.
fn lose(session: &mut Session, forge: &Forge, pull: &PullSnapshot, moved: &BTreeMap<SessionId, BranchName>) -> bool {
    let known = session.pull.as_ref().filter(|known| known.repository == forge.repository);
    let had = known.is_some_and(|known| known.snapshot.pull.number == pull.pull.number);
    let branch = session.workspace.as_ref().map(|facts| &facts.branch);
    let is_on_branch = session.end.is_none() && branch.is_some() && branch == pull.branch.as_ref();
    if !had && !is_on_branch && !moved.contains_key(&session.id) {
        return false;
    }
    (session.pull, session.pull_detection) = (None, PullDetection::Off);
    if let (Some(facts), Some(branch)) = (&mut session.workspace, moved.get(&session.id)) {
        facts.branch = branch.clone();
    }
    true
}
