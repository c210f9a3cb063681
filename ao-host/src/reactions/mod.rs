//! Carrying out what was decided. [`decide`](ao_core::lifecycle::decide) says what is to be done; here it is done, once.
//!
//! The order is always the same, so that a crash between any two steps is survived: look at the facts anew, ask whether it
//! is still wanted, put together what is said and store it with the mark that the effect may happen from now on, do it, and
//! write down what became of it. Whoever finds that mark after a crash first looks for the effect in the world.

mod merge;
mod notice;
pub(crate) mod rules;
mod run;
mod send;
pub(crate) mod spawn;
mod words;

use std::sync::Arc;
use std::time::Duration;

use ao_core::lifecycle::decide::{Deed, Ledger, Outcome, Validity, validity, validity_project};
use ao_core::lifecycle::{CheckPlan, Policy, Status, overlay_checks, status};
use ao_core::model::event::{Event, EventData};
use ao_core::model::facts::Session;
use ao_core::slots::scm::{PullFound, PullState, PullTarget};
use ao_core::{Error, Result};

use crate::hash::sha256;
use crate::sessions::{Crew, Forge, Sessions};
use crate::setup::Environment;
use crate::store::{Fence, OutboxEntry, OutboxState, Rendered, SessionFilter};
use rules::{ProjectRules, Ruling};
use spawn::Kit;

/// How soon something is looked at again that is under way, or that nobody could look at.
const SOON: Duration = Duration::from_secs(5);
/// How soon something is tried again that waits for a human, or for time to pass.
const LATER: Duration = Duration::from_secs(30);

/// One thing that is to be done, with everything that is needed for it.
pub(crate) struct Errand {
    pub(crate) entry: OutboxEntry,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) fence: Fence,
    /// The rules in force.
    pub(crate) project: Arc<ProjectRules>,
    /// The session's plugins; none for what is about a project.
    pub(crate) crew: Option<Arc<Crew>>,
    /// Where the pull request is.
    pub(crate) forge: Option<Arc<Forge>>,
    /// What another session is started with, where one is to be.
    pub(crate) kit: Option<Kit>,
    /// What programs may see of the user's environment.
    pub(crate) environment: Environment,
    /// What was written into the log about it.
    pub(crate) told: Vec<Event>,
}

/// The longest that somebody may wish us to wait.
const LONGEST: Duration = Duration::from_mins(15);

/// How far it got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Carried {
    /// It is over, whatever became of it.
    Over,
    /// It waits, for so long at most.
    Waits(Duration),
}

/// What is next.
enum Turn {
    /// It is over.
    Over(Outcome),
    /// It waits for so long at most, and why.
    Wait(Duration, String),
    /// It is under way, and somebody says when it is over; this is for when nobody does.
    UnderWay(Duration),
}

/// What an intent is about, as it is now.
struct Subject {
    /// None where it is about a project.
    session: Option<(Session, Status)>,
    /// The project's sessions, where it is about a project.
    there: Vec<(Session, Status)>,
}

impl Subject {
    fn all(&self) -> Vec<(&Session, &Status)> {
        self.session.iter().chain(&self.there).map(|(session, status)| (session, status)).collect()
    }
}

impl Errand {
    /// Carries it out, as far as that can be done now.
    pub(crate) async fn carry_out(mut self) -> (Result<Carried>, Vec<Event>) {
        let carried = self.carry().await;
        (carried, self.told)
    }

    async fn carry(&mut self) -> Result<Carried> {
        match Box::pin(self.turn()).await? {
            Turn::Over(outcome) => {
                self.settle(&outcome)?;
                Ok(Carried::Over)
            }
            Turn::Wait(after, why) => {
                self.note(&why)?;
                Ok(Carried::Waits(after))
            }
            Turn::UnderWay(after) => Ok(Carried::Waits(after)),
        }
    }

    async fn turn(&mut self) -> Result<Turn> {
        let was_begun = self.entry.state == OutboxState::Begun;
        if was_begun && let Some(turn) = self.find_effect().await? {
            return Ok(turn);
        }
        if let Some(why) = self.is_held()? {
            return Ok(Turn::Wait(LATER, why));
        }
        let subject = match self.look().await {
            Ok(subject) => subject,
            Err(error) if error.retryable() => return Ok(Turn::Wait(rest(&error, SOON), error.to_string())),
            Err(error) => return self.give_up(Outcome::Failed { why: error.to_string() }),
        };
        match self.validity(&subject)? {
            Validity::Valid => {}
            Validity::Held(why) => return Ok(Turn::Wait(LATER, why)),
            Validity::Superseded(why) => return self.give_up(Outcome::Superseded { why }),
        }
        let rendered = match self.stored_words() {
            Some(rendered) => rendered,
            None => match self.words(&subject).await {
                Ok(text) => self.store_words(text)?,
                Err(error) => return Ok(Turn::Over(Outcome::Refused { why: error.to_string() })),
            },
        };
        Box::pin(self.act(&subject, &rendered)).await
    }

    /// Whether what a human is to be told is so, by what is written down.
    async fn is_so_still(&self) -> Result<bool> {
        let subject = self.look().await?;
        Ok(!matches!(self.validity(&subject)?, Validity::Superseded(_)))
    }

    /// Why nothing is done about the session now, if so: a human holds it, or something is being done to it.
    fn is_held(&self) -> Result<Option<String>> {
        let Some(id) = &self.entry.intent.session else { return Ok(None) };
        let session = self.sessions.get(id)?;
        let held = session.hold.as_ref().map(|_| format!("`{id}` is held"));
        Ok(held.or_else(|| session.op.as_ref().map(|_| format!("something is being done to `{id}`"))))
    }

    /// Whether it is still wanted, by what is written down of the session: asked when its turn has come.
    fn is_wanted(&self, session: &Session) -> Result<()> {
        let (world, reader) = (&self.sessions.world, &*self.sessions.store);
        let mut unclaimed = session.clone();
        // The claim is our own.
        unclaimed.op = None;
        let status = status(&unclaimed, world.now(), &Policy::default().of(&unclaimed));
        let ruling = Ruling::of_session(Arc::clone(&self.project), &unclaimed, reader, world.now())?;
        match validity(&self.entry.intent, &unclaimed, &status, &ruling.rules(), world.now()) {
            Validity::Valid => Ok(()),
            Validity::Held(why) | Validity::Superseded(why) => Err(Error::unavailable(why)),
        }
    }

    /// What became of an effect that may have happened; nothing where it has to be done, once more or for the first time.
    async fn find_effect(&mut self) -> Result<Option<Turn>> {
        match &self.entry.intent.deed {
            Deed::Send => self.find_message(),
            Deed::Notify { .. } => match self.find_notice()? {
                Some(Turn::UnderWay(after)) if !self.is_so_still().await? => {
                    Ok(Some(self.withdraw_notice()?.unwrap_or(Turn::UnderWay(after))))
                }
                found => Ok(found),
            },
            Deed::Spawn { .. } => self.find_session(),
            // A pull request that is merged is seen by every look.
            Deed::Merge { .. } => Ok(None),
            Deed::Run { .. } => Ok(Some(Turn::Over(run::interrupted()))),
            _ => Ok(Some(Turn::Over(of_tomorrow()))),
        }
    }

    async fn act(&mut self, subject: &Subject, rendered: &Rendered) -> Result<Turn> {
        match self.entry.intent.deed.clone() {
            Deed::Send => self.send(&rendered.text).await,
            Deed::Notify { priority, .. } => self.tell(priority, &rendered.text, subject),
            Deed::Merge { number, head } => self.merge(number, &head, subject).await,
            Deed::Spawn { role, .. } => self.spawn(role, &rendered.text, subject).await,
            Deed::Run { run } => Box::pin(self.run(&run, &rendered.text, subject)).await,
            _ => Ok(Turn::Over(of_tomorrow())),
        }
    }

    /// Looks at what it is about. What an agent is told, or what is merged, is asked of the forge right before.
    async fn look(&self) -> Result<Subject> {
        let (world, store) = (&self.sessions.world, &self.sessions.store);
        let timing = Policy::default();
        let Some(id) = &self.entry.intent.session else {
            let (project, project_path) = (self.entry.intent.project.clone(), self.entry.project_path.clone());
            let filter = SessionFilter { project: Some(project), project_path: Some(project_path) };
            let there = store.sessions(&filter)?.into_iter();
            let there = there.map(|session| (status(&session, world.now(), &timing), session));
            return Ok(Subject { session: None, there: there.map(|(status, session)| (session, status)).collect() });
        };
        let mut session = self.sessions.get(id)?;
        let asks = !matches!(self.entry.intent.deed, Deed::Notify { .. });
        if asks && self.entry.intent.about.pull.is_some() && session.end.is_none() {
            session = self.look_at_pull(session).await?;
        }
        let status = status(&session, world.now(), &timing.of(&session));
        Ok(Subject { session: Some((session, status)), there: Vec::new() })
    }

    async fn look_at_pull(&self, session: Session) -> Result<Session> {
        let Some(forge) = &self.forge else { return Ok(session) };
        let (Some(workspace), Some(pull)) = (&session.workspace, &session.pull) else { return Ok(session) };
        let mut target = PullTarget::new(session.id.clone(), workspace.branch.clone());
        target.number = (pull.repository == forge.repository).then_some(pull.snapshot.pull.number);
        let mut found = forge.look(vec![target]).await?.remove(&session.id);
        match &mut found {
            Some(PullFound::Found { snapshot }) => {
                if let Some(plan) = &self.project.checks {
                    self.overlay(&session, plan, snapshot)?;
                }
            }
            Some(PullFound::Unknown { why }) => return Err(Error::unavailable(why.clone())),
            Some(_) if matches!(self.entry.intent.deed, Deed::Merge { .. }) => {
                return Err(Error::unavailable("the forge does not show the pull request"));
            }
            Some(_) => {}
            None => return Err(Error::unavailable("the scm plugin says nothing about the pull request")),
        }
        let Some(found) = found else { return Ok(session) };
        self.sessions.saw_pull(&session.id, forge, &found)
    }

    fn overlay(
        &self,
        session: &Session,
        plan: &CheckPlan,
        snapshot: &mut ao_core::slots::scm::PullSnapshot,
    ) -> Result<()> {
        let runs = self.sessions.store.check_runs_of(&session.project_path, &snapshot.head)?;
        overlay_checks(snapshot, plan, &runs);
        Ok(())
    }

    fn validity(&self, subject: &Subject) -> Result<Validity> {
        let (world, reader) = (&self.sessions.world, &*self.sessions.store);
        let project = Arc::clone(&self.project);
        let intent = &self.entry.intent;
        if let Some((session, status)) = &subject.session {
            let merged = session.pull.as_ref().is_some_and(|pull| pull.snapshot.state == PullState::Merged);
            // Somebody has merged it, it may be we: the effect is there.
            if merged && matches!(intent.deed, Deed::Merge { .. }) {
                return Ok(Validity::Valid);
            }
            let ruling = Ruling::of_session(project, session, reader, world.now())?;
            return Ok(validity(intent, session, status, &ruling.rules(), world.now()));
        }
        let sessions: Vec<_> = subject.there.iter().map(|(session, _)| session.clone()).collect();
        let ruling = Ruling::of_project(project, &sessions, reader)?;
        Ok(validity_project(intent, &intent.project, &subject.all(), &ruling.rules()))
    }

    /// What is said, as it was stored with the mark that the effect may happen.
    fn stored_words(&self) -> Option<Rendered> {
        self.entry.rendered.clone().filter(|_| self.entry.state == OutboxState::Begun)
    }

    /// Stores what is said, with that mark.
    fn store_words(&mut self, text: String) -> Result<Rendered> {
        let rendered = Rendered { sha256: sha256(text.as_bytes()), text };
        self.sessions.failpoints.pass("react.render_store.before")?;
        self.begin(&rendered)?;
        self.sessions.failpoints.pass("react.render_store.after")?;
        Ok(rendered)
    }

    /// What its effect is found by.
    fn new_effect(&self) -> Option<String> {
        let ulid = || self.sessions.world.ulid().to_string();
        match &self.entry.intent.deed {
            Deed::Send | Deed::Run { .. } => Some(ulid()),
            Deed::Merge { .. } => Some(format!("merge-{}", ulid())),
            Deed::Notify { .. } | Deed::Spawn { .. } => Some(self.entry.intent.key.clone()),
            _ => None,
        }
    }

    fn effect(&self) -> Result<&str> {
        self.entry.effect.as_deref().ok_or_else(|| Error::other("an effect without a name was begun"))
    }

    /// The effect may happen from now on.
    fn begin(&mut self, rendered: &Rendered) -> Result<()> {
        let (now, effect) = (self.sessions.world.now(), self.new_effect());
        self.change(&mut |entry, _| {
            (entry.state, entry.changed_at) = (OutboxState::Begun, now);
            (entry.rendered, entry.effect, entry.why) = (Some(rendered.clone()), effect.clone(), None);
            Some(entry.intent.claimed())
        })
    }

    /// Writes down why it waits, once.
    fn note(&mut self, why: &str) -> Result<()> {
        self.change(&mut |entry, _| {
            if entry.why.as_deref() == Some(why) {
                return None;
            }
            entry.why = Some(why.to_owned());
            Some(entry.intent.held(why))
        })
    }

    /// Writes down what became of it, and in the ledger, in one transaction.
    fn settle(&mut self, outcome: &Outcome) -> Result<()> {
        let now = self.sessions.world.now();
        self.sessions.failpoints.pass("react.settle.before")?;
        self.change(&mut |entry, ledger| {
            if !entry.state.is_open() {
                return None;
            }
            ledger.settle(&entry.intent, outcome);
            (entry.state, entry.changed_at) = (OutboxState::of(outcome), now);
            entry.why = Some(outcome.words().1.to_owned()).filter(|why| !why.is_empty());
            Some(entry.intent.ended(outcome))
        })?;
        self.sessions.failpoints.pass("react.settle.after")
    }

    fn change(&mut self, edit: &mut dyn FnMut(&mut OutboxEntry, &mut Ledger) -> Option<EventData>) -> Result<()> {
        let (world, mut told) = (&self.sessions.world, None);
        let changed = self.sessions.store.change_intent(self.fence, &self.entry.intent.key, &mut |entry, ledger| {
            let Some(data) = edit(entry, ledger) else { return Vec::new() };
            let mut event = world.event(entry.intent.session.as_ref(), data);
            event.causes.push(entry.event.clone());
            told = Some(event.clone());
            vec![event]
        })?;
        self.told.extend(told);
        self.entry = changed.ok_or_else(|| Error::other("something that is to be done is gone"))?;
        Ok(())
    }
}

/// How long to wait after an error: as long as its sender wishes, and so long at least.
fn rest(error: &Error, at_least: Duration) -> Duration {
    error.retry_after_ms.map_or(at_least, |wanted| Duration::from_millis(wanted).clamp(at_least, LONGEST))
}

fn of_tomorrow() -> Outcome {
    Outcome::Refused { why: "this version does not know what is to be done; update ao".to_owned() }
}
