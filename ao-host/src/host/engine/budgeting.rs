//! Budgets: sessions that have used what they may, by themselves or with all of their project, are held, their agents
//! interrupted, and a human told, once for each session, budget and limit. What is to be done is read from the facts and the
//! configurations in force, each time anew: a killed host's work is taken up where it stopped.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use ao_core::Result;
use ao_core::config::Budgets;
use ao_core::lifecycle::{Overrun, Spent, Turn, overrun};
use ao_core::model::event::{BudgetExceeded, EventData};
use ao_core::model::facts::{HoldReason, OperationKind, Session};
use ao_core::model::{Notice, NoticeState, SessionId};
use ao_core::prices::Prices;
use ao_core::slots::notifier::Priority;

use super::super::HostContext;
use super::crews::Crews;
use super::{Done, Engine};
use crate::store::{Fence, SessionFilter};

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
        let (mut over, mut within) = (Vec::new(), Vec::new());
        for session in there {
            let Some(Terms { budgets, prices }) = terms.get(&session.id) else { continue };
            let project = (&session.project, &*session.project_path);
            let together = projects
                .entry((project, &session.config_file))
                .or_insert_with(|| Spent::of_project(project, there, prices));
            match overrun(budgets, &Spent::of_session(session, prices), together) {
                None => within.push(session),
                Some(found) if self.goes_on(session) => over.push((session, found)),
                Some(_) => {}
            }
        }
        self.take_back(&over, terms)?;
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
            let told = self.context.sessions.store.notice(&found.notice_id(&session.id))?;
            let is_told = told.is_some_and(|notice| notice.state != NoticeState::Withdrawn);
            if held.contains(&session.id) || !is_told {
                self.interrupt(session, found)?;
            }
        }
        Ok(())
    }

    /// Whether a session can use anything more. One that is being started is looked at when it is.
    fn goes_on(&self, session: &Session) -> bool {
        let is_free = session.op.as_ref().is_none_or(|op| op.kind == OperationKind::Send);
        is_free && session.runtime.is_some() && self.book.status(session).name.is_live()
    }

    /// Takes notices back that nobody was told yet, and that are not so any more.
    fn take_back(&mut self, over: &[(&Session, Overrun)], terms: &BTreeMap<SessionId, Terms>) -> Result<()> {
        let is_so = |notice: &Notice| over.iter().any(|(session, found)| found.notice_id(&session.id) == notice.id);
        for notice in self.context.sessions.store.open_notices()? {
            let is_judged = notice.session.as_ref().is_some_and(|session| terms.contains_key(session));
            if Overrun::is_notice(&notice.id) && is_judged && !is_so(&notice) {
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
            let turn = sessions.interrupt(&id, &crew, &found.notice_id(&id)).await;
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
        let mut notice = Notice::new(found.notice_id(id), Priority::Urgent, title, now);
        notice.body = found.body(id, turn);
        (notice.session, notice.project) = (Some(id.clone()), Some(session.project.clone()));
        notice.config_file.clone_from(&session.config_file);
        let mut data = BudgetExceeded::new(found.key.as_str(), found.limit.to_string(), found.used.to_string());
        data.turn = Some(turn.to_string());
        let event = sessions.world.event(Some(id), EventData::BudgetExceeded(data));
        if sessions.store.add_notice(Fence::Epoch(self.epoch), &notice, std::slice::from_ref(&event))? {
            self.book.was_written(vec![event]);
            self.telling.ask(self.elapsed());
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
