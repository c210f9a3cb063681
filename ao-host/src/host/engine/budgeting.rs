//! Budgets: sessions that have used what they may, by themselves or with all of their project, are held, their agents
//! interrupted as often as they are seen to work, and a human told once: of each hold of a session, and of each limit of a
//! project. What is to be done is read from the facts and the configurations in force, each time anew: a killed host's work
//! is taken up where it stopped.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use ao_core::Result;
use ao_core::config::Budgets;
use ao_core::lifecycle::{Overrun, Spent, Turn, Uncounted, overrun};
use ao_core::model::event::{BudgetExceeded, Event, EventData};
use ao_core::model::facts::{HoldReason, OperationKind, Session};
use ao_core::model::{Notice, NoticeState, SessionId, Timestamp};
use ao_core::prices::Prices;
use ao_core::slots::agent::ActivityState;
use ao_core::slots::notifier::Priority;

use super::super::HostContext;
use super::crews::Crews;
use super::{Done, Engine};
use crate::store::{EventFilter, Fence, SessionFilter};

/// Between two attempts to interrupt an agent that goes on.
const AGAIN: Duration = Duration::from_secs(30);

/// What the engine keeps about budgets. Nothing of it is needed after a start.
#[derive(Debug, Default)]
pub(super) struct Budgeting {
    /// When they are looked at next.
    at: Option<Duration>,
    /// Sessions whose agents are being interrupted.
    under_way: BTreeSet<SessionId>,
    /// When an agent that was interrupted, and goes on, is interrupted again.
    again: BTreeMap<SessionId, Duration>,
}

impl Budgeting {
    /// Asks for a look.
    pub(super) fn ask(&mut self, at: Duration) {
        self.at = Some(self.at.map_or(at, |before| before.min(at)));
    }

    /// When the next look is due.
    pub(super) const fn next(&self) -> Option<Duration> {
        self.at
    }
}

/// What a configuration says of a session.
struct Terms {
    budgets: Budgets,
    prices: Arc<Prices>,
}

/// A session that has used what it may.
struct Over<'a> {
    session: &'a Session,
    found: Overrun,
}

impl Over<'_> {
    /// Names what a human is told of it, once its session is held.
    fn notice_id(&self) -> Option<String> {
        let since = self.session.hold.as_ref().map(|hold| hold.at);
        // A project has used what it may, whichever of its sessions are held.
        let since = since.or(self.found.is_of_project().then_some(self.session.created_at))?;
        Some(self.found.notice_id(self.session, since))
    }
}

impl Engine {
    /// Asks for a look if a conversation has used something.
    pub(super) fn ask_for_budgets(&mut self, now: Duration) {
        if self.book.take_spent() {
            self.budgeting.ask(now);
        }
    }

    /// Holds what is to be held, and lifts what is held no more, if it is time to look.
    pub(super) fn tend_budgets(&mut self) -> Result<()> {
        let now = self.elapsed();
        if self.budgeting.at.is_none_or(|at| at > now) {
            return Ok(());
        }
        self.budgeting.at = None;
        let mut terms = BTreeMap::new();
        for session in self.live.values() {
            let said = self.crews.terms(&self.context, session);
            if let Some(said) = said.filter(|said| !said.budgets.is_none() || is_held(session)) {
                terms.insert(session.id.clone(), said);
            }
        }
        let judged = self.take_back_of_ended().and_then(|()| {
            if terms.is_empty() {
                return Ok(());
            }
            self.judge(&self.sessions_of_projects(&terms)?, &terms)
        });
        if judged.is_err() {
            // Whoever fails here looks again.
            self.budgeting.ask(now);
        }
        judged
    }

    /// The sessions of the projects that have terms, those that have ended among them.
    fn sessions_of_projects(&self, terms: &BTreeMap<SessionId, Terms>) -> Result<Vec<Session>> {
        let with_terms = self.live.values().filter(|session| terms.contains_key(&session.id));
        let projects: BTreeSet<_> = with_terms.map(|session| (&session.project, &session.project_path)).collect();
        let mut there = Vec::new();
        for (project, path) in projects {
            let filter = SessionFilter { project: Some(project.clone()), project_path: Some(path.clone()) };
            there.extend(self.context.sessions.store.sessions(&filter)?);
        }
        Ok(there)
    }

    fn judge(&mut self, there: &[Session], terms: &BTreeMap<SessionId, Terms>) -> Result<()> {
        let mut projects: BTreeMap<_, Spent> = BTreeMap::new();
        let (mut over, mut within, mut uncounted) = (Vec::new(), Vec::new(), BTreeMap::new());
        for session in there {
            let Some(Terms { budgets, prices }) = terms.get(&session.id) else { continue };
            let project = (&session.project, &*session.project_path);
            let together = projects
                .entry((project, &session.config_file))
                .or_insert_with(|| Spent::of_project(project, there, prices));
            for found in Uncounted::of(budgets, together) {
                uncounted.insert(found.notice_id(project.0, project.1), (session, found));
            }
            match overrun(budgets, &Spent::of_session(session, prices), together) {
                None => within.push(session),
                Some(found) => over.push(Over { session, found }),
            }
        }
        let named = over.iter().filter_map(Over::notice_id).chain(uncounted.keys().cloned()).collect();
        self.take_back(&named, there, terms)?;
        for (id, (session, found)) in uncounted {
            self.tell_uncounted(id, session, &found)?;
        }
        over.retain(|over| self.goes_on(over.session));
        let over_ids: Vec<_> = over.iter().map(|over| over.session.id.clone()).collect();
        let held = within.iter().filter(|session| is_held(session));
        let within: Vec<_> = held.map(|session| session.id.clone()).collect();
        self.budgeting.again.retain(|id, _| over_ids.contains(id));
        if over_ids.is_empty() && within.is_empty() {
            return Ok(());
        }
        let held = self.book.budgets(&over_ids, &within)?;
        self.remember_versions(&over_ids)?;
        self.remember_versions(&within)?;
        for Over { session, found } in over {
            let Some(since) = held.get(&session.id) else { continue };
            let stopped = Stopped { overrun: found, since: *since };
            if !self.is_told(session, &stopped)? || self.is_due_again(session) {
                self.interrupt(session, stopped)?;
            }
        }
        Ok(())
    }

    /// Whether an agent that was interrupted before works again, or still, and it is time to interrupt it once more: a budget
    /// that is used up stays so.
    fn is_due_again(&mut self, session: &Session) -> bool {
        let activity = session.agent.as_ref().and_then(|agent| agent.activity.as_ref());
        if activity.is_none_or(|activity| activity.state != ActivityState::Active) {
            return false;
        }
        let at = self.budgeting.again.get(&session.id).copied().filter(|at| *at > self.elapsed());
        if let Some(at) = at {
            self.budgeting.ask(at);
        }
        at.is_none()
    }

    /// Whether a human was told that a session is held for this, and its agent interrupted before. Of a project the notice is
    /// one for all of its sessions, so that of each the log says it.
    fn is_told(&self, session: &Session, stopped: &Stopped) -> Result<bool> {
        let told = self.context.sessions.store.notice(&stopped.overrun.notice_id(session, stopped.since))?;
        let is_told = told.is_some_and(|notice| notice.state != NoticeState::Withdrawn);
        Ok(is_told && (!stopped.overrun.is_of_project() || self.is_logged(&session.id, stopped)?))
    }

    fn is_logged(&self, session: &SessionId, stopped: &Stopped) -> Result<bool> {
        let kinds = "budget.exceeded".parse().into_iter().collect();
        let filter = EventFilter { session: Some(session.clone()), kinds, limit: u32::MAX, ..EventFilter::default() };
        let (key, limit) = (stopped.overrun.key.as_str(), stopped.overrun.limit.to_string());
        let is_it = |event: &Event| {
            event.timestamp >= stopped.since && event.data["key"] == key && event.data["limit"] == limit.as_str()
        };
        Ok(self.context.sessions.store.events(&filter)?.iter().any(is_it))
    }

    /// Whether a session can use anything more. One that is being started is looked at when it is.
    fn goes_on(&self, session: &Session) -> bool {
        let is_free = session.op.as_ref().is_none_or(|op| op.kind == OperationKind::Send);
        is_free && session.runtime.is_some() && self.book.status(session).name.is_live()
    }

    /// Tells once of a model that a budget in dollars does not count.
    fn tell_uncounted(&mut self, id: String, session: &Session, found: &Uncounted) -> Result<()> {
        let sessions = Arc::clone(&self.context.sessions);
        if sessions.store.notice(&id)?.is_some() {
            return Ok(());
        }
        let mut notice = Notice::new(id, Priority::Warning, found.title(&session.project), sessions.world.now());
        notice.body = found.body();
        notice.project = Some(session.project.clone());
        notice.config_file.clone_from(&session.config_file);
        if sessions.store.add_notice(Fence::Epoch(self.epoch), &notice, &[])? {
            self.telling.ask(self.elapsed());
        }
        Ok(())
    }

    /// Takes notices back that nobody was told yet, and that are not so any more: `so` names those that are.
    fn take_back(
        &mut self,
        so: &BTreeSet<String>,
        there: &[Session],
        terms: &BTreeMap<SessionId, Terms>,
    ) -> Result<()> {
        for notice in self.budget_notices()? {
            let is_about = |session: &&Session| match &notice.session {
                Some(id) => session.id == *id,
                None => Some(&session.project) == notice.project.as_ref() && session.config_file == notice.config_file,
            };
            let is_judged = there.iter().filter(is_about).any(|session| terms.contains_key(&session.id));
            if is_judged && !so.contains(&notice.id) {
                self.change_notice(&notice.id, &mut Notice::withdraw)?;
            }
        }
        Ok(())
    }

    /// Of a session that has ended there is nothing left to decide.
    fn take_back_of_ended(&mut self) -> Result<()> {
        for notice in self.budget_notices()? {
            let Some(id) = &notice.session else { continue };
            if self.context.sessions.store.session(id)?.is_none_or(|session| session.end.is_some()) {
                self.change_notice(&notice.id, &mut Notice::withdraw)?;
            }
        }
        Ok(())
    }

    /// What is still to be told of budgets.
    fn budget_notices(&self) -> Result<Vec<Notice>> {
        let mut open = self.context.sessions.store.open_notices()?;
        open.retain(|notice| Overrun::is_notice(&notice.id));
        Ok(open)
    }

    fn interrupt(&mut self, session: &Session, stopped: Stopped) -> Result<()> {
        if !self.budgeting.under_way.insert(session.id.clone()) {
            return Ok(());
        }
        let crew = match self.crews.of(&self.context, session) {
            Ok(crew) => crew,
            Err(error) => return self.interrupted(&session.id, &stopped, &Turn::GoesOn { why: error.to_string() }),
        };
        let (sessions, id) = (Arc::clone(&self.context.sessions), session.id.clone());
        sessions.failpoints.pass("budget.interrupt.before")?;
        self.calls.spawn(async move {
            let turn = sessions.interrupt(&id, &crew, &stopped.overrun.interruption(&id, stopped.since)).await;
            Done::Interrupted { id, stopped, turn }
        });
        Ok(())
    }

    /// An agent was interrupted, or could not be: now a human is told, if that is so still.
    pub(super) fn interrupted(&mut self, id: &SessionId, stopped: &Stopped, turn: &Turn) -> Result<()> {
        self.budgeting.under_way.remove(id);
        let again = self.elapsed() + AGAIN;
        self.budgeting.again.insert(id.clone(), again);
        self.budgeting.ask(again);
        let Stopped { overrun: found, since } = stopped;
        let sessions = Arc::clone(&self.context.sessions);
        sessions.failpoints.pass("budget.notice.before")?;
        let Some(session) = sessions.store.session(id)? else { return Ok(()) };
        let is_so = session.end.is_none() && session.hold.as_ref().is_some_and(|hold| hold.at == *since);
        if is_so {
            let (title, now) = (found.title(id, &session.project), sessions.world.now());
            let mut notice = Notice::new(found.notice_id(&session, *since), Priority::Urgent, title, now);
            notice.body = found.body(id, turn);
            notice.session = (!found.is_of_project()).then(|| id.clone());
            notice.project = Some(session.project.clone());
            notice.config_file.clone_from(&session.config_file);
            let mut data = BudgetExceeded::new(found.key.as_str(), found.limit.to_string(), found.used.to_string());
            data.turn = Some(turn.to_string());
            let event = sessions.world.event(Some(id), EventData::BudgetExceeded(data));
            let fence = Fence::Epoch(self.epoch);
            if sessions.store.add_notice(fence, &notice, std::slice::from_ref(&event))? {
                self.book.was_written(vec![event]);
                self.telling.ask(self.elapsed());
            } else if found.is_of_project() && !self.is_logged(id, stopped)? {
                let mut add = |notice: &mut Notice| {
                    notice.body = Overrun::body_with(&notice.body, id, turn);
                    vec![event.clone()]
                };
                sessions.store.change_notice(fence, &notice.id, &mut add)?;
                self.book.was_written(vec![event]);
            }
        }
        // It may have been held for another budget meanwhile, or for none.
        self.read_store()
    }
}

/// Why an agent's turn is interrupted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stopped {
    overrun: Overrun,
    /// When its session was held.
    since: Timestamp,
}

fn is_held(session: &Session) -> bool {
    session.hold.as_ref().is_some_and(|hold| hold.reason == HoldReason::Budget)
}

impl Crews {
    /// What is said of a session's project. Where the configuration cannot be used, is not trusted, or has the project no
    /// more, there is nothing to go by: what is held stays held, and nothing else is.
    fn terms(&mut self, context: &HostContext, session: &Session) -> Option<Terms> {
        let setup = self.in_force(context, session.config_file.as_ref()).ok()?;
        let project = setup.loaded.config.project(&session.project).ok()?;
        Some(Terms { budgets: project.budgets, prices: Arc::clone(&project.prices) })
    }
}
