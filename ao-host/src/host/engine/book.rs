//! Writing down what looks found: facts and the events that tell of them, in one transaction behind the host's fence.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ao_core::lifecycle::{Deaths, Follow, Policy, StatusName, follow, observe, status};
use ao_core::model::event::{Event, EventData, EventKind, MassDeathHold, StatusChanged, TypePattern};
use ao_core::model::facts::Session;
use ao_core::model::{PluginName, SessionId};
use ao_core::slots::agent::AgentObservation;
use ao_core::slots::runtime::{Liveness, RuntimeObservation};
use ao_core::slots::workspace::WorkspaceObservation;

use super::look::Answers;
use crate::sessions::{Sessions, changes, sight};
use crate::store::{EventFilter, EventPage, Fence, Result};

/// Why an answer is not believed yet.
const LOOK_AGAIN: &str = "it looks dead, and nobody wrote down how it ended; one more look will tell";
/// How far back a host looks for what a former one told of doubted deaths, in events of that kind.
const HOLDS: u32 = 16;

/// The host's pen.
pub(super) struct Book {
    sessions: Arc<Sessions>,
    fence: Fence,
    policy: Policy,
    /// The status of each session that was last told of.
    told: BTreeMap<SessionId, StatusName>,
    /// Sessions that looked dead in the last look at them, without an explanation.
    suspected: BTreeSet<SessionId>,
    /// Sessions of whom it was told that their deaths are doubted; not read yet after a start.
    doubted: Option<BTreeSet<SessionId>>,
    /// What has been written and is to be told.
    written: Vec<Event>,
}

/// How many of a runtime's sessions a look was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Breadth {
    /// All that live.
    All,
    /// Some.
    Some,
}

/// What is to be done after answers were written down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing.
    #[default]
    Nothing,
    /// All sessions of the runtime are to be looked at before anybody is called dead.
    LookAtAll,
}

impl Book {
    pub(super) fn new(sessions: Arc<Sessions>, fence: Fence) -> Self {
        let (told, suspected, written) = (BTreeMap::new(), BTreeSet::new(), Vec::new());
        Self { sessions, fence, policy: Policy::default(), told, suspected, doubted: None, written }
    }

    /// What has been written since this was last asked.
    pub(super) fn take_written(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.written)
    }

    /// Reads what was last told of a session, after a start.
    pub(super) fn remember(&mut self, id: &SessionId) -> Result<()> {
        if self.told.contains_key(id) {
            return Ok(());
        }
        let last = self.sessions.store.latest_event(id, EventKind::SessionStatusChanged)?;
        if let Some(EventData::SessionStatusChanged(last)) = last.and_then(|event| event.typed()) {
            self.told.insert(id.clone(), last.to);
        }
        Ok(())
    }

    /// The status of a session as its facts stand.
    pub(super) fn status(&self, session: &Session) -> ao_core::lifecycle::Status {
        status(session, self.sessions.world.now(), &self.policy)
    }

    /// Changes sessions, with the events that tell of it, a changed status among them.
    fn write(&mut self, ids: &[SessionId], edit: &mut dyn FnMut(&mut Session) -> Vec<Event>) -> Result<Vec<Session>> {
        for id in ids {
            self.remember(id)?;
        }
        let (world, policy, told) = (&self.sessions.world, &self.policy, &self.told);
        let (mut news, mut written) = (Vec::new(), Vec::new());
        let changed = self.sessions.store.change_many(self.fence, ids, &mut |session| {
            let before = session.clone();
            let mut events = edit(session);
            events.extend(changes(world, &before, session));
            let status = status(session, world.now(), policy);
            let last = told.get(&session.id).copied();
            if last != Some(status.name) {
                let mut data = StatusChanged::new(status.name, status.reason, status.fact);
                data.from = last;
                let mut event = world.event(Some(&session.id), EventData::SessionStatusChanged(data));
                event.causes = events.iter().map(|cause| cause.id.clone()).collect();
                events.push(event);
                news.push((session.id.clone(), status.name));
            }
            written.extend(events.iter().cloned());
            events
        })?;
        self.told.extend(news);
        self.written.extend(written);
        Ok(changed)
    }

    /// Tells of statuses that time alone, or another process, has changed.
    pub(super) fn derive(&mut self, ids: &[SessionId]) -> Result<Vec<Session>> {
        self.write(ids, &mut |_| Vec::new())
    }

    /// Writes down what a runtime said.
    pub(super) fn runtimes(
        &mut self,
        plugin: &PluginName,
        answers: &Answers<RuntimeObservation>,
        breadth: Breadth,
    ) -> Result<Next> {
        let sessions = Arc::clone(&self.sessions);
        let (world, policy) = (&sessions.world, self.policy);
        let ids: Vec<_> = answers.keys().cloned().collect();
        let mut deaths = Deaths::default();
        let mut suspects = BTreeSet::new();
        for id in &ids {
            let Some(mut session) = sessions.store.session(id)? else { continue };
            let lived = status(&session, world.now(), &policy).name.is_live();
            look_at(&mut session, answers.get(id), &sessions, &policy);
            deaths.living += usize::from(lived);
            if lived && is_unexplained(&session) && !status(&session, world.now(), &policy).name.is_live() {
                deaths.unexplained += 1;
                suspects.insert(id.clone());
            }
        }
        let is_news = !suspects.is_subset(&self.suspected);
        self.suspected.retain(|id| !answers.contains_key(id));
        self.suspected.extend(suspects.iter().cloned());
        // Both witnesses may have looked at the same wrong moment.
        let looks_again = is_news || (breadth == Breadth::Some && !suspects.is_empty());
        let (why, next) = if looks_again {
            (Some(LOOK_AGAIN.to_owned()), Next::LookAtAll)
        } else if breadth == Breadth::All && deaths.are_doubted() {
            let Deaths { living, unexplained } = deaths;
            let why = format!(
                "{unexplained} of {living} sessions of `{plugin}` look dead at once, which is not believed; look yourself"
            );
            (Some(why), Next::Nothing)
        } else {
            (None, Next::Nothing)
        };
        if breadth == Breadth::All && !looks_again {
            self.tell_of_doubt(answers, &suspects, deaths)?;
        }
        self.write(&ids, &mut |session| {
            let seen = answers.get(&session.id).map(|seen| {
                let doubted = why.clone().filter(|_| suspects.contains(&session.id));
                RuntimeObservation::new(
                    session.id.clone(),
                    doubted.map_or_else(|| seen.liveness.clone(), |why| Liveness::Unknown { why }),
                )
            });
            look_at(session, seen.as_ref(), &sessions, &policy);
            Vec::new()
        })?;
        Ok(next)
    }

    /// Tells once of deaths that are doubted, until they are not any more.
    fn tell_of_doubt(
        &mut self,
        looked: &Answers<RuntimeObservation>,
        suspects: &BTreeSet<SessionId>,
        deaths: Deaths,
    ) -> Result<()> {
        let mut doubted = match self.doubted.take() {
            Some(doubted) => doubted,
            None => self.told_before()?,
        };
        let is_told = !doubted.is_disjoint(suspects);
        if deaths.are_doubted() {
            doubted.extend(suspects.iter().cloned());
        } else {
            doubted.retain(|id| !looked.contains_key(id));
        }
        self.doubted = Some(doubted);
        if is_told || !deaths.are_doubted() {
            return Ok(());
        }
        let mut data = MassDeathHold::new(suspects.iter().cloned().collect::<Vec<_>>());
        data.live = u32::try_from(deaths.living).unwrap_or(u32::MAX);
        let event = self.sessions.world.event(None, EventData::HostMassDeathHold(data));
        self.sessions.store.append(self.fence, std::slice::from_ref(&event))?;
        self.written.push(event);
        Ok(())
    }

    /// The sessions that a former host told of, as far as they have not been seen alive since.
    fn told_before(&self) -> Result<BTreeSet<SessionId>> {
        let filter = EventFilter {
            kinds: [TypePattern::Exact(EventKind::HostMassDeathHold)].into(),
            limit: HOLDS,
            page: EventPage::Newest,
            ..EventFilter::default()
        };
        let mut doubted = BTreeSet::new();
        for event in self.sessions.store.events(&filter)? {
            let Some(EventData::HostMassDeathHold(hold)) = event.typed() else { continue };
            for id in hold.sessions {
                let last = self.sessions.store.latest_event(&id, EventKind::SessionStatusChanged)?;
                let Some(EventData::SessionStatusChanged(last)) = last.and_then(|event| event.typed()) else {
                    continue;
                };
                // One that made no progress is stuck, too.
                if matches!(last.to, StatusName::Detecting | StatusName::Stuck) && last.fact != "activity" {
                    doubted.insert(id);
                }
            }
        }
        Ok(doubted)
    }

    /// Writes down what an agent plugin said.
    pub(super) fn agents(&mut self, answers: &Answers<AgentObservation>) -> Result<Vec<Session>> {
        let (now, policy) = (self.sessions.world.now(), self.policy);
        let ids: Vec<_> = answers.keys().cloned().collect();
        self.write(&ids, &mut |session| {
            let policy = policy.of(session);
            if let (Some(facts), Some(seen)) = (session.agent.as_mut(), answers.get(&session.id)) {
                observe::agent(facts, seen, now, &policy);
            }
            Vec::new()
        })
    }

    /// Writes down what a workspace plugin said. A session's branch follows its worktree.
    pub(super) fn workspaces(
        &mut self,
        answers: &Answers<std::result::Result<WorkspaceObservation, String>>,
        others: &[Session],
    ) -> Result<Vec<Session>> {
        let now = self.sessions.world.now();
        let ids: Vec<_> = answers.keys().cloned().collect();
        self.write(&ids, &mut |session| {
            let Some(facts) = session.workspace.as_mut() else { return Vec::new() };
            match answers.get(&session.id) {
                Some(Ok(seen)) => observe::workspace(facts, seen, now),
                Some(Err(why)) => observe::workspace_unseen(facts, why, now),
                None => return Vec::new(),
            }
            if let Some(look) = facts.look.clone() {
                match follow(session, &look, others) {
                    Follow::Adopt(branch) => {
                        if let Some(facts) = session.workspace.as_mut() {
                            facts.branch = branch;
                        }
                    }
                    Follow::Taken(owner) => {
                        tracing::warn!("`{}` has switched to the branch of `{owner}`; it keeps its own", session.id);
                    }
                    Follow::Keep => {}
                }
            }
            Vec::new()
        })
    }
}

/// What both witnesses say of a session's process.
fn look_at(session: &mut Session, seen: Option<&RuntimeObservation>, sessions: &Sessions, policy: &Policy) {
    let now = sessions.world.now();
    if session.end.is_some() {
        return;
    }
    let (Some(facts), Some(seen)) = (session.runtime.as_mut(), seen) else { return };
    if facts.exit.is_none() {
        observe::process(facts, sight(facts, &sessions.world), now);
    }
    observe::runtime(facts, seen.liveness.clone(), now, policy);
}

/// Whether nobody wrote down how the agent ended, and nothing else explains it.
fn is_unexplained(session: &Session) -> bool {
    session
        .runtime
        .as_ref()
        .is_some_and(|facts| facts.exit.is_none() && facts.process.as_ref().is_none_or(|probe| probe.detail.is_none()))
}

#[cfg(test)]
mod tests;
