//! A sender that dies at any moment of a delivery, in a model of an agent: whoever comes next repeats nothing that may have
//! arrived, presses no Enter alone, and says that a message has arrived only where it has.

use std::sync::{Arc, Mutex, MutexGuard};

use ao_core::model::facts::{AgentFacts, RuntimeFacts, Session, WorkspaceFacts};
use ao_core::model::{BranchName, DeliveryLevel, PluginName, SessionId};
use ao_core::plugin::BoxStream;
use ao_core::slots::{Agent, Runtime};
use ao_core::{Error, Result};
use ao_host::failpoint::Failpoints;
use ao_host::sessions::{Bound, Crew, Letter, Sessions};
use ao_host::store::Store;
use ao_host::world::Places;
use ao_plugin_fixture::FixtureWorkspace;
use ao_plugin_sdk::core::slots::runtime::Output;
use ao_plugin_sdk::prelude::*;
use tokio::sync::Notify;

use crate::scratch::Scratch;

const TEXT: &str = "fix the parser and run the tests";

/// What kind of agent it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kind {
    /// How well it can be told what it is doing.
    evidence: Strength,
    /// Whether it keeps a record.
    record: Record,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Record {
    Kept,
    None,
}

/// An agent and its terminal. The sender dies when as many calls have been made as it is to live, before or after what the
/// last one does.
struct Model {
    kind: Kind,
    composer: String,
    told: Vec<String>,
    lone_enters: u32,
    calls: u32,
    dies: Option<(u32, Side)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Before,
    After,
}

struct Puppet {
    model: Mutex<Model>,
    dead: Notify,
}

impl Puppet {
    fn model(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap()
    }

    /// Makes a call, unless the caller dies of it.
    async fn call<T>(&self, effect: impl FnOnce(&mut Model) -> T) -> T {
        let dies = {
            let mut model = self.model();
            model.calls += 1;
            model.dies.filter(|(calls, _)| *calls == model.calls).map(|(_, side)| side)
        };
        if dies == Some(Side::Before) {
            self.die().await;
        }
        let done = effect(&mut self.model());
        if dies == Some(Side::After) {
            self.die().await;
        }
        done
    }

    async fn die(&self) {
        self.dead.notify_one();
        std::future::pending::<()>().await;
    }
}

fn never<T>() -> Result<T> {
    Err(Error::other("nobody asks a puppet for this"))
}

#[async_trait]
impl Runtime for Puppet {
    async fn create(&self, _request: CreateRuntime) -> Result<RuntimeHandle> {
        never()
    }

    async fn destroy(&self, _request: DestroyRuntime) -> Result<Destroyed> {
        never()
    }

    async fn send(&self, request: SendInput) -> Result<Delivery> {
        let level = self.call(|model| {
            if let Input::Text { text } = request.input {
                model.composer += &text;
                return DeliveryLevel::Drafting;
            }
            let draft = std::mem::take(&mut model.composer);
            if draft.is_empty() {
                model.lone_enters += 1;
            } else {
                model.told.push(draft);
            }
            DeliveryLevel::Submitted
        });
        Ok(Delivery::new(level.await))
    }

    async fn observe(&self, request: ObserveRuntimes) -> Result<Vec<RuntimeObservation>> {
        let handles = request.handles.into_iter();
        Ok(self
            .call(|_| handles.map(|handle| RuntimeObservation::new(handle.session, Liveness::Alive)).collect())
            .await)
    }

    async fn list(&self, _request: ListRuntimes) -> Result<Vec<RuntimeHandle>> {
        never()
    }

    async fn output(&self, _request: ReadOutput) -> Result<Output> {
        never()
    }

    async fn attach(&self, _request: Attach) -> Result<AttachPlan> {
        Ok(AttachPlan::Stream)
    }

    async fn terminal(&self, _request: OpenTerminal) -> Result<BoxStream> {
        never()
    }
}

#[async_trait]
impl Agent for Puppet {
    async fn detect(&self, _request: DetectAgent) -> Result<AgentAvailability> {
        never()
    }

    async fn plan(&self, _request: PlanLaunch) -> Result<LaunchPlan> {
        never()
    }

    async fn observe(&self, request: ObserveAgents) -> Result<Vec<AgentObservation>> {
        let seen = |model: &mut Model| {
            let look = |target: &AgentTarget| {
                let mut seen = AgentObservation::new(target.session.clone());
                let evidence = model.kind.evidence;
                seen.activity = Some(Activity::new(ActivityState::Idle, "model", evidence, request.now));
                let text = model.composer.clone();
                seen.composer = if text.is_empty() { Composer::Empty } else { Composer::Draft { text } };
                seen.cursor = Some(json!(model.told.len()));
                seen
            };
            request.targets.iter().map(look).collect()
        };
        Ok(self.call(seen).await)
    }

    async fn deliver(&self, request: DeliverMessage) -> Result<DeliverPlan> {
        Ok(self
            .call(|_| DeliverPlan::Runtime { inputs: vec![Input::Text { text: request.text }, Input::Submit] })
            .await)
    }

    async fn confirm(&self, request: ConfirmDelivery) -> Result<Proof> {
        let proof = |model: &mut Model| {
            let from = request.cursor.as_ref().and_then(Value::as_u64).map(|from| usize::try_from(from).unwrap());
            match (model.kind.record, from) {
                (Record::Kept, Some(from)) if model.told[from..].contains(&request.text) => {
                    Proof::Found { reference: "the model".to_owned() }
                }
                (Record::Kept, Some(_)) => Proof::Absent,
                _ => Proof::Unknown,
            }
        };
        Ok(self.call(proof).await)
    }
}

fn plugin(name: &str) -> PluginName {
    name.parse().unwrap()
}

/// A session whose agent is the model.
struct Stage {
    scratch: Scratch,
    sessions: Sessions,
    puppet: Arc<Puppet>,
    crew: Crew,
    id: SessionId,
}

impl Stage {
    fn new(kind: Kind, dies: (u32, Side)) -> Self {
        let scratch = Scratch::new();
        let (store, session) = scratch.with_session();
        let id = session.id.clone();
        let root = scratch.path.clone();
        let places = Places::resolve(&|name| (name == "AO_HOME").then(|| root.join("ao").into()), &root).unwrap();
        places.ensure().unwrap();
        let now = scratch.world().now();
        let mut launch = |session: &mut Session| {
            let handle = RuntimeHandle::new(plugin("model"), id.clone(), "key", json!({}));
            session.runtime = Some(RuntimeFacts::new(root.join("launch"), handle, now));
            session.agent = Some(AgentFacts::new(plugin("model"), plugin("model")));
            let branch: BranchName = "ao/app-1".parse().unwrap();
            session.workspace = Some(WorkspaceFacts::new(plugin("model"), root.join("worktree"), branch));
            Ok(Vec::new())
        };
        store.change(&id, &mut launch).unwrap();
        let (world, program) = (scratch.world().clone(), "/bin/ao".into());
        let failpoints = Failpoints::parse("").unwrap();
        let sessions = Sessions { store: Arc::new(store), world, places, failpoints, program };
        let model = Model {
            kind,
            composer: String::new(),
            told: vec![TEXT.to_owned()],
            lone_enters: 0,
            calls: 0,
            dies: Some(dies),
        };
        let puppet = Arc::new(Puppet { model: Mutex::new(model), dead: Notify::new() });
        let workspace = FixtureWorkspace::new(serde_json::from_value(json!({})).unwrap()).unwrap();
        let crew = Crew {
            runtime: Bound { plugin: plugin("model"), instance: Arc::clone(&puppet) as Arc<dyn Runtime> },
            agent: Bound { plugin: plugin("model"), instance: Arc::clone(&puppet) as Arc<dyn Agent> },
            agent_name: plugin("model"),
            workspace: Bound { plugin: plugin("model"), instance: Arc::new(workspace) },
            tracker: None,
        };
        Self { scratch, sessions, puppet, crew, id }
    }

    /// Sends, and says whether the sender died of it.
    async fn send(&self) -> bool {
        let letter = Letter::of(TEXT);
        tokio::select! {
            biased;
            () = self.puppet.dead.notified() => true,
            sent = self.sessions.send(&self.id, &self.crew, &letter) => sent.map(|_| false).unwrap(),
        }
    }

    /// The process table knows that the sender is gone.
    async fn go_on(&self) {
        self.puppet.model().dies = None;
        let mut gone = |session: &mut Session| {
            session.op = None;
            Ok(Vec::new())
        };
        self.sessions.store.change(&self.id, &mut gone).unwrap();
        self.sessions.deliver_waiting(&self.id, &self.crew).await.unwrap();
        let _ = &self.scratch;
    }
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_dies_anywhere_leaves_a_message_that_arrives_once_or_is_doubtful() {
    for (evidence, record) in [
        (Strength::Strong, Record::Kept),
        (Strength::Weak, Record::Kept),
        (Strength::Strong, Record::None),
        (Strength::Weak, Record::None),
    ] {
        let kind = Kind { evidence, record };
        for side in [Side::Before, Side::After] {
            let mut calls = 1;
            loop {
                let stage = Stage::new(kind, (calls, side));
                if !stage.send().await {
                    break;
                }
                stage.go_on().await;
                let level = stage.sessions.store.messages(&stage.id).unwrap().pop().unwrap().level;
                let model = stage.puppet.model();
                // The same text stood in the record before: that is no proof.
                let arrived = model.told.len() - 1;
                let at = format!("{kind:?}, {side:?} call {calls}: {level}, arrived {arrived} times");
                assert!(level.is_final() && level != DeliveryLevel::Failed, "{at}");
                assert!(arrived <= 1 && model.told.iter().all(|told| told == TEXT), "{at}: {:?}", model.told);
                assert_eq!(model.lone_enters, 0, "{at}");
                assert!(level != DeliveryLevel::Acked || arrived == 1, "{at}");
                if kind == (Kind { evidence: Strength::Strong, record: Record::Kept }) {
                    assert_eq!(level, DeliveryLevel::Acked, "{at}");
                }
                calls += 1;
            }
            assert!(calls > 8, "{kind:?}: only {calls} calls make a delivery");
        }
    }
}
