//! Plugins that answer at once that all is well.

use ao_core::plugin::Registration;
use ao_plugin_sdk::prelude::*;

/// All of them, as a host links plugins in.
pub(crate) fn actors() -> Box<dyn Iterator<Item = &'static Registration>> {
    static ACTORS: [Registration; 3] = [
        ao_plugin_sdk::__registration!(runtime "actor" => Lives, "sessions that live"),
        ao_plugin_sdk::__registration!(agent "actor" => Works, "agents that work"),
        ao_plugin_sdk::__registration!(workspace "actor" => Stands, "worktrees that are there"),
    ];
    Box::new(ACTORS.iter())
}

/// Nothing to say.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Nothing {}

macro_rules! actor {
    ($($Actor:ident),*) => {$(
        pub(crate) struct $Actor;

        impl Plugin for $Actor {
            type Config = Nothing;

            fn new(_: Nothing) -> Result<Self> {
                Ok(Self)
            }
        }
    )*};
}

actor!(Lives, Works, Stands);

fn no<T>() -> Result<T> {
    Err(Error::unsupported("anything but looking"))
}

#[async_trait]
impl Runtime for Lives {
    async fn observe(&self, request: ObserveRuntimes) -> Result<Vec<RuntimeObservation>> {
        let alive = |handle: RuntimeHandle| RuntimeObservation::new(handle.session, Liveness::Alive);
        Ok(request.handles.into_iter().map(alive).collect())
    }

    async fn create(&self, _: CreateRuntime) -> Result<RuntimeHandle> {
        no()
    }

    async fn destroy(&self, _: DestroyRuntime) -> Result<Destroyed> {
        no()
    }

    async fn send(&self, _: SendInput) -> Result<Delivery> {
        no()
    }

    async fn list(&self, _: ListRuntimes) -> Result<Vec<RuntimeHandle>> {
        no()
    }

    async fn output(&self, _: ReadOutput) -> Result<Output> {
        no()
    }

    async fn attach(&self, _: Attach) -> Result<AttachPlan> {
        no()
    }
}

#[async_trait]
impl Agent for Works {
    async fn observe(&self, request: ObserveAgents) -> Result<Vec<AgentObservation>> {
        let works = |target: AgentTarget| {
            let mut seen = AgentObservation::new(target.session);
            seen.activity = Some(Activity::new(ActivityState::Active, "acting", Strength::Strong, target.launched_at));
            seen
        };
        Ok(request.targets.into_iter().map(works).collect())
    }

    async fn detect(&self, _: DetectAgent) -> Result<AgentAvailability> {
        no()
    }

    async fn plan(&self, _: PlanLaunch) -> Result<LaunchPlan> {
        no()
    }
}

#[async_trait]
impl Workspace for Stands {
    async fn observe(&self, request: ObserveWorkspaces) -> Result<Vec<WorkspaceObservation>> {
        Ok(request.paths.into_iter().map(|path| WorkspaceObservation::new(path, Presence::Present)).collect())
    }

    async fn create(&self, _: CreateWorkspace) -> Result<WorkspaceInfo> {
        no()
    }

    async fn discard(&self, _: DiscardWorkspace) -> Result<Discarded> {
        no()
    }

    async fn list(&self, _: ListWorkspaces) -> Result<Vec<WorkspaceInfo>> {
        no()
    }
}
