//! Asking plugins: one call an instance at a time for all sessions that are due, and what becomes of the answers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use ao_core::lifecycle::Policy;
use ao_core::model::facts::Session;
use ao_core::model::{SessionId, Timestamp};
use ao_core::slots::agent::{ActivityState, Strength, WatchAgents};
use ao_core::slots::runtime::{RuntimeObservation, WatchRuntimes};
use ao_core::slots::{Agent, Runtime, Workspace};
use ao_core::{Error, Result};

use super::book::{Breadth, Next};
use super::spool::Spool;
use super::{Asked, Done, Engine, Facet, Key, Lane, QUIET, RESYNC, SURE, TOGETHER, address, look, pulls};
use crate::sessions::Crew;

/// Agents of one plugin instance, with what their runtimes saw, in looks that began then.
type Group = (Arc<dyn Agent>, Vec<(Timestamp, Session, RuntimeObservation)>);

impl Engine {
    /// The lane of a key, where it has been found out.
    fn known_lane(&self, key: &Key, session: &Session) -> Option<Lane> {
        let crew = || self.crews.known(session);
        match key.0 {
            Facet::Life => Some(Lane::Runtime(address(&crew()?.runtime.instance))),
            Facet::Tree => Some(Lane::Workspace(address(&crew()?.workspace.instance))),
            Facet::Pull => Some(self.crews.known_forge(session)?.lane),
            Facet::Hooks => Some(Lane::Agent(address(&crew()?.agent.instance))),
        }
    }

    pub(super) fn is_free(&self, key: &Key) -> bool {
        let Some(session) = self.live.get(&key.1) else { return false };
        if key.0 == Facet::Life && self.reading.contains(&key.1) {
            return false;
        }
        self.known_lane(key, session).is_none_or(|lane| !self.busy.contains(&lane))
    }

    /// Finds out who is to be asked; none where there is nothing to ask.
    fn lane(&mut self, key: &Key, session: &Session) -> Result<Option<Lane>> {
        let ready = match key.0 {
            Facet::Life => session.runtime.is_some(),
            Facet::Tree => session.workspace.as_ref().is_some_and(|workspace| workspace.base.is_some()),
            Facet::Pull => pulls::may_change(session),
            Facet::Hooks => Spool::of(session).is_some_and(|spool| !spool.names().is_empty()),
        };
        match key.0 {
            Facet::Life | Facet::Tree | Facet::Hooks => drop(self.crews.of(&self.context, session)?),
            Facet::Pull => drop(self.crews.forge_of(&self.context, session)?),
        }
        Ok(self.known_lane(key, session).filter(|_| ready))
    }

    /// Begins a call for every instance that is free and has sessions that are due.
    pub(super) fn begin_calls(&mut self) -> Result<()> {
        if self.elapsed() >= self.resync_at {
            self.resync()?;
        }
        self.deliver_mail()?;
        self.tend_checks()?;
        self.react()?;
        self.tell_humans()?;
        self.tend_merged()?;
        self.tend_budgets()?;
        let now = self.elapsed();
        let mut queue = std::mem::take(&mut self.queue);
        let due = queue.take_due(now, |key| self.is_free(key));
        self.queue = queue;
        let configurations = self.crews.configurations();
        let mut groups: BTreeMap<Lane, Vec<Session>> = BTreeMap::new();
        let (hooks, looks): (Vec<_>, Vec<_>) = due.into_iter().partition(|(facet, _)| *facet == Facet::Hooks);
        for key in hooks.into_iter().chain(looks) {
            if !self.is_free(&key) {
                self.queue.add(key, now);
                continue;
            }
            let Some(session) = self.live.get(&key.1).cloned() else { continue };
            match self.lane(&key, &session) {
                Ok(Some(lane)) if key.0 == Facet::Hooks => {
                    self.reading.insert(key.1);
                    groups.entry(lane).or_default().push(session);
                }
                Ok(Some(lane)) => groups.entry(lane).or_default().push(session),
                Ok(None) => {}
                Err(error) => self.cannot_ask(key, &error),
            }
        }
        if self.crews.configurations() != configurations {
            self.watch_files();
            self.config_at.get_or_insert(now);
        }
        for (lane, sessions) in groups {
            // What was found out above has one for each of them.
            let Some(first) = sessions.first() else { continue };
            let (crew, hosted) = (self.crews.known(first), self.crews.known_forge(first).cloned());
            self.busy.insert(lane);
            match (lane, crew, hosted) {
                (Lane::Runtime(_), Some(crew), _) => self.ask_runtime(lane, &crew, sessions),
                (Lane::Workspace(_), Some(crew), _) => {
                    let instance: Arc<dyn Workspace> = Arc::clone(&crew.workspace.instance);
                    self.calls.spawn(async move {
                        let (answers, error) = look::workspaces(instance, sessions).await;
                        Done::Workspaces { lane, answers, error }
                    });
                }
                (Lane::Agent(_), Some(crew), _) => self.ask_hooks(lane, Arc::clone(&crew.agent.instance), sessions),
                (Lane::Scm(..), _, Some(hosted)) => self.ask_scm(hosted, sessions),
                _ => drop(self.busy.remove(&lane)),
            }
        }
        self.ask_agents();
        Ok(())
    }

    fn cannot_ask(&mut self, key: Key, error: &Error) {
        tracing::debug!("`{}` cannot be looked at: {error}", key.1);
        let now = self.elapsed();
        if key.0 == Facet::Life {
            self.looked.insert(key.1.clone(), now);
        }
        self.unavailable.insert(Asked::Session(key.clone()), format!("`{}` cannot be looked at: {error}", key.1));
        let chance = self.chance();
        self.queue.failed(key, now, chance, Duration::ZERO);
    }

    pub(super) fn chance(&self) -> u8 {
        let mut byte = [0];
        self.context.sessions.world.rng.fill(&mut byte);
        byte[0]
    }

    fn ask_runtime(&mut self, lane: Lane, crew: &Crew, sessions: Vec<Session>) {
        let of_lane = |session: &&Session| {
            session.runtime.is_some()
                && self.crews.known(session).is_some_and(|crew| Lane::Runtime(address(&crew.runtime.instance)) == lane)
        };
        let breadth =
            if self.live.values().filter(of_lane).count() == sessions.len() { Breadth::All } else { Breadth::Some };
        let (instance, plugin): (Arc<dyn Runtime>, _) =
            (Arc::clone(&crew.runtime.instance), crew.runtime.plugin.clone());
        let (watched, owner) = (Arc::clone(&instance), self.context.places.owner());
        let open = async move { watched.watch(WatchRuntimes::new(owner)).await };
        self.listeners.listen(lane, BTreeSet::new(), &self.wakes, open);
        let began = self.context.sessions.world.now();
        self.calls.spawn(async move {
            let (answers, error) = look::runtimes(instance, sessions).await;
            Done::Runtimes { lane, plugin, breadth, began, answers, error }
        });
    }

    /// Listens to what an agent plugin hints at about all sessions that it works for.
    fn listen_to_agents(&mut self, lane: Lane, agent: Arc<dyn Agent>) {
        let of_lane = |session: &&Session| {
            session.runtime.is_some()
                && self.crews.known(session).is_some_and(|crew| Lane::Agent(address(&crew.agent.instance)) == lane)
        };
        let sessions: BTreeSet<_> = self.live.values().filter(of_lane).map(|session| session.id.clone()).collect();
        let request = WatchAgents::new(sessions.iter().cloned().collect::<Vec<_>>());
        self.listeners.listen(lane, sessions, &self.wakes, async move { agent.watch(request).await });
    }

    /// Asks agent plugins about what runtimes saw, one call an instance at a time.
    fn ask_agents(&mut self) {
        let mut groups: BTreeMap<Lane, Group> = BTreeMap::new();
        let waiting = std::mem::take(&mut self.waiting);
        for (id, (began, seen)) in waiting {
            let Some(session) = self.live.get(&id).cloned() else { continue };
            let Some(crew) = self.crews.known(&session) else { continue };
            let lane = Lane::Agent(address(&crew.agent.instance));
            if self.busy.contains(&lane) {
                self.waiting.insert(id, (began, seen));
                continue;
            }
            let instance: Arc<dyn Agent> = Arc::clone(&crew.agent.instance);
            groups.entry(lane).or_insert_with(|| (instance, Vec::new())).1.push((began, session, seen));
        }
        for (lane, (instance, sessions)) in groups {
            self.busy.insert(lane);
            self.listen_to_agents(lane, Arc::clone(&instance));
            let now = self.context.sessions.world.now();
            let began = sessions.iter().map(|(began, ..)| *began).min().unwrap_or(now);
            let sessions = sessions.into_iter().map(|(_, session, seen)| (session, seen)).collect();
            self.calls.spawn(async move {
                let (answers, error) = look::agents(instance, sessions, now).await;
                Done::Agents { lane, began, answers, error }
            });
        }
    }

    /// Writes down what a call brought back.
    pub(super) fn finish(&mut self, done: Done) -> Result<()> {
        let now = self.elapsed();
        match done {
            Done::Runtimes { lane, plugin, breadth, began, answers, error } => {
                self.busy.remove(&lane);
                let next = self.book.runtimes(&plugin, &answers, breadth)?;
                if self.book.take_noticed() {
                    self.telling.ask(now);
                }
                self.settle(lane, Facet::Life, answers.keys(), error);
                let ids: Vec<_> = answers.keys().cloned().collect();
                for id in &ids {
                    self.looked.insert(id.clone(), now);
                }
                self.remember_versions(&ids)?;
                self.waiting.extend(answers.into_iter().map(|(id, seen)| (id, (began, seen))));
                if next == Next::LookAtAll {
                    let all: Vec<_> = self
                        .live
                        .values()
                        .filter(|session| {
                            self.crews
                                .known(session)
                                .is_some_and(|crew| Lane::Runtime(address(&crew.runtime.instance)) == lane)
                        })
                        .map(|session| session.id.clone())
                        .collect();
                    for id in all {
                        self.queue.add((Facet::Life, id), now);
                    }
                }
            }
            Done::Agents { lane, began, answers, error } => {
                self.busy.remove(&lane);
                self.book.agents(&answers, began)?;
                self.merging.ask(now);
                self.ask_for_budgets(now);
                self.say_unavailable(lane, error.map(|error| error.to_string()));
                let ids: Vec<_> = answers.keys().cloned().collect();
                self.remember_versions(&ids)?;
                for id in &ids {
                    self.look_again(id, now);
                }
            }
            Done::Workspaces { lane, answers, error } => {
                self.busy.remove(&lane);
                let others: Vec<_> = self.live.values().cloned().collect();
                self.book.workspaces(&answers, &others)?;
                self.settle(lane, Facet::Tree, answers.keys(), error);
                let ids: Vec<_> = answers.keys().cloned().collect();
                self.trees_looked.extend(ids.iter().map(|id| (id.clone(), now)));
                self.remember_versions(&ids)?;
            }
            Done::Hooks { lane, found } => self.finish_hooks(lane, found)?,
            Done::Pulls { hosted, seen } => self.finish_pulls(&hosted, seen)?,
            Done::Recovered { id, error } => {
                self.recovering.remove(&id);
                if let Some(error) = error {
                    tracing::warn!("`{id}` was left half done and cannot be brought to an end: {error}");
                }
                self.read_store()?;
            }
            Done::CheckBegun { id, begun } => self.check_begun(&id, begun)?,
            Done::CheckEnded { id, error, left } => self.check_ended(&id, error.as_ref(), left.as_ref())?,
            Done::ChecksRetired { gone } => self.checks_retired(&gone)?,
            Done::Told { notice, alias, answer } => self.notifier_answered(notice, alias, answer)?,
            Done::MergedFinished { id, finished } => self.merged_finished(&id, finished)?,
            Done::Interrupted { id, stopped, turn } => self.interrupted(&id, &stopped, &turn)?,
            Done::Expired => self.expiring.ended(),
            Done::Carried { line, key, carried, told } => self.carried(&line, &key, carried, told)?,
        }
        Ok(())
    }

    /// After a call: what failed is tried again, later each time.
    fn settle<'a>(&mut self, lane: Lane, facet: Facet, ids: impl Iterator<Item = &'a SessionId>, error: Option<Error>) {
        let (now, chance) = (self.elapsed(), self.chance());
        for id in ids {
            let key = (facet, id.clone());
            if error.is_some() {
                self.queue.failed(key, now, chance, Duration::ZERO);
            } else {
                self.unavailable.remove(&Asked::Session(key.clone()));
                self.queue.went_well(&key);
            }
        }
        self.say_unavailable(lane, error.map(|error| error.to_string()));
    }

    /// Remembers who cannot be asked now, and why.
    pub(super) fn say_unavailable(&mut self, lane: Lane, why: Option<String>) {
        match why {
            Some(why) => drop(self.unavailable.insert(Asked::Lane(lane), why)),
            None => drop(self.unavailable.remove(&Asked::Lane(lane))),
        }
    }

    /// Asks for the look after this one, where its time is known: a doubtful question soon, a silence once it would mean
    /// something, a threshold when it is passed.
    fn look_again(&mut self, id: &SessionId, now: Duration) {
        let Some(agent) = self.live.get(id).and_then(|session| session.agent.as_ref()) else { return };
        let policy = Policy::default().of(&self.live[id]);
        if agent.sightings == 1
            && agent.activity.as_ref().is_some_and(|activity| activity.state == ActivityState::WaitingInput)
        {
            self.queue.add((Facet::Life, id.clone()), now + SURE);
        }
        // Silence gives no hint. Where only a screen tells that an agent works, somebody has to look whether it still does.
        if agent
            .activity
            .as_ref()
            .is_some_and(|activity| activity.state == ActivityState::Active && activity.strength == Strength::Weak)
        {
            self.queue.add((Facet::Life, id.clone()), now + QUIET.min(policy.stuck_after) + TOGETHER);
        }
        if let Some(clock) = &agent.idle {
            let left = policy.stuck_after.saturating_sub(Duration::from_millis(clock.elapsed_ms));
            if !left.is_zero() && left < RESYNC {
                self.queue.add((Facet::Life, id.clone()), now + left + TOGETHER);
            }
        }
    }
}
