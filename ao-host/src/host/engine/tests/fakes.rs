//! Plugins that do as they are told, linked in as real ones are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ao_core::model::DeliveryLevel;
use ao_core::plugin::{BoxStream, Created, EffectClass, Frame, Health, Life, Registration, Stream};
use ao_core::slots::agent::{
    AgentAvailability, AgentObservation, DeliverMessage, DeliverPlan, DetectAgent, HookEvent, InterruptAgent,
    LaunchPlan, ObserveAgents, PlanLaunch, WatchAgents,
};
use ao_core::slots::notifier::{Notification, Notified};
use ao_core::slots::runtime::{
    Attach, AttachPlan, CreateRuntime, Delivery, DestroyRuntime, Destroyed, Input, ListRuntimes, Liveness,
    ObserveRuntimes, Output, ReadOutput, RuntimeHandle, RuntimeObservation, SendInput,
};
use ao_core::slots::scm::{
    CheckLog, CheckLogRequest, MergeOutcome, MergeRequest, PullFound, PullObservation, Snapshot, SnapshotRequest,
};
use ao_core::slots::workspace::{
    CreateWorkspace, DiscardWorkspace, Discarded, ListWorkspaces, ObserveWorkspaces, Presence, WorkspaceInfo,
    WorkspaceObservation,
};
use ao_core::slots::{Agent, Instance, Notifier, Runtime, Scm, Slot, Workspace};
use ao_core::{Error, Result};
use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::sync::Mutex as AsyncMutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

type Snapshots = Box<dyn Fn(&SnapshotRequest) -> Result<Snapshot> + Send>;
type Interpretation = Box<dyn Fn(&HookEvent) -> Result<Vec<AgentObservation>> + Send>;
type Notifications = Box<dyn Fn(&str, &Notification) -> Result<Notified> + Send>;
type Looks = Box<dyn Fn(&ObserveAgents) -> Result<Vec<AgentObservation>> + Send>;

type Deliveries = Box<dyn Fn(&DeliverMessage) -> Result<DeliveryLevel> + Send>;
type Merges = Box<dyn Fn(&MergeRequest) -> Result<MergeOutcome> + Send>;
type Interruptions = Box<dyn Fn(&InterruptAgent) -> Result<DeliverPlan> + Send>;
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
    /// What becomes of a message that the agent gets by itself; through its terminal where nothing is said.
    pub(super) deliver: Option<Deliveries>,
    /// How an agent is interrupted; it cannot be where nothing is said.
    pub(super) interrupt: Option<Interruptions>,
    /// What was put into agents' terminals.
    pub(super) typed: Vec<Input>,
    /// The messages that the agent has heard.
    pub(super) heard: Vec<String>,
    /// How a merge ends.
    pub(super) merge: Option<Merges>,
    /// The merges that were asked for.
    pub(super) merges: Vec<MergeRequest>,
    /// What a notifier of this name answers.
    pub(super) notify: Option<Notifications>,
    /// The notifiers that answer nothing.
    pub(super) silent: BTreeSet<String>,
    /// Who was asked to tell what.
    pub(super) told: Vec<(String, String)>,
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

/// A plugin of any slot, with the name that it is configured with.
struct Fake(Arc<Mutex<Script>>, String);

impl Fake {
    fn create(config: &Value, slot: &'static str, instance: fn(Arc<Self>) -> Instance) -> Result<Created> {
        let text = |key: &str| config[key].as_str().unwrap_or_default().to_owned();
        let fake = Arc::new(Self(script(&text("desk")), text("name")));
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

    async fn send(&self, request: SendInput) -> Result<Delivery> {
        self.script().typed.push(request.input);
        Ok(Delivery::new(DeliveryLevel::Submitted))
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

    async fn deliver(&self, request: DeliverMessage) -> Result<DeliverPlan> {
        let mut script = self.script();
        let Some(deliver) = &script.deliver else {
            return Ok(DeliverPlan::Runtime { inputs: vec![Input::Text { text: request.text }, Input::Submit] });
        };
        let level = deliver(&request)?;
        script.heard.push(request.text);
        Ok(DeliverPlan::Done { level })
    }

    async fn interrupt(&self, request: InterruptAgent) -> Result<DeliverPlan> {
        let unsupported = || Err(Error::unsupported("interruptions"));
        self.script().interrupt.as_ref().map_or_else(unsupported, |interrupt| interrupt(&request))
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

    async fn merge(&self, request: MergeRequest) -> Result<MergeOutcome> {
        let mut script = self.script();
        script.merges.push(request.clone());
        script.merge.as_ref().map_or_else(never, |merge| merge(&request))
    }
}

#[async_trait]
impl Notifier for Fake {
    async fn notify(&self, request: Notification) -> Result<Notified> {
        self.script().told.push((self.1.clone(), request.id.clone()));
        if self.script().silent.contains(&self.1) {
            std::future::pending::<()>().await;
        }
        self.script().notify.as_ref().map_or_else(|| Ok(Notified::new()), |notify| notify(&self.1, &request))
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

static REGISTRATIONS: [Registration; 6] = [
    registration(Slot::Runtime, |config| Fake::create(&config, "runtime", |fake| Instance::Runtime(fake))),
    registration(Slot::Agent, |config| Fake::create(&config, "agent", |fake| Instance::Agent(fake))),
    registration(Slot::Workspace, |config| Fake::create(&config, "workspace", |fake| Instance::Workspace(fake))),
    registration(Slot::Scm, |config| Fake::create(&config, "scm", |fake| Instance::Scm(fake))),
    registration(Slot::Notifier, |config| Fake::create(&config, "notifier", |fake| Instance::Notifier(fake))),
    Registration {
        name: "keyed",
        effect: EffectClass::Keyed,
        ..registration(Slot::Notifier, |config| Fake::create(&config, "keyed", |fake| Instance::Notifier(fake)))
    },
];

/// The fakes as they are linked in.
pub(super) fn registrations() -> Box<dyn Iterator<Item = &'static Registration>> {
    Box::new(REGISTRATIONS.iter())
}
