//! Writing down what looks found: facts and the events that tell of them, in one transaction behind the host's fence.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ao_core::lifecycle::{CheckedHead, Deaths, Follow, Policy, StatusName, follow, observe, overlay_checks, status};
use ao_core::model::event::{
    Event, EventData, EventKind, MassDeathHold, PluginConditionChanged, ReportRejected, StatusChanged, TypePattern,
};
use ao_core::model::facts::{Hold, HoldReason, Reporter, Session};
use ao_core::model::{CheckRun, Notice, PluginName, SessionId, Timestamp};
use ao_core::slots::Slot;
use ao_core::slots::agent::AgentObservation;
use ao_core::slots::notifier::Priority;
use ao_core::slots::runtime::{Liveness, RuntimeObservation};
use ao_core::slots::scm::PullFound;
use ao_core::slots::workspace::WorkspaceObservation;

use super::hooks::{Ingested, Outcome, Read};
use super::look::Answers;
use crate::registry::{Condition, ConditionState};
use crate::sessions::{Forge, Sessions, changes, sight};
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
    /// What was last told of instances.
    conditions: BTreeMap<(Slot, PluginName, String), ConditionState>,
    /// What has been written and is to be told.
    written: Vec<Event>,
    /// Whether a notice was written down.
    noticed: bool,
    /// Whether a conversation has used more than before.
    spent: bool,
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
        let (told, suspected, conditions, written, noticed, spent) = Default::default();
        Self {
            sessions,
            fence,
            policy: Policy::default(),
            told,
            suspected,
            doubted: None,
            conditions,
            written,
            noticed,
            spent,
        }
    }

    /// What has been written since this was last asked.
    pub(super) fn take_written(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.written)
    }

    /// Whether a notice has been written since this was last asked.
    pub(super) fn take_noticed(&mut self) -> bool {
        std::mem::take(&mut self.noticed)
    }

    /// Whether a conversation has used something since this was last asked.
    pub(super) fn take_spent(&mut self) -> bool {
        std::mem::take(&mut self.spent)
    }

    /// Takes over what somebody else has written into the log.
    pub(super) fn was_written(&mut self, events: Vec<Event>) {
        self.written.extend(events);
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
        let (mut news, mut written, mut spent) = (Vec::new(), Vec::new(), false);
        let changed = self.sessions.store.change_many(self.fence, ids, &mut |session| {
            let before = session.clone();
            // An answer that comes after the end says nothing of it.
            let mut events = if session.end.is_some() { Vec::new() } else { edit(session) };
            events.extend(changes(world, &before, session));
            spent |= concerns_budgets(&before, session);
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
        self.spent |= spent;
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
        let notice = self.notice_of(&data)?;
        let event = self.sessions.world.event(None, EventData::HostMassDeathHold(data));
        self.sessions.store.add_notice(self.fence, &notice, std::slice::from_ref(&event))?;
        self.written.push(event);
        self.noticed = true;
        Ok(())
    }

    /// What a human is told of deaths that are doubted, by the configuration of one of the sessions.
    fn notice_of(&self, hold: &MassDeathHold) -> Result<Notice> {
        let world = &self.sessions.world;
        let title = format!("{} of {} agents look dead at once; this is not believed", hold.sessions.len(), hold.live);
        let id = format!("mass-death/{}", world.ulid());
        let mut notice = Notice::new(id, Priority::Urgent, title, world.now());
        let names: Vec<_> = hold.sessions.iter().map(SessionId::as_str).collect();
        notice.body = format!("{}\n`ao status --refresh` looks again; `ao inbox` says what to do.", names.join(", "));
        let first = hold.sessions.first().map(|id| self.sessions.store.session(id)).transpose()?.flatten();
        notice.config_file = first.and_then(|session| session.config_file);
        Ok(notice)
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

    /// Holds the sessions that are `over` their budgets, and lifts the hold of those that are `within` again. A pause outlasts
    /// that, and who is held for another reason stays held for that. Says since when those that are over have been held.
    pub(super) fn budgets(
        &mut self,
        over: &[SessionId],
        within: &[SessionId],
    ) -> Result<BTreeMap<SessionId, Timestamp>> {
        let now = self.sessions.world.now();
        let ids: Vec<_> = over.iter().chain(within).cloned().collect();
        let mut held = BTreeMap::new();
        self.write(&ids, &mut |session| {
            let reason = session.hold.as_ref().map(|hold| hold.reason);
            if over.contains(&session.id) {
                if let Some(pause) = session.hold.take_if(|hold| hold.reason == HoldReason::Paused) {
                    let budget = session.hold.insert(Hold::new(HoldReason::Budget, now));
                    budget.paused_at = Some(pause.at);
                }
                let hold = session.hold.get_or_insert_with(|| Hold::new(HoldReason::Budget, now));
                held.insert(session.id.clone(), hold.at);
            } else if within.contains(&session.id) && reason == Some(HoldReason::Budget) {
                session.hold = session.hold.take().and_then(Hold::without_its_reason);
            }
            Vec::new()
        })?;
        Ok(held)
    }

    /// Writes down what an agent plugin said in a look that began then.
    pub(super) fn agents(&mut self, answers: &Answers<AgentObservation>, began: Timestamp) -> Result<Vec<Session>> {
        let (taken, policy) = (observe::Taken { began, now: self.sessions.world.now() }, self.policy);
        let ids: Vec<_> = answers.keys().cloned().collect();
        let mut conversations = BTreeSet::new();
        let written = self.write(&ids, &mut |session| {
            let policy = policy.of(session);
            if let (Some(facts), Some(seen)) = (session.agent.as_mut(), answers.get(&session.id)) {
                let before = facts.agent_session.clone();
                observe::agent(facts, seen, taken, &policy);
                if let Some(prompt) = &mut session.prompt {
                    observe::launch_prompt(prompt, seen);
                }
                if facts.agent_session != before {
                    conversations.insert(session.id.clone());
                }
            }
            Vec::new()
        })?;
        // Without it, a session that is found again could not go on where it was.
        let begun = written.iter().filter(|session| conversations.contains(&session.id));
        begun.for_each(|session| self.sessions.leave_facts(session));
        Ok(written)
    }

    /// Tells how an instance of a plugin is doing, where that is news: each begins with calls that pass.
    pub(super) fn condition(&mut self, condition: &Condition) -> Result<()> {
        let key = (condition.slot, condition.name.clone(), condition.config.clone());
        let from = self.conditions.get(&key).copied().unwrap_or(ConditionState::Closed);
        if from == condition.state {
            return Ok(());
        }
        let (slot, name, config) = key.clone();
        let mut data = PluginConditionChanged::new(slot, name, config, condition.state);
        (data.from, data.retry_at) = (Some(from), condition.retry_at);
        data.why.clone_from(&condition.why);
        let event = self.sessions.world.event(None, EventData::PluginConditionChanged(data));
        self.sessions.store.append(self.fence, std::slice::from_ref(&event))?;
        self.conditions.insert(key, condition.state);
        self.written.push(event);
        Ok(())
    }

    /// Instances may be new: nothing was told of those.
    pub(super) fn forget_conditions(&mut self) {
        self.conditions.clear();
    }

    /// Writes down what was found in spools, and the names of what was, so that it is written down once.
    pub(super) fn hooks(&mut self, found: &BTreeMap<SessionId, Ingested>) -> Result<Vec<Session>> {
        let (sessions, policy) = (Arc::clone(&self.sessions), self.policy);
        let ids: Vec<_> = found.keys().cloned().collect();
        self.write(&ids, &mut |session| {
            let Some(ingested) = found.get(&session.id) else { return Vec::new() };
            session.spooled.retain(|name| !ingested.gone.contains(name));
            let policy = policy.of(session);
            let mut news = Vec::new();
            for Read { name, outcome } in &ingested.reads {
                if matches!(outcome, Outcome::Later { .. }) || session.spooled.contains(name) {
                    continue;
                }
                session.spooled.push(name.clone());
                news.extend(take_in(session, name, outcome, sessions.world.now(), &policy));
            }
            news.into_iter().map(|data| sessions.world.event(Some(&session.id), data)).collect()
        })
    }

    /// Writes down what an scm plugin said when it was `asked`. What a command has seen since then is newer.
    pub(super) fn pulls(
        &mut self,
        forge: &Forge,
        answers: &Answers<PullFound>,
        asked: Timestamp,
    ) -> Result<Vec<Session>> {
        let now = self.sessions.world.now();
        let ids: Vec<_> = answers.keys().cloned().collect();
        // A time that is still to come is of a clock that was put back since.
        let is_newer = |session: &Session| session.pull.as_ref().is_some_and(|pull| pull.at > asked && pull.at <= now);
        self.write(&ids, &mut |session| {
            // How it ended is written down, and what becomes of its pull request is somebody else's.
            if let Some(found) = answers
                .get(&session.id)
                .filter(|_| session.end.is_none() && !is_newer(session) && !session.is_without_pull())
            {
                observe::pull(session, &forge.scm.plugin, &forge.repository, found, now);
            }
            Vec::new()
        })
    }

    /// Writes down how checks stand that the host runs itself, as far as the pull request is still at that head.
    pub(super) fn checks(&mut self, shown: &BTreeMap<SessionId, (CheckedHead, Vec<CheckRun>)>) -> Result<Vec<Session>> {
        let ids: Vec<_> = shown.keys().cloned().collect();
        self.write(&ids, &mut |session| {
            if let (Some(pull), Some((head, runs))) = (session.pull.as_mut(), shown.get(&session.id))
                && pull.snapshot.head == head.commit
            {
                overlay_checks(&mut pull.snapshot, &head.plan, runs);
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

/// Whether a change is one that budgets are about: something was used, or somebody who may use nothing more begins to work.
fn concerns_budgets(before: &Session, after: &Session) -> bool {
    let usage = |session: &Session| session.agent.as_ref().map(|agent| agent.usage.clone());
    let state = |session: &Session| Some(session.agent.as_ref()?.activity.as_ref()?.state);
    let is_held = after.hold.as_ref().is_some_and(|hold| hold.reason == HoldReason::Budget);
    usage(before) != usage(after) || is_held && state(before) != state(after)
}

/// What a file of a session's spool changes, and what is told of it.
fn take_in(session: &mut Session, name: &str, outcome: &Outcome, now: Timestamp, policy: &Policy) -> Vec<EventData> {
    match outcome {
        Outcome::Seen { at, seen } => {
            let of_this_launch =
                session.runtime.as_ref().is_none_or(|runtime| runtime.launch <= 1 || *at >= runtime.launched_at);
            if let Some(facts) = session.agent.as_mut().filter(|_| of_this_launch) {
                for seen in seen {
                    observe::hook(facts, seen, now, policy);
                }
            }
            Vec::new()
        }
        // A clock that was ahead when it was written is not any more.
        Outcome::Report { id, report, at } => {
            observe::report_telling(session, id, report, Reporter::Agent, (*at).min(now)).1
        }
        Outcome::Refused { why } => {
            vec![EventData::AgentReportRejected(ReportRejected::new(name, why.as_str()))]
        }
        Outcome::Later { .. } => Vec::new(),
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
