//! The plugins of a story: they show the world to the host, late and wrong now and then, and write down what reaches it.

use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use ao_core::model::DeliveryLevel;
use ao_core::model::draft::normalised;
use ao_core::plugin::{Created, EffectClass, Health, Life, Registration};
use ao_core::slots::agent::{
    Activity, ActivityState, AgentAvailability, AgentObservation, Ask, ConfirmDelivery, DetectAgent, LaunchPlan,
    ObserveAgents, PlanLaunch, Strength,
};
use ao_core::slots::common::Proof;
use ao_core::slots::notifier::{Notification, Notified};
use ao_core::slots::runtime::{
    Attach, AttachPlan, CreateRuntime, Delivery, DestroyRuntime, Destroyed, Input, ListRuntimes, Liveness,
    ObserveRuntimes, Output, ReadOutput, RuntimeHandle, RuntimeObservation, SendInput,
};
use ao_core::slots::scm::{
    CheckLog, CheckLogRequest, MergeOutcome, MergeRequest, PullFound, PullObservation, PullState, PullTarget, Snapshot,
    SnapshotRequest,
};
use ao_core::slots::workspace::{
    CreateWorkspace, DiscardWorkspace, Discarded, ListWorkspaces, ObserveWorkspaces, Presence, WorkspaceInfo,
    WorkspaceObservation,
};
use ao_core::slots::{Agent, Instance, Notifier, Runtime, Scm, Slot, Workspace};
use ao_core::{Error, Result};
use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::agents::{Arrival, Holds};
use super::faults::{Failure, Faults};
use super::forge::{Merge, is_green};
use super::world::{Heard, Shared, World, find, lock};

/// How long a pause lasts until nothing more may be typed: what was begun before may come to its end.
const HELD_FOR: Duration = Duration::from_secs(20);

/// A plugin of any slot.
struct Fake {
    world: Shared,
    alias: &'static str,
}

fn never<T>() -> Result<T> {
    Err(Error::other("nobody asks for this here"))
}

fn refused<T>() -> Result<T> {
    Err(Error::unavailable("it cannot be reached now"))
}

async fn hang<T>() -> Result<T> {
    std::future::pending().await
}

impl Fake {
    fn create(config: &Value, alias: &'static str, instance: fn(Arc<Self>) -> Instance) -> Result<Created> {
        let name = config["world"].as_str().unwrap_or_default();
        let world = find(name).ok_or_else(|| Error::not_found(format!("there is no world `{name}`")))?;
        let fake = Arc::new(Self { world, alias });
        Ok(Created { instance: instance(Arc::clone(&fake)), life: fake })
    }

    fn world(&self) -> MutexGuard<'_, World> {
        lock(&self.world)
    }

    /// What goes wrong in a call.
    fn failure(&self, rate: fn(&Faults) -> u64) -> Option<Failure> {
        let mut world = self.world();
        let rate = rate(&world.faults);
        world.luck.failure(rate)
    }

    /// An answer takes its time now and then.
    async fn dawdle(&self, most_ms: u64) {
        let wait = {
            let mut world = self.world();
            let late = world.faults.late;
            if world.luck.happens(late) { world.luck.below(most_ms) } else { 0 }
        };
        if wait > 0 {
            tokio::time::sleep(Duration::from_millis(wait)).await;
        }
    }
}

#[async_trait]
impl Life for Fake {
    async fn health(&self) -> Result<Health> {
        Ok(Health::default())
    }

    async fn shutdown(&self) -> Result<()> {
        Ok(())
    }
}

impl World {
    fn liveness(&mut self, id: &ao_core::model::SessionId) -> RuntimeObservation {
        let (unknown, lies) = (self.faults.unknown, self.faults.lies);
        let Some(agent) = self.agents.get_mut(id) else {
            return RuntimeObservation::new(id.clone(), Liveness::Dead { exit: None });
        };
        let truth = if agent.lives { Liveness::Alive } else { Liveness::Dead { exit: None } };
        let liveness = match self.luck.below(1000) {
            chance if chance < unknown => Liveness::Unknown { why: "no answer".to_owned() },
            chance if chance < unknown + lies && !agent.lied => {
                agent.lied = true;
                Liveness::Dead { exit: None }
            }
            _ => {
                agent.lied = false;
                truth
            }
        };
        let mut seen = RuntimeObservation::new(id.clone(), liveness);
        seen.attended = agent.attended.then(|| "a tmux client".to_owned());
        seen
    }

    fn put_in(&mut self, key: &str, id: &ao_core::model::SessionId, text: String) {
        let Some(agent) = self.agents.get_mut(id) else { return };
        let held = agent.held.is_some_and(|since| since.elapsed() > HELD_FOR);
        let covered = matches!(agent.holds, Holds::Dialog) || agent.shows && matches!(agent.holds, Holds::Theirs);
        if agent.lives {
            agent.holds = Holds::Ours { key: key.to_owned(), text, since: Instant::now() };
        }
        self.say(format!("{id}: `{key}` is put in"));
        if held {
            self.breaks(format!("{id} is held, and `{key}` was put in"));
        }
        if covered {
            self.breaks(format!("`{key}` was put in over what {id} shows"));
        }
    }

    fn submit(&mut self, key: &str, id: &ao_core::model::SessionId) {
        let late = self.faults.records;
        let wait = if self.luck.happens(late) { self.luck.below(15_000) } else { 0 };
        let now = self.now();
        let Some(agent) = self.agents.get_mut(id) else { return };
        if agent.holds == Holds::Dialog || agent.shows && agent.holds == Holds::Theirs {
            let holds = agent.holds.clone();
            return self.breaks(format!("the Enter of `{key}` for {id} went to {holds:?}"));
        }
        if let Some(message) = agent.submit(now, Duration::from_millis(wait)).filter(|_| agent.lives) {
            self.say(format!("{id}: `{message}` arrives"));
            self.arrivals.push(Arrival { session: id.clone(), message });
        }
    }

    fn pull_of(&self, target: &PullTarget) -> PullFound {
        let found = self.pulls.get(&target.session);
        let found = found.filter(|pull| target.number.is_none_or(|number| number == pull.number));
        found.map_or(PullFound::Absent, |pull| PullFound::Found { snapshot: Box::new(pull.snapshot()) })
    }
}

#[async_trait]
impl Runtime for Fake {
    async fn create(&self, _: CreateRuntime) -> Result<RuntimeHandle> {
        never()
    }

    async fn destroy(&self, request: DestroyRuntime) -> Result<Destroyed> {
        let mut world = self.world();
        let (proc, now) = (Arc::clone(&world.proc), world.now());
        if let Some(agent) = world.agents.get_mut(&request.handle.session).filter(|agent| agent.lives) {
            agent.end(&proc, Some(ao_core::model::ExitStatus::Signal { signal: 15 }), now);
        }
        Ok(Destroyed::new())
    }

    async fn send(&self, request: SendInput) -> Result<Delivery> {
        let failure = self.failure(|faults| faults.typing);
        match failure {
            Some(Failure::Refused) => return refused(),
            Some(Failure::Hangs) => return hang().await,
            _ => {}
        }
        let id = request.handle.session;
        let level = {
            let mut world = self.world();
            if !world.agents.get(&id).is_some_and(|agent| agent.lives) {
                return Err(Error::not_found("there is no such terminal"));
            }
            match request.input {
                Input::Text { text } => {
                    world.put_in(&request.key, &id, text);
                    DeliveryLevel::Drafting
                }
                Input::Submit => {
                    world.submit(&request.key, &id);
                    DeliveryLevel::Submitted
                }
                _ => return never(),
            }
        };
        if failure == Some(Failure::Lost) {
            return hang().await;
        }
        Ok(Delivery::new(level))
    }

    async fn observe(&self, request: ObserveRuntimes) -> Result<Vec<RuntimeObservation>> {
        match self.failure(|faults| faults.looks) {
            Some(Failure::Refused) => return refused(),
            Some(_) => return hang().await,
            None => {}
        }
        let seen = {
            let mut world = self.world();
            request.handles.iter().map(|handle| world.liveness(&handle.session)).collect()
        };
        self.dawdle(3000).await;
        Ok(seen)
    }

    async fn list(&self, _: ListRuntimes) -> Result<Vec<RuntimeHandle>> {
        never()
    }

    async fn output(&self, _: ReadOutput) -> Result<Output> {
        Ok(Output::new(String::new(), 0_u64))
    }

    async fn attach(&self, _: Attach) -> Result<AttachPlan> {
        Ok(AttachPlan::Exec { argv: vec!["true".to_owned()] })
    }
}

#[async_trait]
impl Agent for Fake {
    async fn detect(&self, _: DetectAgent) -> Result<AgentAvailability> {
        never()
    }

    async fn plan(&self, _: PlanLaunch) -> Result<LaunchPlan> {
        never()
    }

    async fn observe(&self, request: ObserveAgents) -> Result<Vec<AgentObservation>> {
        match self.failure(|faults| faults.looks) {
            Some(Failure::Refused) => return refused(),
            Some(_) => return hang().await,
            None => {}
        }
        let world = self.world();
        let seen = request.targets.into_iter().map(|target| {
            let mut seen = AgentObservation::new(target.session.clone());
            let Some(agent) = world.agents.get(&target.session) else { return seen };
            seen.composer = agent.composer();
            let state = if agent.lives { agent.state } else { ActivityState::Exited };
            seen.activity = Some(Activity::new(state, "hook", Strength::Strong, agent.since));
            seen.ask = (state == ActivityState::WaitingInput)
                .then(|| Ask::new(format!("ask-{}", agent.since.as_millis()), "May I?"));
            seen.cursor = Some(json!(agent.record.len()));
            seen
        });
        Ok(seen.collect())
    }

    async fn confirm(&self, request: ConfirmDelivery) -> Result<Proof> {
        match self.failure(|faults| faults.looks) {
            Some(Failure::Refused) => return refused(),
            Some(_) => return hang().await,
            None => {}
        }
        let world = self.world();
        let Some(agent) = world.agents.get(&request.session).filter(|agent| agent.records) else {
            return Ok(Proof::Unknown);
        };
        let from = request.cursor.and_then(|cursor| cursor.as_u64()).unwrap_or(0);
        let text = normalised(&request.text);
        let behind = agent.record.iter().skip(usize::try_from(from).unwrap());
        let found = behind.into_iter().any(|(record, at)| *record == text && *at <= Instant::now());
        Ok(if found { Proof::Found { reference: "record".to_owned() } } else { Proof::Absent })
    }
}

#[async_trait]
impl Workspace for Fake {
    async fn create(&self, _: CreateWorkspace) -> Result<WorkspaceInfo> {
        never()
    }

    async fn discard(&self, _: DiscardWorkspace) -> Result<Discarded> {
        never()
    }

    async fn observe(&self, request: ObserveWorkspaces) -> Result<Vec<WorkspaceObservation>> {
        Ok(request.paths.into_iter().map(|path| WorkspaceObservation::new(path, Presence::Present)).collect())
    }

    async fn list(&self, _: ListWorkspaces) -> Result<Vec<WorkspaceInfo>> {
        never()
    }
}

#[async_trait]
impl Scm for Fake {
    async fn snapshot(&self, request: SnapshotRequest) -> Result<Snapshot> {
        match self.failure(|faults| faults.snapshots) {
            Some(Failure::Refused) => return refused(),
            Some(_) => return hang().await,
            None => {}
        }
        let seen: Vec<_> = {
            let mut world = self.world();
            let unknown = world.faults.unknown;
            let mut look = |target: PullTarget| {
                let unknown = world.luck.happens(unknown);
                let found =
                    if unknown { PullFound::Unknown { why: "no answer".to_owned() } } else { world.pull_of(&target) };
                PullObservation::new(target.session, found)
            };
            request.targets.into_iter().map(&mut look).collect()
        };
        self.dawdle(9000).await;
        let mut world = self.world();
        for one in &seen {
            if let PullFound::Found { snapshot } = &one.found {
                world.shown.insert(one.session.clone(), (**snapshot).clone());
            }
        }
        Ok(Snapshot::new(seen))
    }

    async fn check_log(&self, _: CheckLogRequest) -> Result<CheckLog> {
        match self.failure(|faults| faults.looks) {
            Some(Failure::Refused) => refused(),
            Some(_) => hang().await,
            None => Ok(CheckLog::new("error: it does not work")),
        }
    }

    async fn merge(&self, request: MergeRequest) -> Result<MergeOutcome> {
        let failure = self.failure(|faults| faults.merges);
        match failure {
            Some(Failure::Refused) => return refused(),
            Some(Failure::Hangs) => return hang().await,
            _ => {}
        }
        let outcome = self.world().merge(&request);
        if failure == Some(Failure::Lost) { hang().await } else { Ok(outcome) }
    }
}

impl World {
    fn merge(&mut self, request: &MergeRequest) -> MergeOutcome {
        let number = request.pull.number;
        let queues = self.luck.happens(self.faults.merges / 4);
        let Some((id, pull)) = self.pulls.iter_mut().find(|(_, pull)| pull.number == number) else {
            return MergeOutcome::Blocked { why: "there is none".to_owned(), remedy: None, conflicts: Vec::new() };
        };
        let (id, head) = (id.clone(), pull.head());
        let shown = self.shown.get(&id);
        let was_green = shown.is_some_and(|shown| shown.head == request.expected_head && is_green(shown));
        let outcome = if pull.state != PullState::Open {
            MergeOutcome::Blocked { why: "it is not open".to_owned(), remedy: None, conflicts: Vec::new() }
        } else if head != request.expected_head {
            MergeOutcome::HeadMoved
        } else if request.expected_base.as_ref().is_some_and(|base| *base != pull.base_commit()) {
            MergeOutcome::BaseMoved
        } else if queues {
            pull.queued = Some(3);
            MergeOutcome::Queued
        } else {
            pull.state = PullState::Merged;
            MergeOutcome::Merged { commit: "c".repeat(40) }
        };
        let merged = matches!(outcome, MergeOutcome::Merged { .. });
        self.say(format!("{id}: a merge of #{number} at {}: {outcome:?}", request.expected_head));
        self.merges.push(Merge { session: id, head, was_green, merged });
        outcome
    }
}

#[async_trait]
impl Notifier for Fake {
    async fn notify(&self, request: Notification) -> Result<Notified> {
        if self.world().down.get(self.alias).is_some_and(|left| *left > 0) {
            return refused();
        }
        let failure = self.failure(|faults| faults.notifiers);
        match failure {
            Some(Failure::Refused) => return refused(),
            Some(Failure::Hangs) => return hang().await,
            _ => {}
        }
        self.dawdle(20_000).await;
        {
            let mut world = self.world();
            world.say(format!("{} tells `{}`", self.alias, request.id));
            world.heard.push(Heard { alias: self.alias, id: request.id });
        }
        if failure == Some(Failure::Lost) { hang().await } else { Ok(Notified::new()) }
    }
}

const fn registration(slot: Slot, name: &'static str, create: fn(Value) -> Result<Created>) -> Registration {
    Registration {
        crate_name: "sim",
        crate_version: "1.0.0",
        slot,
        name,
        summary: "Shows a world that does not exist.",
        effect: EffectClass::Blind,
        config_schema: || json!({"type": "object"}),
        create,
    }
}

static REGISTRATIONS: [Registration; 6] = [
    registration(Slot::Runtime, "fake", |config| Fake::create(&config, "", |fake| Instance::Runtime(fake))),
    registration(Slot::Agent, "fake", |config| Fake::create(&config, "", |fake| Instance::Agent(fake))),
    registration(Slot::Workspace, "fake", |config| Fake::create(&config, "", |fake| Instance::Workspace(fake))),
    registration(Slot::Scm, "fake", |config| Fake::create(&config, "", |fake| Instance::Scm(fake))),
    registration(Slot::Notifier, "screen", |config| Fake::create(&config, "screen", |fake| Instance::Notifier(fake))),
    Registration {
        effect: EffectClass::Keyed,
        ..registration(Slot::Notifier, "pager", |config| {
            Fake::create(&config, "pager", |fake| Instance::Notifier(fake))
        })
    },
];

/// The plugins as they are linked in.
pub(super) fn registrations() -> Box<dyn Iterator<Item = &'static Registration>> {
    Box::new(REGISTRATIONS.iter())
}
