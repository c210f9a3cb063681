//! Looking at sessions: the holders' records and the process table for free, the plugins when asked.

use ao_core::lifecycle::observe::{self, ProcessSight, Told};
use ao_core::model::event::{AgentActivityChanged, Event, EventData, LimitHit, RuntimeExited, RuntimeProbeChanged};
use ao_core::model::facts::{ExitFacts, Probe, RuntimeFacts, Session};
use ao_core::model::process::{EXIT_FILE, ExitRecord, HOLDER_FILE, HolderRecord};
use ao_core::model::{ProcessId, SessionId};
use ao_core::slots::agent::{AgentObservation, AgentTarget, ObserveAgents};
use ao_core::slots::runtime::{Liveness, ObserveRuntimes, RuntimeObservation};
use ao_core::{Error, Result};
use camino::Utf8Path;

use super::{Crew, Sessions};
use crate::world::World;

/// How many lines of a screen an agent plugin gets to see.
pub(crate) const SCREEN_LINES: u32 = 60;
/// Why a process is gone that nobody saw end.
const OTHER_BOOT: &str = "the machine was restarted";

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
        let sight = sight(runtime, world);
        observe::process(runtime, sight, world.now());
    }
    session
}

/// What the holder's records and the process table say of an agent.
pub(crate) fn sight(runtime: &RuntimeFacts, world: &World) -> ProcessSight {
    let records = read_records(&runtime.directory);
    let mut sight = ProcessSight::default();
    if let Some(record) = records.holder {
        (sight.holder, sight.child) = (Some(record.holder), record.child);
    }
    if let Some(exit) = records.exit {
        sight.exit = Some(ExitFacts::new(exit.status, exit.at));
        return sight;
    }
    let (holder, child) =
        (sight.holder.as_ref().or(runtime.holder.as_ref()), sight.child.as_ref().or(runtime.child.as_ref()));
    let of = |process: Option<&ProcessId>| process.map(|process| world.proc.look(process));
    sight.liveness = together(of(holder), of(child));
    let dead = matches!(sight.liveness, Some(Liveness::Dead { .. }));
    let boot = holder.or(child).map(|process| process.boot.as_str());
    if dead && world.proc.boot_id().is_ok_and(|now| boot.is_some_and(|then| then != now)) {
        sight.detail = Some(OTHER_BOOT.to_owned());
    }
    sight
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
    /// What a session's runtime and agent show right now, without recording it. `draft` is a text that was put in and is
    /// looked for.
    pub(super) async fn look_closely(
        &self,
        session: &Session,
        crew: &Crew,
        draft: Option<&str>,
    ) -> Result<(RuntimeObservation, AgentObservation)> {
        let facts = session.runtime.as_ref().ok_or_else(|| not_launched(&session.id))?;
        let mut request = ObserveRuntimes::new(vec![facts.handle.clone()]);
        request.screen_lines = SCREEN_LINES;
        let seen = crew.runtime.instance.observe(request).await?.into_iter().next();
        let seen =
            seen.ok_or_else(|| Error::unavailable(format!("the runtime says nothing about `{}`", session.id)))?;
        let mut targets = agent_target(session, &seen).into_iter().collect::<Vec<_>>();
        for target in &mut targets {
            target.draft = draft.map(str::to_owned);
        }
        let agents = crew.agent.instance.observe(ObserveAgents::new(targets, self.world.now())).await?;
        let agent = agents.into_iter().next();
        Ok((seen, agent.unwrap_or_else(|| AgentObservation::new(session.id.clone()))))
    }
}

impl Sessions {
    /// Writes down that a session's agent has just been told something, see [`observe::agent_told`].
    pub(super) fn note_told(&self, id: &SessionId, told: Told<'_>) -> Result<()> {
        let at = self.world.now();
        self.change_telling(id, |session| {
            let before = session.clone();
            if let Some(agent) = &mut session.agent {
                observe::agent_told(agent, told, at);
            }
            changes(&self.world, &before, session)
        })
        .map(drop)
    }
}

/// The events that tell what a look changed.
pub(crate) fn changes(world: &World, before: &Session, after: &Session) -> Vec<Event> {
    let id = &after.id;
    let mut events = Vec::new();
    let exit = |session: &Session| session.runtime.as_ref().and_then(|facts| facts.exit.clone());
    if let Some(ended) = exit(after).filter(|_| exit(before).is_none()) {
        events.push(world.event(Some(id), EventData::RuntimeExited(RuntimeExited::new(ended))));
    }
    let probe = |session: &Session| session.runtime.as_ref().and_then(|facts| facts.plugin.as_ref()).map(Probe::now);
    if probe(before) != probe(after) {
        let mut data = RuntimeProbeChanged::new();
        data.liveness = probe(after);
        events.push(world.event(Some(id), EventData::RuntimeProbeChanged(data)));
    }
    let state = |session: &Session| {
        session.agent.as_ref().and_then(|facts| facts.activity.as_ref()).map(|activity| activity.state)
    };
    if state(before) != state(after) {
        let mut data = AgentActivityChanged::new();
        data.state = state(after);
        events.push(world.event(Some(id), EventData::AgentActivityChanged(data)));
    }
    let limit = |session: &Session| session.agent.as_ref().and_then(|facts| facts.limit.clone());
    if let Some(limit) = limit(after).filter(|now| limit(before).as_ref().map(|before| before.until) != Some(now.until))
    {
        let mut data = LimitHit::new();
        data.until = limit.until;
        events.push(world.event(Some(id), EventData::AgentLimitHit(data)));
    }
    let news = observe::pull_news(before.pull.as_ref(), after.pull.as_ref());
    events.extend(news.into_iter().filter(|_| before.pull != after.pull).map(|data| world.event(Some(id), data)));
    events
}

pub(super) fn not_launched(id: &SessionId) -> Error {
    Error::conflict(format!("the session `{id}` has no agent: it was never launched; `ao session show {id}` says why"))
}

pub(crate) fn agent_target(session: &Session, seen: &RuntimeObservation) -> Option<AgentTarget> {
    let (runtime, workspace) = (session.runtime.as_ref()?, session.workspace.as_ref()?);
    let mut target =
        AgentTarget::new(session.id.clone(), seen.liveness.clone(), runtime.launched_at, workspace.path.clone());
    target.screen.clone_from(&seen.screen);
    target.last_output_at = seen.last_output_at;
    target.directory = Some(runtime.directory.clone());
    if let Some(agent) = &session.agent {
        target.agent_session.clone_from(&agent.agent_session);
        target.cursor.clone_from(&agent.cursor);
    }
    Some(target)
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
