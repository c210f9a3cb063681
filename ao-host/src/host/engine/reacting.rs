//! Reactions: what is to be done about sessions is decided whenever their facts have changed, and at every resync, and is
//! carried out by tasks, one at a time for what goes to one place.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use ao_core::lifecycle::decide::{
    Deed, Intent, Ledger, Move, advance, advance_project, baseline, counts_for_all, decide, decide_project,
};
use ao_core::lifecycle::{Policy, Status, status};
use ao_core::model::event::Event;
use ao_core::model::facts::{HoldReason, Session};
use ao_core::model::{PluginName, ProjectName, SessionId, Timestamp};
use ao_core::{Error, Result};
use camino::{Utf8Path, Utf8PathBuf};

use super::super::HostContext;
use super::crews::Crews;
use super::{Done, Engine};
use crate::reactions::rules::{ProjectRules, Ruling};
use crate::reactions::spawn::Kit;
use crate::reactions::{Carried, Errand};
use crate::sessions::Crew;
use crate::store::{Decision, Fence, OutboxEntry, OutboxState, Scope};
use crate::world::World;

/// How soon something is tried again that cannot even be begun.
const AGAIN: Duration = Duration::from_secs(30);

/// The line of merges.
const FORGE: &str = "forge";

/// What goes to one place: the second waits until the first is over. What humans are told waits for nothing else.
pub(super) type Line = (Scope, String);

/// A project, as sessions name it.
type ProjectKey = (Option<Utf8PathBuf>, ProjectName, Utf8PathBuf);

/// What the engine keeps about reactions.
#[derive(Default)]
pub(super) struct Reacting {
    /// Sessions about which something may be to be decided.
    due: BTreeSet<SessionId>,
    /// Projects of which the same is so.
    projects: BTreeSet<ProjectKey>,
    /// Whether there may be something to carry out.
    is_stirred: bool,
    /// What is being carried out.
    busy: BTreeSet<Line>,
    /// What waits, and until when.
    resting: BTreeMap<String, Duration>,
}

impl Reacting {
    /// Something of a session has changed, or time has passed.
    pub(super) fn heed(&mut self, id: &SessionId) {
        self.due.insert(id.clone());
    }

    /// Time has passed: everything that lives is decided about.
    pub(super) fn heed_all(&mut self, live: &BTreeMap<SessionId, Session>) {
        self.due.extend(live.keys().cloned());
        self.projects.extend(live.values().map(project_key));
        self.is_stirred = true;
    }

    /// Somebody else has done something: what waits may not have to any more.
    pub(super) fn stir(&mut self) {
        self.is_stirred = true;
        self.resting.clear();
    }

    /// How a notice stands was written down: who waits for it may go on.
    pub(super) fn told(&mut self, notice: &str) {
        self.resting.remove(notice);
        self.is_stirred = true;
    }

    /// When there is something to do next.
    pub(super) fn next(&self) -> Option<Duration> {
        if self.is_moving() {
            return Some(Duration::ZERO);
        }
        self.resting.values().min().copied()
    }

    /// Whether something is to be decided or begun now.
    pub(super) fn is_moving(&self) -> bool {
        self.is_stirred || !self.due.is_empty() || !self.projects.is_empty()
    }
}

fn project_key(session: &Session) -> ProjectKey {
    (session.config_file.clone(), session.project.clone(), session.project_path.clone())
}

/// The line that an entry stands in.
fn line(entry: &OutboxEntry) -> Line {
    let place = match &entry.intent.deed {
        Deed::Notify { .. } => entry.intent.key.as_str(),
        Deed::Send => "agent",
        Deed::Merge { .. } => FORGE,
        Deed::Spawn { .. } => "sessions",
        _ => "program",
    };
    let scope = match &entry.intent.deed {
        // Each merge moves the base of the others.
        Deed::Merge { .. } => Scope::project(&entry.intent.project, &entry.project_path),
        _ => entry.scope.clone(),
    };
    (scope, place.to_owned())
}

impl Engine {
    /// Decides what is to be done, and begins to carry it out.
    pub(super) fn react(&mut self) -> Result<()> {
        if !self.reacting.due.is_empty() {
            let ids = std::mem::take(&mut self.reacting.due);
            self.decide_sessions(&ids)?;
        }
        for key in std::mem::take(&mut self.reacting.projects) {
            self.decide_project(&key)?;
        }
        let now = self.elapsed();
        let rested = self.reacting.resting.values().any(|until| *until <= now);
        if std::mem::take(&mut self.reacting.is_stirred) || rested {
            self.begin_errands()?;
        }
        Ok(())
    }

    fn decide_sessions(&mut self, due: &BTreeSet<SessionId>) -> Result<()> {
        let sessions = Arc::clone(&self.context.sessions);
        let (world, reader) = (&sessions.world, &*sessions.store);
        let now = world.now();
        let mut rulings = BTreeMap::new();
        for id in due {
            let Some(session) = reader.session(id)? else { continue };
            // One that has ended has nothing but episodes to close; what it ended with may end its project, too.
            if session.end.is_some() || !self.live.contains_key(id) {
                self.reacting.projects.insert(project_key(&session));
            }
            let Ok(Some(project)) = self.crews.rules(&self.context, session.config_file.as_ref(), &session.project)
            else {
                continue;
            };
            rulings.insert(id.clone(), Ruling::of_session(project, &session, reader, now)?);
        }
        let ids: Vec<_> = rulings.keys().cloned().collect();
        let mut written = Vec::new();
        sessions.failpoints.pass("react.ledger_count.before")?;
        sessions.store.decide(Fence::Epoch(self.epoch), &ids, &mut |session, ledger| {
            let Some(ruling) = rulings.get(&session.id) else { return Decision::default() };
            let decision = decide_session(world, session, ledger, ruling, now);
            written.extend(decision.events.iter().cloned());
            self.reacting.is_stirred |= !decision.planned.is_empty();
            decision
        })?;
        sessions.failpoints.pass("react.ledger_count.after")?;
        self.book.was_written(written);
        Ok(())
    }

    fn decide_project(&mut self, key: &ProjectKey) -> Result<()> {
        let (config_file, project, directory) = key;
        let sessions = Arc::clone(&self.context.sessions);
        let (world, reader) = (&sessions.world, &*sessions.store);
        let Ok(Some(rules)) = self.crews.rules(&self.context, config_file.as_ref(), project) else { return Ok(()) };
        let mine: Vec<_> = self.live.values().filter(|session| project_key(session) == *key).cloned().collect();
        let (ruling, now) = (Ruling::of_project(rules, &mine, reader)?, world.now());
        // As long as one works nothing ends, and every session of the project would be read for that.
        let mut workers = mine.iter().filter(|session| counts_for_all(session.role));
        let works = workers.any(|session| !status_of(session, now).name.is_over());
        let scope = Scope::project(project, directory);
        if works && !ruling.has_red() && reader.ledger(&scope)?.episodes().is_empty() {
            return Ok(());
        }
        let origin = Origin { scope, config_file, project_path: directory, session: None };
        let mut written = Vec::new();
        sessions.store.decide_project(Fence::Epoch(self.epoch), project, directory, &mut |there, ledger| {
            let statuses: Vec<_> = there.iter().map(|session| status_of(session, now)).collect();
            let seen: Vec<_> = there.iter().zip(&statuses).collect();
            let moves = advance_project(ledger, project, directory, &seen, &ruling.rules(), now);
            let intents = decide_project(project, directory, &seen, ledger, &ruling.rules(), now);
            let decision = origin.write_down(world, ledger, moves, intents);
            written.extend(decision.events.iter().cloned());
            self.reacting.is_stirred |= !decision.planned.is_empty();
            decision
        })?;
        self.book.was_written(written);
        Ok(())
    }

    /// Begins what may be begun: the first of every line, unless it rests.
    fn begin_errands(&mut self) -> Result<()> {
        let now = self.elapsed();
        self.reacting.resting.retain(|_, until| *until > now);
        let mut waited: BTreeSet<Line> = self.reacting.busy.clone();
        for entry in self.context.sessions.store.open_intents()? {
            let line = line(&entry);
            let key = entry.intent.key.clone();
            if !waited.insert(line.clone()) || self.reacting.resting.contains_key(&key) {
                continue;
            }
            match self.errand(entry) {
                Ok(errand) => {
                    self.reacting.busy.insert(line.clone());
                    self.calls.spawn(async move {
                        let (carried, told) = errand.carry_out().await;
                        Done::Carried { line, key, carried, told }
                    });
                }
                Err(error) => {
                    self.note_waiting(&key, &error)?;
                    self.reacting.resting.insert(key, now + AGAIN);
                }
            }
        }
        Ok(())
    }

    /// Writes down why something cannot even be begun, once.
    fn note_waiting(&mut self, key: &str, error: &Error) -> Result<()> {
        let sessions = Arc::clone(&self.context.sessions);
        let mut told = Vec::new();
        sessions.store.change_intent(Fence::Epoch(self.epoch), key, &mut |entry, _| {
            let why = error.to_string();
            if entry.why.as_ref() == Some(&why) {
                return Vec::new();
            }
            let mut event = sessions.world.event(entry.intent.session.as_ref(), entry.intent.held(&why));
            event.causes.push(entry.event.clone());
            entry.why = Some(why);
            told = vec![event];
            told.clone()
        })?;
        self.book.was_written(told);
        Ok(())
    }

    fn errand(&mut self, entry: OutboxEntry) -> Result<Errand> {
        let sessions = Arc::clone(&self.context.sessions);
        let stored = entry.intent.session.as_ref().map(|id| sessions.get(id)).transpose()?;
        let rules = self.crews.rules(&self.context, entry.config_file.as_ref(), &entry.intent.project)?;
        let project = rules.ok_or_else(|| {
            let name = &entry.intent.project;
            Error::unavailable(format!(
                "the configuration has no project `{name}` any more; put it back, or `ao session kill`"
            ))
        })?;
        // What a human is told must not wait for plugins that it does not need.
        let crew = match (&entry.intent.deed, &stored) {
            (Deed::Send, Some(session)) => Some(self.crews.of(&self.context, session)?),
            _ => None,
        };
        let forge = match (&entry.intent.deed, &stored) {
            (Deed::Notify { .. }, _) | (_, None) => None,
            (_, Some(session)) => self.crews.forge_of(&self.context, session)?.map(|hosted| hosted.forge),
        };
        let kit = match &entry.intent.deed {
            Deed::Spawn { agent, .. } => Some(self.crews.kit(&self.context, &entry, agent.as_ref())?),
            _ => None,
        };
        let environment = self.context.environment.clone();
        let fence = Fence::Epoch(self.epoch);
        Ok(Errand { entry, sessions, fence, project, crew, forge, kit, environment, told: Vec::new() })
    }

    /// Takes in how far something got.
    pub(super) fn carried(&mut self, line: &Line, key: &str, carried: Result<Carried>, told: Vec<Event>) -> Result<()> {
        self.reacting.busy.remove(line);
        self.book.was_written(told);
        self.reacting.is_stirred = true;
        match carried {
            Ok(Carried::Over) => {
                self.reacting.resting.remove(key);
                // What was merged may conflict with all the others.
                if line.1 == FORGE {
                    self.wake_pulls(self.elapsed());
                }
            }
            Ok(Carried::Waits(after)) => drop(self.reacting.resting.insert(key.to_owned(), self.elapsed() + after)),
            Err(error) => {
                self.reacting.resting.insert(key.to_owned(), self.elapsed() + AGAIN);
                return Err(error.context(format!("`{key}` could not be carried out")));
            }
        }
        self.read_store()
    }
}

/// Decides about one session. One whose state was lost has no ledger: what is there now began before, and nothing is done
/// about it.
fn decide_session(world: &World, session: &Session, ledger: &mut Ledger, ruling: &Ruling, now: Timestamp) -> Decision {
    let rules = ruling.rules();
    if session.hold.as_ref().is_some_and(|hold| hold.reason == HoldReason::Rebuild) {
        let mut unheld = session.clone();
        unheld.hold = None;
        baseline(ledger, &unheld, &status_of(&unheld, now), &rules, now);
        return Decision::default();
    }
    let status = status_of(session, now);
    let moves = advance(ledger, session, &status, &rules, now);
    let intents = decide(session, &status, ledger, &rules, now);
    let origin = Origin {
        scope: Scope::session(&session.id),
        config_file: &session.config_file,
        project_path: &session.project_path,
        session: Some(&session.id),
    };
    origin.write_down(world, ledger, moves, intents)
}

/// What a decision is about.
struct Origin<'a> {
    scope: Scope,
    config_file: &'a Option<Utf8PathBuf>,
    project_path: &'a Utf8Path,
    session: Option<&'a SessionId>,
}

impl Origin<'_> {
    /// Writes intents into the ledger, and says what tells of them.
    fn write_down(&self, world: &World, ledger: &mut Ledger, moves: Vec<Move>, intents: Vec<Intent>) -> Decision {
        let now = world.now();
        let event = |data| world.event(self.session, data);
        let episodes: Vec<_> = moves.iter().map(|moved| moved.episode().to_owned()).collect();
        let mut events: Vec<_> = moves.into_iter().map(|moved| event(moved.event())).collect();
        let mut planned = Vec::new();
        for intent in intents {
            ledger.record(&intent);
            let opened = episodes.iter().zip(&events).filter(|(episode, _)| **episode == intent.episode);
            let opened: Vec<_> = opened.map(|(_, event)| event.id.clone()).collect();
            let mut told = event(intent.planned());
            told.causes.extend(opened);
            if let Some(escalated) = intent.escalated() {
                events.push(event(escalated).caused_by(&told));
            }
            planned.push(OutboxEntry {
                intent,
                scope: self.scope.clone(),
                config_file: self.config_file.clone(),
                project_path: self.project_path.to_owned(),
                state: OutboxState::Planned,
                planned_at: now,
                changed_at: now,
                event: told.id.clone(),
                rendered: None,
                effect: None,
                why: None,
            });
            events.push(told);
        }
        Decision { planned, events }
    }
}

fn status_of(session: &Session, now: Timestamp) -> Status {
    status(session, now, &Policy::default().of(session))
}

impl Crews {
    /// The rules of a project; none where the configuration does not know it. An error where that cannot be told: the
    /// configuration cannot be used, or is not trusted.
    fn rules(
        &mut self,
        context: &HostContext,
        config_file: Option<&Utf8PathBuf>,
        project: &ProjectName,
    ) -> Result<Option<Arc<ProjectRules>>> {
        let key = (config_file.cloned(), project.clone());
        if let Some(known) = self.rules.get(&key) {
            return Ok(known.clone());
        }
        let setup = self.in_force(context, config_file)?;
        let found = setup.loaded.config.project(project).ok().map(|project| Arc::new(ProjectRules::of(project)));
        self.rules.insert(key, found.clone());
        Ok(found)
    }

    /// What a session of the entry's project is started with.
    fn kit(&mut self, context: &HostContext, entry: &OutboxEntry, agent: Option<&PluginName>) -> Result<Kit> {
        let setup = self.setup(context, entry.config_file.as_ref())?;
        setup.require_trust()?;
        let project = setup.loaded.config.project(&entry.intent.project)?.clone();
        let crew = Crew::for_project(setup, &project, agent)?;
        Ok(Kit { project, crew })
    }
}
