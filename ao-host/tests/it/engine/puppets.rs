//! Plugins whose strings a test pulls: a runtime, an agent and a workspace that answer what they are told, hang, fail or
//! panic, and count how they were called. The other slots are filled by the fixture's plugins.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use ao_core::plugin::Registration;
use ao_core::slots::Slot;
use ao_plugin_sdk::prelude::*;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// All of them, as a host links plugins in.
pub(crate) fn puppets() -> Box<dyn Iterator<Item = &'static Registration>> {
    static PUPPETS: [Registration; 3] = [
        ao_plugin_sdk::__registration!(runtime "puppet" => Puppet, "sessions that a test moves"),
        ao_plugin_sdk::__registration!(agent "puppet" => PuppetAgent, "agents that a test moves"),
        ao_plugin_sdk::__registration!(workspace "puppet" => PuppetWorkspace, "worktrees that a test moves"),
    ];
    Box::new(PUPPETS.iter())
}

/// What stands under a puppet's block: on which stage it is, and its own name there.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Strings {
    stage: u32,
    name: String,
}

/// How an instance answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Manner {
    #[default]
    Answers,
    Hangs,
    Fails,
    Panics,
}

/// What is to be seen of a session.
#[derive(Clone, Debug)]
pub(crate) struct Act {
    /// What its runtime says; nothing at all where there is none.
    pub(crate) liveness: Option<Liveness>,
    /// What its agent does.
    pub(crate) activity: Option<Activity>,
}

/// One call of `observe`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) slot: Slot,
    pub(crate) name: String,
    pub(crate) sessions: usize,
}

/// Where the puppets of one test stand.
#[derive(Default)]
pub(crate) struct Stage {
    pub(crate) number: u32,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    acts: BTreeMap<SessionId, Act>,
    manners: BTreeMap<(Slot, String), Manner>,
    calls: Vec<Call>,
    listeners: Vec<UnboundedSender<SessionId>>,
}

static STAGES: Mutex<BTreeMap<u32, Arc<Stage>>> = Mutex::new(BTreeMap::new());

impl Stage {
    pub(crate) fn new() -> Arc<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let stage = Arc::new(Self { number, ..Self::default() });
        STAGES.lock().unwrap().insert(number, Arc::clone(&stage));
        stage
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Changes what is to be seen of a session.
    pub(crate) fn act(&self, id: &SessionId, change: impl FnOnce(&mut Act)) {
        let mut state = self.state();
        change(state.acts.entry(id.clone()).or_insert(Act { liveness: Some(Liveness::Alive), activity: None }));
    }

    /// What a session's runtime says from now on.
    pub(crate) fn says(&self, id: &SessionId, liveness: Liveness) {
        self.act(id, |act| act.liveness = Some(liveness));
    }

    /// How the instance of this name answers from now on.
    pub(crate) fn behaves(&self, slot: Slot, name: &str, manner: Manner) {
        self.state().manners.insert((slot, name.to_owned()), manner);
    }

    /// Hints of a session to whoever listens.
    pub(crate) fn hint(&self, id: &SessionId) {
        self.state().listeners.retain(|listener| listener.send(id.clone()).is_ok());
    }

    /// How many listen to hints.
    pub(crate) fn listeners(&self) -> usize {
        self.state().listeners.iter().filter(|listener| !listener.is_closed()).count()
    }

    /// The calls since this was last asked.
    pub(crate) fn calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.state().calls)
    }
}

/// A puppet of any slot.
struct Member {
    stage: Arc<Stage>,
    name: String,
}

impl Member {
    fn new(strings: &Strings) -> Result<Self> {
        let stage = STAGES.lock().unwrap().get(&strings.stage).cloned();
        let stage = stage.ok_or_else(|| Error::invalid_input("there is no such stage"))?;
        Ok(Self { stage, name: strings.name.clone() })
    }

    /// Counts a call, and does not come back from one that is to go wrong.
    async fn observe(&self, slot: Slot, sessions: usize) -> Result<()> {
        let manner = {
            let mut state = self.stage.state();
            state.calls.push(Call { slot, name: self.name.clone(), sessions });
            state.manners.get(&(slot, self.name.clone())).copied().unwrap_or_default()
        };
        match manner {
            Manner::Answers => Ok(()),
            Manner::Hangs => std::future::pending().await,
            Manner::Fails => Err(Error::unavailable("the puppet fails")),
            Manner::Panics => panic!("the puppet panics"),
        }
    }

    fn act_of(&self, id: &SessionId) -> Option<Act> {
        self.stage.state().acts.get(id).cloned()
    }
}

fn nothing<T>() -> Result<T> {
    Err(Error::unsupported("this with puppets"))
}

/// The runtime.
struct Puppet(Member);

impl Plugin for Puppet {
    type Config = Strings;

    fn new(strings: Strings) -> Result<Self> {
        Member::new(&strings).map(Self)
    }
}

#[async_trait]
impl Runtime for Puppet {
    async fn observe(&self, request: ObserveRuntimes) -> Result<Vec<RuntimeObservation>> {
        self.0.observe(Slot::Runtime, request.handles.len()).await?;
        let seen = request.handles.into_iter().filter_map(|handle| {
            let liveness = self.0.act_of(&handle.session)?.liveness?;
            Some(RuntimeObservation::new(handle.session, liveness))
        });
        Ok(seen.collect())
    }

    async fn watch(&self, _request: WatchRuntimes) -> Result<BoxStream> {
        let (sender, receiver) = unbounded_channel();
        self.0.stage.state().listeners.push(sender);
        Ok(Box::new(Hints(tokio::sync::Mutex::new(receiver))))
    }

    async fn create(&self, _request: CreateRuntime) -> Result<RuntimeHandle> {
        nothing()
    }

    async fn destroy(&self, _request: DestroyRuntime) -> Result<Destroyed> {
        nothing()
    }

    async fn send(&self, _request: SendInput) -> Result<Delivery> {
        nothing()
    }

    async fn list(&self, _request: ListRuntimes) -> Result<Vec<RuntimeHandle>> {
        nothing()
    }

    async fn output(&self, _request: ReadOutput) -> Result<Output> {
        nothing()
    }

    async fn attach(&self, _request: Attach) -> Result<AttachPlan> {
        nothing()
    }
}

/// The hints that a test gives.
struct Hints(tokio::sync::Mutex<UnboundedReceiver<SessionId>>);

#[async_trait]
impl Stream for Hints {
    async fn next(&self) -> Result<Option<Frame>> {
        let hinted = self.0.lock().await.recv().await;
        Ok(hinted.map(|session| Frame::Control(json!({ "session": session }))))
    }

    async fn send(&self, _frame: Frame) -> Result<()> {
        nothing()
    }
}

/// The agent.
struct PuppetAgent(Member);

impl Plugin for PuppetAgent {
    type Config = Strings;

    fn new(strings: Strings) -> Result<Self> {
        Member::new(&strings).map(Self)
    }
}

#[async_trait]
impl Agent for PuppetAgent {
    async fn observe(&self, request: ObserveAgents) -> Result<Vec<AgentObservation>> {
        self.0.observe(Slot::Agent, request.targets.len()).await?;
        let seen = request.targets.into_iter().map(|target| {
            let mut seen = AgentObservation::new(target.session);
            seen.activity = self.0.act_of(&seen.session).and_then(|act| act.activity);
            seen
        });
        Ok(seen.collect())
    }

    async fn detect(&self, _request: DetectAgent) -> Result<AgentAvailability> {
        nothing()
    }

    async fn plan(&self, _request: PlanLaunch) -> Result<LaunchPlan> {
        nothing()
    }
}

/// The workspace.
struct PuppetWorkspace(Member);

impl Plugin for PuppetWorkspace {
    type Config = Strings;

    fn new(strings: Strings) -> Result<Self> {
        Member::new(&strings).map(Self)
    }
}

#[async_trait]
impl Workspace for PuppetWorkspace {
    async fn observe(&self, request: ObserveWorkspaces) -> Result<Vec<WorkspaceObservation>> {
        self.0.observe(Slot::Workspace, request.paths.len()).await?;
        Ok(request.paths.into_iter().map(|path| WorkspaceObservation::new(path, Presence::Present)).collect())
    }

    async fn create(&self, _request: CreateWorkspace) -> Result<WorkspaceInfo> {
        nothing()
    }

    async fn discard(&self, _request: DiscardWorkspace) -> Result<Discarded> {
        nothing()
    }

    async fn list(&self, _request: ListWorkspaces) -> Result<Vec<WorkspaceInfo>> {
        nothing()
    }
}
