//! Looking at sessions: the holders' records and the process table for free, the plugins when asked.

use std::collections::BTreeMap;

use ao_core::model::event::{AgentActivityChanged, Event, EventData, RuntimeExited, RuntimeProbeChanged};
use ao_core::model::facts::{Doubt, ExitFacts, Probe, RuntimeFacts, Session};
use ao_core::model::process::{EXIT_FILE, ExitRecord, HOLDER_FILE, HolderRecord};
use ao_core::model::{SessionId, Timestamp};
use ao_core::slots::agent::{AgentObservation, AgentTarget, ObserveAgents};
use ao_core::slots::runtime::{Liveness, ObserveRuntimes, RuntimeObservation};
use ao_core::{Error, Result};
use camino::Utf8Path;

use super::{Crew, Sessions};
use crate::world::World;

/// How many lines of a screen an agent plugin gets to see.
const SCREEN_LINES: u32 = 60;

/// What a holder wrote down.
#[derive(Clone, Debug, Default)]
pub(super) struct Records {
    pub(super) holder: Option<HolderRecord>,
    pub(super) exit: Option<ExitRecord>,
}

/// Reads a session's records; what is absent or half there is none.
pub(super) fn read_records(directory: &Utf8Path) -> Records {
    fn read<T: serde::de::DeserializeOwned>(path: &Utf8Path) -> Option<T> {
        serde_json::from_slice(&std::fs::read(path).ok()?).ok()
    }
    Records { holder: read(&directory.join(HOLDER_FILE)), exit: read(&directory.join(EXIT_FILE)) }
}

/// A session with what can be seen without asking any plugin: exit records and the process table.
#[must_use]
pub fn overlay(session: &Session, world: &World) -> Session {
    let mut session = session.clone();
    if session.end.is_some() {
        return session;
    }
    if let Some(runtime) = session.runtime.as_mut().filter(|runtime| runtime.exit.is_none()) {
        let records = read_records(&runtime.directory);
        look(runtime, records, world);
    }
    session
}

fn look(runtime: &mut RuntimeFacts, records: Records, world: &World) {
    if let Some(record) = records.holder {
        runtime.holder = Some(record.holder);
        runtime.child = record.child.or(runtime.child.take());
    }
    if let Some(exit) = records.exit {
        runtime.exit = Some(ExitFacts::new(exit.status, exit.at));
        return;
    }
    let of = |process: &Option<_>| process.as_ref().map(|process| world.proc.look(process));
    let seen = together(of(&runtime.holder), of(&runtime.child));
    // What was seen before and is still so is since then.
    let since = |liveness: &Liveness| match &runtime.process {
        Some(before) if before.liveness == *liveness && *liveness != Liveness::Alive => before.at,
        _ => world.now(),
    };
    runtime.process = seen.map(|liveness| Probe::new(liveness.clone(), since(&liveness)));
}

/// What holder and agent say together. The holder outlives its agent by the moment in which it writes the exit down.
fn together(holder: Option<Liveness>, child: Option<Liveness>) -> Option<Liveness> {
    match (holder, child) {
        (_, Some(Liveness::Alive)) => Some(Liveness::Alive),
        (Some(Liveness::Alive), Some(Liveness::Dead { .. })) => {
            Some(Liveness::Unknown { why: "the agent has just ended; its exit status is being written".to_owned() })
        }
        (Some(unknown @ Liveness::Unknown { .. }), _) | (_, Some(unknown @ Liveness::Unknown { .. })) => Some(unknown),
        (Some(holder), _) => Some(holder),
        (None, child) => child,
    }
}

impl Sessions {
    /// Asks the plugins about sessions of one crew, and records what they say.
    pub async fn refresh(&self, sessions: &[Session], crew: &Crew) -> Result<()> {
        let handles = sessions.iter().filter_map(|session| session.runtime.as_ref()).map(|facts| facts.handle.clone());
        let mut request = ObserveRuntimes::new(handles.collect::<Vec<_>>());
        request.screen_lines = SCREEN_LINES;
        let seen = crew.runtime.instance.observe(request).await?;
        let seen: BTreeMap<SessionId, RuntimeObservation> =
            seen.into_iter().map(|observation| (observation.session.clone(), observation)).collect();
        let targets: Vec<_> = sessions.iter().filter_map(|session| target(session, seen.get(&session.id)?)).collect();
        let agents = if targets.is_empty() {
            Vec::new()
        } else {
            crew.agent.instance.observe(ObserveAgents::new(targets, self.world.now())).await?
        };
        for session in sessions {
            let agent = agents.iter().find(|observation| observation.session == session.id);
            self.record(session, seen.get(&session.id), agent)?;
        }
        Ok(())
    }

    fn record(
        &self,
        session: &Session,
        runtime: Option<&RuntimeObservation>,
        agent: Option<&AgentObservation>,
    ) -> Result<()> {
        let now = self.world.now();
        self.change_telling(&session.id, |stored| {
            let before = stored.clone();
            *stored = overlay(stored, &self.world);
            if let (Some(facts), Some(seen)) = (stored.runtime.as_mut(), runtime) {
                facts.plugin = Some(Probe::new(seen.liveness.clone(), now));
                facts.doubt = doubt(facts, now);
            }
            if let (Some(facts), Some(seen)) = (stored.agent.as_mut(), agent) {
                facts.cursor.clone_from(&seen.cursor);
                if seen.unknown.is_none() {
                    facts.activity.clone_from(&seen.activity);
                    facts.ask.clone_from(&seen.ask);
                    facts.agent_session = seen.agent_session.clone().or(facts.agent_session.take());
                    facts.observed_at = Some(now);
                }
            }
            self.changes(&before, stored)
        })?;
        Ok(())
    }

    /// The events that tell what a look changed.
    pub(super) fn changes(&self, before: &Session, after: &Session) -> Vec<Event> {
        let id = &after.id;
        let mut events = Vec::new();
        let exit = |session: &Session| session.runtime.as_ref().and_then(|facts| facts.exit.clone());
        if let Some(ended) = exit(after).filter(|_| exit(before).is_none()) {
            events.push(self.event(id, EventData::RuntimeExited(RuntimeExited::new(ended))));
        }
        let probe = |session: &Session| {
            session.runtime.as_ref().and_then(|facts| facts.plugin.as_ref()).map(|probe| probe.liveness.clone())
        };
        if probe(before) != probe(after) {
            let mut data = RuntimeProbeChanged::new();
            data.liveness = probe(after);
            events.push(self.event(id, EventData::RuntimeProbeChanged(data)));
        }
        let state = |session: &Session| {
            session.agent.as_ref().and_then(|facts| facts.activity.as_ref()).map(|activity| activity.state)
        };
        if state(before) != state(after) {
            let mut data = AgentActivityChanged::new();
            data.state = state(after);
            events.push(self.event(id, EventData::AgentActivityChanged(data)));
        }
        events
    }

    /// What a session's runtime and agent show right now, without recording it.
    pub(super) async fn look_closely(
        &self,
        session: &Session,
        crew: &Crew,
    ) -> Result<(RuntimeObservation, AgentObservation)> {
        let facts = session.runtime.as_ref().ok_or_else(|| not_launched(&session.id))?;
        let mut request = ObserveRuntimes::new(vec![facts.handle.clone()]);
        request.screen_lines = SCREEN_LINES;
        let seen = crew.runtime.instance.observe(request).await?.into_iter().next();
        let seen =
            seen.ok_or_else(|| Error::unavailable(format!("the runtime says nothing about `{}`", session.id)))?;
        let targets = target(session, &seen).into_iter().collect::<Vec<_>>();
        let agents = crew.agent.instance.observe(ObserveAgents::new(targets, self.world.now())).await?;
        let agent = agents.into_iter().next();
        Ok((seen, agent.unwrap_or_else(|| AgentObservation::new(session.id.clone()))))
    }
}

pub(super) fn not_launched(id: &SessionId) -> Error {
    Error::conflict(format!("the session `{id}` has no agent: it was never launched; `ao session show {id}` says why"))
}

fn target(session: &Session, seen: &RuntimeObservation) -> Option<AgentTarget> {
    let (runtime, workspace) = (session.runtime.as_ref()?, session.workspace.as_ref()?);
    let mut target =
        AgentTarget::new(session.id.clone(), seen.liveness.clone(), runtime.launched_at, workspace.path.clone());
    target.screen.clone_from(&seen.screen);
    target.last_output_at = seen.last_output_at;
    if let Some(agent) = &session.agent {
        target.agent_session.clone_from(&agent.agent_session);
        target.cursor.clone_from(&agent.cursor);
    }
    Some(target)
}

/// Counts the looks that leave it open whether an agent lives.
fn doubt(facts: &RuntimeFacts, now: Timestamp) -> Option<Doubt> {
    let is = |probe: &Option<Probe>, wanted: fn(&Liveness) -> bool| {
        probe.as_ref().is_some_and(|probe| wanted(&probe.liveness))
    };
    let dead = |liveness: &Liveness| matches!(liveness, Liveness::Dead { .. });
    let alive = |liveness: &Liveness| *liveness == Liveness::Alive;
    let settled = facts.exit.is_some()
        || (is(&facts.process, dead) && is(&facts.plugin, dead))
        || (is(&facts.process, alive) && !is(&facts.plugin, dead));
    if settled {
        return None;
    }
    let before = facts.doubt.as_ref();
    Some(Doubt::new(before.map_or(now, |doubt| doubt.since), before.map_or(0, |doubt| doubt.probes) + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holder_and_agent_together() {
        let dead = || Some(Liveness::Dead { exit: None });
        let unknown = || Some(Liveness::Unknown { why: "no /proc".to_owned() });
        assert_eq!(together(Some(Liveness::Alive), Some(Liveness::Alive)), Some(Liveness::Alive));
        assert_eq!(together(dead(), Some(Liveness::Alive)), Some(Liveness::Alive));
        assert!(matches!(together(Some(Liveness::Alive), dead()), Some(Liveness::Unknown { .. })));
        assert_eq!(together(dead(), dead()), dead());
        assert_eq!(together(unknown(), dead()), unknown());
        assert_eq!(together(Some(Liveness::Alive), None), Some(Liveness::Alive));
        assert_eq!(together(None, None), None);
    }
}
