//! The engine with plugins that do as they are told, step by step: the time that it waits is taken from its start.

mod budgeting;
mod checks;
mod fakes;
mod hints;
mod hooks;
mod merging;
mod pulls;
mod reacting;
mod telling;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ao_core::lifecycle::StatusName;
use ao_core::model::facts::{AgentFacts, ChosenPlugins, RuntimeFacts, WorkspaceFacts};
use ao_core::model::{PluginName, ProjectName, SessionPrefix};
use ao_core::slots::runtime::RuntimeHandle;
use camino::Utf8PathBuf;
use fakes::Script;
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::failpoint::Failpoints;
use crate::sessions::Sessions;
use crate::setup::{ConfigFiles, Environment};
use crate::store::{EventFilter, SqliteStore};
use crate::trust::Trust;
use crate::world::fake::{self, FakeWorld};
use crate::world::{Places, files};

/// How long a hint of another thread's may take.
const PATIENCE: Duration = Duration::from_secs(20);

fn plugin(name: &str) -> PluginName {
    name.parse().unwrap()
}

/// A state directory with sessions in it, and what the engine needs.
struct Desk {
    root: Utf8PathBuf,
    places: Places,
    fake: FakeWorld,
    script: Arc<Mutex<Script>>,
    ids: Vec<SessionId>,
    _directory: TempDir,
}

impl Desk {
    /// With a session for each of these projects, in this order; `projects` is YAML below `projects:`, where `SCM` stands
    /// for an scm.
    fn new(sessions: &[&str], projects: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(directory.path().canonicalize().unwrap()).unwrap();
        let places = Places::resolve(&|name| (name == "AO_HOME").then(|| root.join("ao").into()), &root).unwrap();
        places.ensure().unwrap();
        let (fake, script) = (fake::world(1), fakes::script(root.as_str()));
        let mut desk = Self { root, places, fake, script, ids: Vec::new(), _directory: directory };
        desk.configure(projects);
        let manager = desk.manager("");
        for (number, project) in (100..).zip(sessions) {
            desk.ids.push(desk.launch(&manager, project, number));
        }
        desk
    }

    fn configure(&self, projects: &str) {
        let instance = format!("{{ plugin: fake, desk: \"{}\" }}", self.root);
        let text = format!(
            "version: 1\nagents: {{ helper: {instance} }}\n\
             defaults: {{ runtime: {instance}, agent: helper, workspace: {instance} }}\nprojects:\n{}",
            projects.replace("SCM", &instance)
        );
        files::write_atomic(&self.config(), text.as_bytes(), 0o600).unwrap();
        Trust::add_config(&self.places.trust_file(), &self.config(), text.as_bytes()).unwrap();
    }

    fn config(&self) -> Utf8PathBuf {
        self.root.join("agent-orchestrator.yaml")
    }

    fn manager(&self, failpoints: &str) -> Sessions {
        Sessions {
            store: Arc::new(SqliteStore::open(&self.places.state_db()).unwrap()),
            world: self.fake.world.clone(),
            places: self.places.clone(),
            failpoints: Failpoints::parse(failpoints).unwrap(),
            program: "/bin/ao".into(),
        }
    }

    fn launch(&self, manager: &Sessions, project: &str, pid: u32) -> SessionId {
        let (project, now): (ProjectName, _) = (project.parse().unwrap(), self.fake.world.now());
        let prefix: SessionPrefix = project.as_str().parse().unwrap();
        let process = self.fake.proc.start(pid);
        let made = manager.store.reserve(&prefix, 1, &mut |id| {
            let mut session = Session::new(id.clone(), project.clone(), self.root.join("repository"), now);
            session.config_file = Some(self.config());
            session.plugins = Some(ChosenPlugins::new(plugin("fake"), plugin("fake")));
            let handle = RuntimeHandle::new(plugin("fake"), id.clone(), "key", json!({}));
            let mut runtime = RuntimeFacts::new(self.places.session_dir(id), handle, now);
            runtime.child = Some(process.clone());
            session.runtime = Some(runtime);
            session.agent = Some(AgentFacts::new(plugin("fake"), plugin("helper")));
            let branch: ao_core::model::BranchName = format!("ao/{id}").parse().unwrap();
            let mut workspace = WorkspaceFacts::new(plugin("fake"), self.root.join(id.as_str()), branch);
            workspace.base = Some("0".repeat(40));
            session.workspace = Some(workspace);
            (session, Vec::new())
        });
        let id = made.unwrap().id;
        files::private_directory(&self.places.session_dir(&id)).unwrap();
        id
    }

    fn context(&self, failpoints: &str) -> HostContext {
        HostContext {
            sessions: Arc::new(self.manager(failpoints)),
            environment: Environment {
                variables: BTreeMap::new(),
                home: self.root.clone(),
                current_directory: self.root.clone(),
                program: "/bin/ao".into(),
            },
            places: self.places.clone(),
            files: ConfigFiles::default(),
            linked: fakes::registrations,
        }
    }

    /// An engine that has looked at everything once.
    async fn engine(&self) -> Engine {
        let mut engine = self.starting("");
        engine.look().await;
        engine
    }

    fn starting(&self, failpoints: &str) -> Engine {
        Engine::start(self.context(failpoints), CheckMode::Run, &mut |_| ()).unwrap()
    }

    /// An engine that makes its calls until it is killed at this failpoint.
    async fn killed_at(&self, point: &str) {
        let mut engine = self.starting(&format!("{point}=error"));
        let ended = async {
            loop {
                engine.begin_calls()?;
                match engine.calls.join_next().await {
                    Some(done) => engine.finish(done.unwrap())?,
                    None => return Ok(()),
                }
            }
        };
        let error: Error = ended.await.unwrap_err();
        assert!(error.message.contains(point), "{error}");
    }

    fn script(&self) -> std::sync::MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn session(&self, index: usize) -> Session {
        self.manager("").get(&self.ids[index]).unwrap()
    }

    fn status(&self, index: usize) -> StatusName {
        let policy = ao_core::lifecycle::Policy::default();
        ao_core::lifecycle::status(&self.session(index), self.fake.world.now(), &policy).name
    }

    /// Leaves a file in a session's spool, as a hook does.
    fn drop_file(&self, index: usize, name: &str, text: &str) {
        let spool = self.places.session_dir(&self.ids[index]).join("spool");
        files::private_directory(&spool).unwrap();
        files::write_atomic(&spool.join(name), text.as_bytes(), 0o600).unwrap();
    }

    /// The names in a directory of a session's.
    fn files(&self, index: usize, directory: &str) -> Vec<String> {
        let Ok(entries) = self.places.session_dir(&self.ids[index]).join(directory).read_dir_utf8() else {
            return Vec::new();
        };
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().to_owned()).collect();
        names.sort();
        names
    }

    /// The types of events of a session, or of none, in the log.
    fn log(&self, session: Option<usize>) -> Vec<String> {
        let session = session.map(|index| self.ids[index].clone());
        let events = self.manager("").store.events(&EventFilter::default()).unwrap();
        events.iter().filter(|event| event.session == session).map(|event| event.kind.as_str().to_owned()).collect()
    }
}

impl Engine {
    /// Does what is due, until nothing is.
    async fn look(&mut self) {
        self.begin_calls().unwrap();
        while let Some(done) = self.calls.join_next().await {
            self.finish(done.unwrap()).unwrap();
            self.begin_calls().unwrap();
        }
    }

    /// Lets time pass, and does what is due then.
    async fn pass(&mut self, desk: &Desk, by: Duration) {
        self.started = self.started.checked_sub(by).expect("the machine has been up for longer");
        desk.fake.clock.advance(by);
        self.look().await;
    }

    /// Waits for a hint, and heeds it with all that come before.
    async fn hear_of(&mut self, wanted: &Wake) {
        let wakes = self.wakes.clone();
        loop {
            let hints = tokio::time::timeout(PATIENCE, wakes.take()).await.expect("a hint");
            let heard = hints.contains(wanted);
            self.heed(hints).unwrap();
            if heard {
                return;
            }
        }
    }
}
