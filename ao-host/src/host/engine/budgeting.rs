//! Budgets: sessions that have used what they may, by themselves or with all of their project, are held, their agents
//! interrupted, and a human told, once for each budget and limit of a session or of a project. What is to be done is read from the facts and the
//! configurations in force, each time anew: a killed host's work is taken up where it stopped.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use ao_core::Result;
use ao_core::config::Budgets;
use ao_core::lifecycle::{Overrun, Spent, Turn, overrun};
use ao_core::model::event::{BudgetExceeded, Event, EventData};
use ao_core::model::facts::{HoldReason, OperationKind, Session};
use ao_core::model::{Notice, NoticeState, SessionId};
use ao_core::prices::Prices;
use ao_core::slots::notifier::Priority;

use super::super::HostContext;
use super::crews::Crews;
use super::{Done, Engine};
use crate::store::{EventFilter, Fence, SessionFilter};

/// What the engine keeps about budgets. Nothing of it is needed after a start.
#[derive(Debug, Default)]
pub(super) struct Budgeting {
    /// When they are looked at next.
    at: Option<Duration>,
    /// Sessions whose agents are being interrupted.
    under_way: BTreeSet<SessionId>,
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
        if terms.is_empty() {
            return Ok(());
        }
        let there = self.context.sessions.store.sessions(&SessionFilter::default());
        let judged = there.map_err(Into::into).and_then(|there| self.judge(&there, &terms));
        if judged.is_err() {
            // Whoever fails here looks again.
            self.budgeting.ask(now);
        }
        judged
    }

    fn judge(&mut self, there: &[Session], terms: &BTreeMap<SessionId, Terms>) -> Result<()> {
        let mut projects: BTreeMap<_, Spent> = BTreeMap::new();
        let (mut over, mut within, mut so) = (Vec::new(), Vec::new(), BTreeSet::new());
        for session in there {
            let Some(Terms { budgets, prices }) = terms.get(&session.id) else { continue };
            let project = (&session.project, &*session.project_path);
            let together = projects
                .entry((project, &session.config_file))
                .or_insert_with(|| Spent::of_project(project, there, prices));
            match overrun(budgets, &Spent::of_session(session, prices), together) {
                None => within.push(session),
                Some(found) => {
                    let goes_on = self.goes_on(session);
                    // A project has used what it may, whichever of its sessions go on.
                    if goes_on || found.is_of_project() {
                        so.insert(found.notice_id(session));
                    }
                    over.extend(goes_on.then_some((session, found)));
                }
            }
        }
        self.take_back(&so, there, terms)?;
        let ids = |of: &mut dyn Iterator<Item = &&Session>| of.map(|session| session.id.clone()).collect::<Vec<_>>();
        let over_ids = ids(&mut over.iter().map(|(session, _)| session));
        let within = ids(&mut within.iter().filter(|session| is_held(session)));
        if over_ids.is_empty() && within.is_empty() {
            return Ok(());
        }
        let held = self.book.budgets(&over_ids, &within)?;
        self.remember_versions(&over_ids)?;
        self.remember_versions(&within)?;
        for (session, found) in over {
            if held.contains(&session.id) || !self.is_told(session, &found)? {
                self.interrupt(session, found)?;
            }
        }
        Ok(())
    }

    /// Whether a human was told that a session is held for this, and its agent interrupted before. Of a project the notice is
    /// one for all of its sessions, so that of each the log says it.
    fn is_told(&self, session: &Session, found: &Overrun) -> Result<bool> {
        let told = self.context.sessions.store.notice(&found.notice_id(session))?;
        let is_told = told.is_some_and(|notice| notice.state != NoticeState::Withdrawn);
        Ok(is_told && (!found.is_of_project() || self.is_logged(&session.id, found)?))
    }

    fn is_logged(&self, session: &SessionId, found: &Overrun) -> Result<bool> {
        let kinds = "budget.exceeded".parse().into_iter().collect();
        let filter = EventFilter { session: Some(session.clone()), kinds, limit: u32::MAX, ..EventFilter::default() };
        let (key, limit) = (found.key.as_str(), found.limit.to_string());
        let is_it = |event: &Event| event.data["key"] == key && event.data["limit"] == limit.as_str();
        Ok(self.context.sessions.store.events(&filter)?.iter().any(is_it))
    }

    /// Whether a session can use anything more. One that is being started is looked at when it is.
    fn goes_on(&self, session: &Session) -> bool {
        let is_free = session.op.as_ref().is_none_or(|op| op.kind == OperationKind::Send);
        is_free && session.runtime.is_some() && self.book.status(session).name.is_live()
    }

    /// Takes notices back that nobody was told yet, and that are not so any more.
    fn take_back(
        &mut self,
        so: &BTreeSet<String>,
        there: &[Session],
        terms: &BTreeMap<SessionId, Terms>,
    ) -> Result<()> {
        for notice in self.context.sessions.store.open_notices()? {
            let is_about = |session: &&Session| match &notice.session {
                Some(id) => session.id == *id,
                None => Some(&session.project) == notice.project.as_ref() && session.config_file == notice.config_file,
            };
            let is_judged = there.iter().filter(is_about).any(|session| terms.contains_key(&session.id));
            if Overrun::is_notice(&notice.id) && is_judged && !so.contains(&notice.id) {
                self.change_notice(&notice.id, &mut Notice::withdraw)?;
            }
        }
        Ok(())
    }

    fn interrupt(&mut self, session: &Session, found: Overrun) -> Result<()> {
        if !self.budgeting.under_way.insert(session.id.clone()) {
            return Ok(());
        }
        let crew = match self.crews.of(&self.context, session) {
            Ok(crew) => crew,
            Err(error) => return self.interrupted(&session.id, &found, &Turn::GoesOn { why: error.to_string() }),
        };
        let (sessions, id) = (Arc::clone(&self.context.sessions), session.id.clone());
        sessions.failpoints.pass("budget.interrupt.before")?;
        self.calls.spawn(async move {
            let turn = sessions.interrupt(&id, &crew, &found.interruption(&id)).await;
            Done::Interrupted { id, overrun: found, turn }
        });
        Ok(())
    }

    /// An agent was interrupted, or could not be: now a human is told.
    pub(super) fn interrupted(&mut self, id: &SessionId, found: &Overrun, turn: &Turn) -> Result<()> {
        self.budgeting.under_way.remove(id);
        let sessions = Arc::clone(&self.context.sessions);
        sessions.failpoints.pass("budget.notice.before")?;
        let Some(session) = sessions.store.session(id)? else { return Ok(()) };
        let (title, now) = (found.title(id, &session.project), sessions.world.now());
        let mut notice = Notice::new(found.notice_id(&session), Priority::Urgent, title, now);
        notice.body = found.body(id, turn);
        notice.session = (!found.is_of_project()).then(|| id.clone());
        notice.project = Some(session.project.clone());
        notice.config_file.clone_from(&session.config_file);
        let mut data = BudgetExceeded::new(found.key.as_str(), found.limit.to_string(), found.used.to_string());
        data.turn = Some(turn.to_string());
        let event = sessions.world.event(Some(id), EventData::BudgetExceeded(data));
        if sessions.store.add_notice(Fence::Epoch(self.epoch), &notice, std::slice::from_ref(&event))? {
            self.book.was_written(vec![event]);
            self.telling.ask(self.elapsed());
        } else if found.is_of_project() && !self.is_logged(id, found)? {
            let mut add = |notice: &mut Notice| {
                notice.body = Overrun::body_with(&notice.body, id, turn);
                vec![event.clone()]
            };
            sessions.store.change_notice(Fence::Epoch(self.epoch), &notice.id, &mut add)?;
            self.book.was_written(vec![event]);
        }
        // It may have been held for another budget meanwhile, or for none.
        self.read_store()
    }
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
