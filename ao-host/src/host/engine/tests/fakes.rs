//! Plugins that do as they are told, linked in as real ones are.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ao_core::plugin::{BoxStream, Created, EffectClass, Frame, Health, Life, Registration, Stream};
use ao_core::slots::agent::{
    AgentAvailability, AgentObservation, DetectAgent, HookEvent, LaunchPlan, ObserveAgents, PlanLaunch, WatchAgents,
};
use ao_core::slots::runtime::{
    Attach, AttachPlan, CreateRuntime, Delivery, DestroyRuntime, Destroyed, ListRuntimes, Liveness, ObserveRuntimes,
    Output, ReadOutput, RuntimeHandle, RuntimeObservation, SendInput,
};
use ao_core::slots::scm::{
    CheckLog, CheckLogRequest, MergeOutcome, MergeRequest, PullFound, PullObservation, Snapshot, SnapshotRequest,
};
use ao_core::slots::workspace::{
    CreateWorkspace, DiscardWorkspace, Discarded, ListWorkspaces, ObserveWorkspaces, Presence, WorkspaceInfo,
    WorkspaceObservation,
};
use ao_core::slots::{Agent, Instance, Runtime, Scm, Slot, Workspace};
use ao_core::{Error, Result};
use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::sync::Mutex as AsyncMutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

type Snapshots = Box<dyn Fn(&SnapshotRequest) -> Result<Snapshot> + Send>;
type Interpretation = Box<dyn Fn(&HookEvent) -> Result<Vec<AgentObservation>> + Send>;
type Looks = Box<dyn Fn(&ObserveAgents) -> Result<Vec<AgentObservation>> + Send>;

type Ends = Box<dyn Fn(&DestroyRuntime) -> Result<Destroyed> + Send>;

/// What the plugins of one test are told to do, and what they were asked.
#[derive(Default)]
pub(super) struct Script {
    pub(super) snapshots: Option<Snapshots>,
    pub(super) interpret: Option<Interpretation>,
    pub(super) agents: Option<Looks>,
    pub(super) destroy: Option<Ends>,
    /// How often something was to be ended.
    pub(super) destroyed: usize,
    pub(super) asked_snapshots: Vec<SnapshotRequest>,
    pub(super) asked_hooks: Vec<HookEvent>,
    /// The open streams of hints, with the sessions that each is about.
    pub(super) agent_watches: Vec<(WatchAgents, UnboundedSender<Value>)>,
    /// What instances see of their host.
    pub(super) hosts: BTreeMap<&'static str, Arc<dyn ao_core::plugin::Host>>,
}

static SCRIPTS: Mutex<BTreeMap<String, Arc<Mutex<Script>>>> = Mutex::new(BTreeMap::new());

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The script of a desk.
pub(super) fn script(desk: &str) -> Arc<Mutex<Script>> {
    Arc::clone(lock(&SCRIPTS).entry(desk.to_owned()).or_default())
}

/// A plugin of any slot.
struct Fake(Arc<Mutex<Script>>);

impl Fake {
    fn create(config: &Value, slot: &'static str, instance: fn(Arc<Self>) -> Instance) -> Result<Created> {
        let fake = Arc::new(Self(script(config["desk"].as_str().unwrap_or_default())));
        if config["broken"].as_bool() == Some(true) {
            return Err(Error::unavailable("there is no token"));
        }
        if let Some(host) = ao_core::plugin::current_host() {
            fake.script().hosts.insert(slot, host);
        }
        Ok(Created { instance: instance(Arc::clone(&fake)), life: fake })
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        lock(&self.0)
    }
}

fn never<T>() -> Result<T> {
    Err(Error::other("nobody asks a fake for this"))
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

#[async_trait]
impl Runtime for Fake {
    async fn create(&self, _request: CreateRuntime) -> Result<RuntimeHandle> {
        never()
    }

    async fn destroy(&self, request: DestroyRuntime) -> Result<Destroyed> {
        let mut script = self.script();
        script.destroyed += 1;
        script.destroy.as_ref().map_or_else(never, |destroy| destroy(&request))
    }

    async fn send(&self, _request: SendInput) -> Result<Delivery> {
        never()
    }

    async fn observe(&self, request: ObserveRuntimes) -> Result<Vec<RuntimeObservation>> {
        let handles = request.handles.into_iter();
        Ok(handles.map(|handle| RuntimeObservation::new(handle.session, Liveness::Alive)).collect())
    }

    async fn list(&self, _request: ListRuntimes) -> Result<Vec<RuntimeHandle>> {
        never()
    }

    async fn output(&self, _request: ReadOutput) -> Result<Output> {
        never()
    }

    async fn attach(&self, _request: Attach) -> Result<AttachPlan> {
        never()
    }
}

#[async_trait]
impl Agent for Fake {
    async fn detect(&self, _request: DetectAgent) -> Result<AgentAvailability> {
        never()
    }

    async fn plan(&self, _request: PlanLaunch) -> Result<LaunchPlan> {
        never()
    }

    async fn observe(&self, request: ObserveAgents) -> Result<Vec<AgentObservation>> {
        if let Some(looks) = &self.script().agents {
            return looks(&request);
        }
        let nothing = |session| {
            let mut seen = AgentObservation::new(session);
            seen.unknown = Some("nothing to see".to_owned());
            seen
        };
        Ok(request.targets.into_iter().map(|target| nothing(target.session)).collect())
    }

    async fn interpret(&self, request: HookEvent) -> Result<Vec<AgentObservation>> {
        let mut script = self.script();
        script.asked_hooks.push(request.clone());
        script.interpret.as_ref().map_or_else(|| Ok(Vec::new()), |interpret| interpret(&request))
    }

    async fn watch(&self, request: WatchAgents) -> Result<BoxStream> {
        let (hints, heard) = unbounded_channel();
        self.script().agent_watches.push((request, hints));
        Ok(Box::new(Hints(AsyncMutex::new(heard))))
    }
}

/// An open stream of hints.
struct Hints(AsyncMutex<UnboundedReceiver<Value>>);

#[async_trait]
impl Stream for Hints {
    async fn next(&self) -> Result<Option<Frame>> {
        Ok(self.0.lock().await.recv().await.map(Frame::Control))
    }

    async fn send(&self, _frame: Frame) -> Result<()> {
        never()
    }
}

#[async_trait]
impl Workspace for Fake {
    async fn create(&self, _request: CreateWorkspace) -> Result<WorkspaceInfo> {
        never()
    }

    async fn discard(&self, _request: DiscardWorkspace) -> Result<Discarded> {
        never()
    }

    async fn observe(&self, request: ObserveWorkspaces) -> Result<Vec<WorkspaceObservation>> {
        Ok(request.paths.into_iter().map(|path| WorkspaceObservation::new(path, Presence::Present)).collect())
    }

    async fn list(&self, _request: ListWorkspaces) -> Result<Vec<WorkspaceInfo>> {
        never()
    }
}

#[async_trait]
impl Scm for Fake {
    async fn snapshot(&self, request: SnapshotRequest) -> Result<Snapshot> {
        let mut script = self.script();
        script.asked_snapshots.push(request.clone());
        if let Some(snapshots) = &script.snapshots {
            return snapshots(&request);
        }
        let absent = |target: ao_core::slots::scm::PullTarget| PullObservation::new(target.session, PullFound::Absent);
        Ok(Snapshot::new(request.targets.into_iter().map(absent).collect::<Vec<_>>()))
    }

    async fn check_log(&self, _request: CheckLogRequest) -> Result<CheckLog> {
        never()
    }

    async fn merge(&self, _request: MergeRequest) -> Result<MergeOutcome> {
        never()
    }
}

const fn registration(slot: Slot, create: fn(Value) -> Result<Created>) -> Registration {
    Registration {
        crate_name: "fakes",
        crate_version: "1.0.0",
        slot,
        name: "fake",
        summary: "Does as it is told.",
        effect: EffectClass::Blind,
        config_schema: || json!({"type": "object"}),
        create,
    }
}

static REGISTRATIONS: [Registration; 4] = [
    registration(Slot::Runtime, |config| Fake::create(&config, "runtime", |fake| Instance::Runtime(fake))),
    registration(Slot::Agent, |config| Fake::create(&config, "agent", |fake| Instance::Agent(fake))),
    registration(Slot::Workspace, |config| Fake::create(&config, "workspace", |fake| Instance::Workspace(fake))),
    registration(Slot::Scm, |config| Fake::create(&config, "scm", |fake| Instance::Scm(fake))),
];

/// The fakes as they are linked in.
pub(super) fn registrations() -> Box<dyn Iterator<Item = &'static Registration>> {
    Box::new(REGISTRATIONS.iter())
}
