//! An installation with many sessions whose agents are all one process: this one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use ao_core::lifecycle::StatusName;
use ao_core::model::event::{EventData, EventKind};
use ao_core::model::facts::{AgentFacts, ChosenPlugins, Hold, HoldReason, RuntimeFacts, Session, WorkspaceFacts};
use ao_core::model::process::{EXIT_FILE, ExitRecord, HOLDER_VERSION};
use ao_core::model::{BranchName, ExitStatus, Notice, NoticeState, PluginName, ProjectName, SessionId, SessionPrefix};
use ao_core::slots::runtime::RuntimeHandle;
use ao_host::failpoint::Failpoints;
use ao_host::host::{Claimant, Control, HostContext, HostLock, Progress, Told, ask_for_look, serve};
use ao_host::sessions::Sessions;
use ao_host::setup::{ConfigFiles, Environment};
use ao_host::store::{Reader, SqliteStore, Store, StoreWatch};
use ao_host::trust::Trust;
use ao_host::world::{Places, World, files};
use camino::Utf8PathBuf;

use crate::actors::actors;

/// Without its last brace, before which reactions may stand.
const CONFIG: &str = r#"{"version": 1, "agents": {"worker": "actor"},
    "defaults": {"runtime": "actor", "workspace": "actor", "agent": "worker"}, "projects": {"app": {"path": "."}}"#;
/// A condition that holds for every session, from its second second on and for good.
const SILENCE: &str = r#", "reactions": {"report-no-acknowledge": {"threshold": "1s"}}"#;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) struct House {
    pub(crate) places: Places,
    pub(crate) world: World,
    sessions: Arc<Sessions>,
    environment: Environment,
    config: Utf8PathBuf,
    ids: Vec<SessionId>,
    _scratch: tempfile::TempDir,
}

impl House {
    /// With so many sessions.
    pub(crate) fn new(size: usize) -> Self {
        Self::with(size, "")
    }

    /// With so many sessions, each with an episode that is open.
    pub(crate) fn of_the_silent(size: usize) -> Self {
        Self::with(size, SILENCE)
    }

    fn with(size: usize, rules: &str) -> Self {
        let text = format!("{CONFIG}{rules}}}");
        let scratch = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(scratch.path().canonicalize().unwrap()).unwrap();
        let config = root.join("app/agent-orchestrator.yaml");
        for directory in ["home", "app", "agents"] {
            std::fs::create_dir_all(root.join(directory)).unwrap();
        }
        let environment = Environment {
            variables: BTreeMap::from([("AO_HOME".to_owned(), root.join("ao").to_string())]),
            home: root.join("home"),
            current_directory: root.join("app"),
            program: "/bin/ao".into(),
        };
        let places = Places::resolve(&|name| environment.variable(name).map(Into::into), &environment.home).unwrap();
        places.ensure().unwrap();
        Trust::add_config(&places.trust_file(), &config, text.as_bytes()).unwrap();
        files::write_atomic(&config, text.as_bytes(), files::PRIVATE_FILE).unwrap();
        let world = World::system();
        let store = SqliteStore::open(&places.state_db()).unwrap();
        let ids = (0..size).map(|_| launch(&store, &world, &root, &config)).collect();
        let sessions = Arc::new(Sessions {
            store: Arc::new(store),
            world: World::system(),
            places: places.clone(),
            failpoints: Failpoints::parse("").unwrap(),
            program: environment.program.clone(),
        });
        Self { places, world, sessions, environment, config, ids, _scratch: scratch }
    }

    /// Works while a host serves, from when it has looked at everything once.
    pub(crate) fn hosting(&self, work: impl FnOnce()) {
        let (places, world) = (&self.places, &self.world);
        let claimant =
            Claimant { places, world, program: &self.environment.program, log: None, failpoints: Failpoints::none() };
        let lock = HostLock::try_take(&claimant).unwrap();
        let context = HostContext {
            sessions: Arc::clone(&self.sessions),
            environment: self.environment.clone(),
            places: places.clone(),
            files: ConfigFiles { global: None, local: Some(self.config.clone()) },
            linked: actors,
        };
        let (ready, is_ready) = channel();
        let (control, heard) = tokio::sync::mpsc::channel(1);
        std::thread::scope(|scope| {
            let host = scope.spawn(move || {
                // As in `ao`.
                let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
                let mut tell = |told: Told| {
                    if told == Told::Ready {
                        ready.send(()).unwrap();
                    }
                };
                runtime
                    .unwrap()
                    .block_on(serve(context, lock, heard, Arc::new(Progress::default()), &mut tell))
                    .unwrap();
            });
            is_ready.recv_timeout(PATIENCE).unwrap();
            work();
            control.blocking_send(Control::Stop).unwrap();
            host.join().unwrap();
        });
    }

    /// The agent of this session ends, as its holder writes down; waits until that is a fact.
    pub(crate) fn end(&self, number: usize) {
        let id = &self.ids[number];
        let (wake, written) = channel();
        let _watch = StoreWatch::new(&self.places.state_db(), move || wake.send(()).unwrap_or_default());
        self.write_exit(id, 0);
        while self.sessions.store.session(id).unwrap().unwrap().runtime.unwrap().exit.is_none() {
            let _ = written.recv_timeout(Duration::from_millis(1));
        }
    }
}

impl House {
    fn write_exit(&self, id: &SessionId, code: i32) {
        let record = ExitRecord::new(HOLDER_VERSION, ExitStatus::Code { code }, self.world.now());
        let directory = self.sessions.get(id).unwrap().runtime.unwrap().directory;
        let text = serde_json::to_vec(&record).unwrap();
        files::write_atomic(&directory.join(EXIT_FILE), &text, files::PRIVATE_FILE).unwrap();
    }

    /// The agent of this session fails; waits until a human is told by a reaction.
    pub(crate) fn fail(&self, number: usize) {
        let id = &self.ids[number];
        let (wake, written) = channel();
        let _watch = StoreWatch::new(&self.places.state_db(), move || wake.send(()).unwrap_or_default());
        self.write_exit(id, 1);
        let is_told = |notice: &Notice| notice.session.as_ref() == Some(id) && notice.state == NoticeState::Told;
        while !self.sessions.store.waiting_notices(1000).unwrap().iter().any(is_told) {
            let _ = written.recv_timeout(Duration::from_millis(1));
        }
    }

    /// Waits until every session's episode is open, and a human was told of it.
    pub(crate) fn await_episodes(&self) {
        while self.sessions.store.waiting_notices(1000).unwrap().len() < self.ids.len() {
            let _ = ask_for_look(&self.places, &self.world, PATIENCE).unwrap();
        }
    }

    /// Another process holds this session; waits until the host tells of the status that follows.
    pub(crate) fn pause(&self, number: usize) {
        let id = &self.ids[number];
        let other = SqliteStore::open(&self.places.state_db()).unwrap();
        let (wake, written) = channel();
        let _watch = StoreWatch::new(&self.places.state_db(), move || wake.send(()).unwrap_or_default());
        let hold = Hold::new(HoldReason::Paused, self.world.now());
        let mut pause = |session: &mut Session| {
            session.hold = Some(hold.clone());
            Ok(Vec::new())
        };
        other.change(id, &mut pause).unwrap();
        let is_told = || {
            let told = other.latest_event(id, EventKind::SessionStatusChanged).unwrap().and_then(|event| event.typed());
            matches!(told, Some(EventData::SessionStatusChanged(told)) if told.to == StatusName::Paused)
        };
        while !is_told() {
            let _ = written.recv_timeout(Duration::from_millis(1));
        }
    }
}

fn launch(store: &SqliteStore, world: &World, root: &Utf8PathBuf, config: &Utf8PathBuf) -> SessionId {
    let (actor, worker): (PluginName, PluginName) = ("actor".parse().unwrap(), "worker".parse().unwrap());
    let (prefix, project): (SessionPrefix, ProjectName) = ("app".parse().unwrap(), "app".parse().unwrap());
    let session = store.reserve(&prefix, 1, &mut |id| {
        let mut session = Session::new(id.clone(), project.clone(), root.join("app"), world.now());
        let directory = root.join("agents").join(id.as_str());
        std::fs::create_dir_all(&directory).unwrap();
        let handle = RuntimeHandle::new(actor.clone(), id.clone(), "key", serde_json::json!({}));
        let mut runtime = RuntimeFacts::new(directory.clone(), handle, world.now());
        runtime.child = Some(world.proc.own().unwrap());
        session.runtime = Some(runtime);
        session.agent = Some(AgentFacts::new(actor.clone(), worker.clone()));
        let branch: BranchName = format!("ao/{id}").parse().unwrap();
        let mut workspace = WorkspaceFacts::new(actor.clone(), directory, branch);
        workspace.base = Some("0".repeat(40));
        session.workspace = Some(workspace);
        session.plugins = Some(ChosenPlugins::new(actor.clone(), actor.clone()));
        session.config_file = Some(config.clone());
        (session, Vec::new())
    });
    session.unwrap().id
}
