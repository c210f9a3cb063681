//! Asking plugins: one call an instance at a time for all sessions that are due, and what becomes of the answers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ao_core::lifecycle::Policy;
use ao_core::model::SessionId;
use ao_core::model::facts::Session;
use ao_core::plugin::Frame;
use ao_core::slots::agent::{ActivityState, Strength};
use ao_core::slots::runtime::{RuntimeObservation, WatchRuntimes};
use ao_core::slots::{Agent, Runtime, Workspace};
use ao_core::{Error, Result};

use super::book::{Breadth, Next};
use super::wakes::Wake;
use super::{Done, Engine, Facet, Key, Lane, QUIET, RESYNC, SURE, TOGETHER, address, look};
use crate::sessions::Crew;

/// Agents of one plugin instance, with what their runtimes saw.
type Group = (Arc<dyn Agent>, Vec<(Session, RuntimeObservation)>);

impl Engine {
    /// The lane of a key; none where no plugin can be had.
    fn lane(key: &Key, crew: &Crew) -> Lane {
        match key.0 {
            Facet::Life => Lane::Runtime(address(&crew.runtime.instance)),
            Facet::Tree => Lane::Workspace(address(&crew.workspace.instance)),
        }
    }

    pub(super) fn is_free(&self, key: &Key) -> bool {
        let Some(session) = self.live.get(&key.1) else { return false };
        let Some(crew) = self.crews.known(session) else { return true };
        !self.busy.contains(&Self::lane(key, &crew))
    }

    /// Begins a call for every instance that is free and has sessions that are due.
    pub(super) fn begin_calls(&mut self) -> Result<()> {
        let now = self.elapsed();
        if now >= self.resync_at {
            self.resync()?;
        }
        let mut queue = std::mem::take(&mut self.queue);
        let due = queue.take_due(now, |key| self.is_free(key));
        self.queue = queue;
        let mut groups: BTreeMap<Lane, (Arc<Crew>, Vec<Session>)> = BTreeMap::new();
        let configurations = self.crews.configurations();
        for key in due {
            let Some(session) = self.live.get(&key.1).cloned() else { continue };
            let crew = match self.crews.of(&self.context, &session) {
                Ok(crew) => crew,
                Err(error) => {
                    self.cannot_ask(key, &error);
                    continue;
                }
            };
            let ready = match key.0 {
                Facet::Life => session.runtime.is_some(),
                Facet::Tree => session.workspace.as_ref().is_some_and(|workspace| workspace.base.is_some()),
            };
            if ready {
                let lane = Self::lane(&key, &crew);
                groups.entry(lane).or_insert_with(|| (crew, Vec::new())).1.push(session);
            }
        }
        if self.crews.configurations() != configurations {
            self.watch_files();
            self.config_at.get_or_insert(now);
        }
        for (lane, (crew, sessions)) in groups {
            self.busy.insert(lane);
            match lane {
                Lane::Runtime(_) => self.ask_runtime(lane, &crew, sessions),
                Lane::Workspace(_) => {
                    let instance: Arc<dyn Workspace> = Arc::clone(&crew.workspace.instance);
                    self.calls.spawn(async move {
                        let (answers, error) = look::workspaces(instance, sessions).await;
                        Done::Workspaces { lane, answers, error }
                    });
                }
                Lane::Agent(_) => {}
            }
        }
        self.ask_agents();
        Ok(())
    }

    fn cannot_ask(&mut self, key: Key, error: &Error) {
        tracing::debug!("`{}` cannot be looked at: {error}", key.1);
        let now = self.elapsed();
        self.looked.insert(key.1.clone(), now);
        let chance = self.chance();
        self.queue.failed(key, now, chance);
    }

    fn chance(&self) -> u8 {
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
        if self.watched.insert(lane) {
            self.listen(lane, Arc::clone(&instance));
        }
        self.calls.spawn(async move {
            let (answers, error) = look::runtimes(instance, sessions).await;
            Done::Runtimes { lane, plugin, breadth, answers, error }
        });
    }

    /// Listens to a runtime's hints, as long as it gives any.
    fn listen(&mut self, lane: Lane, runtime: Arc<dyn Runtime>) {
        let (wakes, owner) = (self.wakes.clone(), self.context.places.owner());
        self.listeners.spawn(async move {
            let Ok(stream) = runtime.watch(WatchRuntimes::new(owner)).await else { return lane };
            while let Ok(Some(frame)) = stream.next().await {
                let Frame::Control(said) = frame else { continue };
                let id = said.get("session").and_then(|id| id.as_str()).and_then(|id| id.parse().ok());
                wakes.put(id.map_or(Wake::All, Wake::Session));
            }
            lane
        });
    }

    /// Asks agent plugins about what runtimes saw, one call an instance at a time.
    fn ask_agents(&mut self) {
        let mut groups: BTreeMap<Lane, Group> = BTreeMap::new();
        let waiting = std::mem::take(&mut self.waiting);
        for (id, seen) in waiting {
            let Some(session) = self.live.get(&id).cloned() else { continue };
            let Some(crew) = self.crews.known(&session) else { continue };
            let lane = Lane::Agent(address(&crew.agent.instance));
            if self.busy.contains(&lane) {
                self.waiting.insert(id, seen);
                continue;
            }
            let instance: Arc<dyn Agent> = Arc::clone(&crew.agent.instance);
            groups.entry(lane).or_insert_with(|| (instance, Vec::new())).1.push((session, seen));
        }
        for (lane, (instance, sessions)) in groups {
            self.busy.insert(lane);
            let now = self.context.sessions.world.now();
            self.calls.spawn(async move {
                let (answers, error) = look::agents(instance, sessions, now).await;
                Done::Agents { lane, answers, error }
            });
        }
    }

    /// Writes down what a call brought back.
    pub(super) fn finish(&mut self, done: Done) -> Result<()> {
        let now = self.elapsed();
        match done {
            Done::Runtimes { lane, plugin, breadth, answers, error } => {
                self.busy.remove(&lane);
                let next = self.book.runtimes(&plugin, &answers, breadth)?;
                self.settle(lane, Facet::Life, answers.keys(), error);
                let ids: Vec<_> = answers.keys().cloned().collect();
                for id in &ids {
                    self.looked.insert(id.clone(), now);
                }
                self.remember_versions(&ids)?;
                self.waiting.extend(answers);
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
            Done::Agents { lane, answers, error } => {
                self.busy.remove(&lane);
                self.book.agents(&answers)?;
                if let Some(error) = error {
                    self.unavailable.insert(lane, error.to_string());
                } else {
                    self.unavailable.remove(&lane);
                }
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
                self.remember_versions(&ids)?;
            }
            Done::Recovered { id, error } => {
                self.recovering.remove(&id);
                if let Some(error) = error {
                    tracing::warn!("`{id}` was left half done and cannot be brought to an end: {error}");
                }
                self.read_store()?;
            }
        }
        Ok(())
    }

    /// After a call: what failed is tried again, later each time.
    fn settle<'a>(&mut self, lane: Lane, facet: Facet, ids: impl Iterator<Item = &'a SessionId>, error: Option<Error>) {
        let (now, chance) = (self.elapsed(), self.chance());
        for id in ids {
            let key = (facet, id.clone());
            if error.is_some() {
                self.queue.failed(key, now, chance);
            } else {
                self.queue.went_well(&key);
            }
        }
        match error {
            Some(error) => drop(self.unavailable.insert(lane, error.to_string())),
            None => drop(self.unavailable.remove(&lane)),
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
