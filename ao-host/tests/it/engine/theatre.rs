//! A host over puppets: a real store and real files, processes in a table, and time that a test moves. Between two events
//! time passes at once (tokio's paused clock), so hours of a host's life take a moment.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ao_core::lifecycle::{Policy, Status, StatusName, status};
use ao_core::model::event::{Event, EventData};
use ao_core::model::facts::{AgentFacts, ChosenPlugins, RuntimeFacts, Session, WorkspaceFacts};
use ao_core::model::process::{EXIT_FILE, ExitRecord, HOLDER_VERSION};
use ao_core::model::{ExitStatus, PluginName, ProjectName, SessionId, SessionPrefix, Timestamp};
use ao_core::slots::agent::{Activity, ActivityState, Strength};
use ao_core::slots::runtime::RuntimeHandle;
use ao_host::failpoint::Failpoints;
use ao_host::host::{Claimant, Control, HostContext, HostLock, Progress, Told, serve};
use ao_host::sessions::Sessions;
use ao_host::setup::{ConfigFiles, Environment};
use ao_host::store::{EventFilter, SqliteStore, Store};
use ao_host::trust::Trust;
use ao_host::world::fake::{FakeProc, SeededRng};
use ao_host::world::{Clock, Places, World, files};
use camino::Utf8PathBuf;
use serde_json::json;
use tokio::sync::mpsc::{Sender, UnboundedReceiver, channel, unbounded_channel};
use tokio::time::Instant;

use super::puppets::{Stage, puppets};
use crate::support::Scratch;

/// A clock on the wall: it goes with the host's own while a host runs, and jumps when it is told.
struct WallClock(Mutex<(Timestamp, Option<Instant>)>);

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        let (base, since) = *self.0.lock().unwrap();
        base.after(since.map_or(Duration::ZERO, |since| since.elapsed()))
    }
}

impl WallClock {
    fn put(&self, now: Timestamp, since: Option<Instant>) {
        *self.0.lock().unwrap() = (now, since);
    }
}

/// Where a host plays.
pub(crate) struct Theatre {
    pub(crate) stage: Arc<Stage>,
    pub(crate) proc: Arc<FakeProc>,
    pub(crate) sessions: Arc<Sessions>,
    clock: Arc<WallClock>,
    environment: Environment,
    scratch: Scratch,
}

/// How fast time passes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pace {
    /// At once, when there is nothing to do.
    AtOnce,
    /// As on the wall: for hints that come from outside.
    Real,
}

impl Pace {
    /// How long anything may take, by the host's clock.
    const fn patience(self) -> Duration {
        match self {
            Self::AtOnce => Duration::from_hours(1),
            Self::Real => Duration::from_secs(25),
        }
    }
}

impl Theatre {
    /// With two projects: `app`, and `side`, which has instances of its own.
    pub(crate) fn new() -> Self {
        let (scratch, stage) = (Scratch::new(), Stage::new());
        let root = scratch.path().canonicalize_utf8().unwrap();
        for directory in ["home", "app", "side"] {
            fs_err::create_dir_all(root.join(directory)).unwrap();
        }
        let variables = BTreeMap::from([("AO_HOME".to_owned(), root.join("ao").to_string())]);
        let environment = Environment {
            variables,
            home: root.join("home"),
            current_directory: root.join("app"),
            program: "/bin/ao".into(),
        };
        let places = Places::resolve(&|name| environment.variable(name).map(Into::into), &environment.home).unwrap();
        places.ensure().unwrap();
        let start = Timestamp::from_millis(1_767_225_600_000);
        let (clock, proc) = (Arc::new(WallClock(Mutex::new((start, None)))), Arc::new(FakeProc::new()));
        let world = World { clock: clock.clone(), rng: Arc::new(SeededRng::new(4)), proc: proc.clone() };
        let sessions = Arc::new(Sessions {
            store: Arc::new(SqliteStore::open(&places.state_db()).unwrap()),
            world,
            places,
            failpoints: Failpoints::parse("").unwrap(),
            program: environment.program.clone(),
        });
        let theatre = Self { stage, proc, sessions, clock, environment, scratch };
        theatre.configure(&theatre.config("main"));
        theatre
    }

    /// A configuration in which `app` has the puppets of this name.
    pub(crate) fn config(&self, name: &str) -> String {
        let puppet = |name: &str| json!({"plugin": "puppet", "stage": self.stage.number, "name": name});
        let side = puppet("side");
        json!({
            "version": 1,
            "agents": {"fixer": puppet(name), "helper": side},
            "defaults": {"runtime": puppet(name), "workspace": puppet(name), "agent": "fixer"},
            "projects": {
                "app": {"path": self.root().join("app")},
                "side": {"path": self.root().join("side"), "runtime": side, "workspace": side, "agent": "helper"},
            },
        })
        .to_string()
    }

    /// Writes and trusts a configuration.
    pub(crate) fn configure(&self, text: &str) {
        // Before it stands there: a host may read it at once.
        self.trust(text);
        self.write_config(text);
    }

    /// Trusts a configuration, whether it stands there or not.
    pub(crate) fn trust(&self, text: &str) {
        Trust::add_config(&self.sessions.places.trust_file(), &self.config_file(), text.as_bytes()).unwrap();
    }

    /// Writes a configuration that nobody has trusted.
    pub(crate) fn write_config(&self, text: &str) {
        files::write_atomic(&self.config_file(), text.as_bytes(), 0o600).unwrap();
    }

    pub(crate) fn config_file(&self) -> Utf8PathBuf {
        self.root().join("app/agent-orchestrator.yaml")
    }

    fn root(&self) -> Utf8PathBuf {
        self.scratch.path().canonicalize_utf8().unwrap()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The clock on the wall jumps, in milliseconds; the host's own goes on as before.
    pub(crate) fn jump(&self, millis: i64) {
        let now = Timestamp::from_millis(self.now().as_millis() + millis);
        let running = self.clock.0.lock().unwrap().1.is_some();
        self.clock.put(now, running.then(Instant::now));
    }

    /// A session of this project whose agent works, written through `store`.
    pub(crate) fn launch_in(&self, store: &dyn Store, project: &str) -> SessionId {
        let puppet: PluginName = "puppet".parse().unwrap();
        let (prefix, name): (SessionPrefix, ProjectName) = (project.parse().unwrap(), project.parse().unwrap());
        let agent: PluginName = if project == "side" { "helper" } else { "fixer" }.parse().unwrap();
        let path = self.root().join(project);
        let session = store.reserve(&prefix, 1, &mut |id| {
            let mut session = Session::new(id.clone(), name.clone(), path.clone(), self.now());
            let handle = RuntimeHandle::new(puppet.clone(), id.clone(), "key", json!({}));
            let directory = self.directory(id);
            fs_err::create_dir_all(&directory).unwrap();
            let mut runtime = RuntimeFacts::new(directory, handle, self.now());
            runtime.child = Some(self.proc.start(Self::pid(id)));
            session.runtime = Some(runtime);
            session.agent = Some(AgentFacts::new(puppet.clone(), agent.clone()));
            let mut workspace = WorkspaceFacts::new(
                puppet.clone(),
                path.join(id.as_str()),
                format!("ao/{id}").parse::<ao_core::model::BranchName>().unwrap(),
            );
            workspace.base = Some("0".repeat(40));
            session.workspace = Some(workspace);
            session.plugins = Some(ChosenPlugins::new(puppet.clone(), puppet.clone()));
            session.config_file = Some(self.config_file());
            // What is not there yet when it is looked at would look dead.
            self.does(id, ActivityState::Active, Strength::Strong);
            (session, Vec::new())
        });
        session.unwrap().id
    }

    pub(crate) fn launch(&self, project: &str) -> SessionId {
        self.launch_in(&*self.sessions.store, project)
    }

    /// Many of them.
    pub(crate) fn launch_many(&self, count: usize) -> Vec<SessionId> {
        (0..count).map(|_| self.launch("app")).collect()
    }

    /// The pid of a session's agent.
    pub(crate) fn pid(id: &SessionId) -> u32 {
        let (prefix, number) = id.as_str().rsplit_once('-').unwrap();
        number.parse::<u32>().unwrap() + if prefix == "app" { 2000 } else { 4000 }
    }

    fn directory(&self, id: &SessionId) -> Utf8PathBuf {
        self.root().join("sessions").join(id.as_str())
    }

    /// A session's agent is seen doing this, from now on.
    pub(crate) fn does(&self, id: &SessionId, state: ActivityState, strength: Strength) {
        let activity = Activity::new(state, "strings", strength, self.now());
        self.stage.act(id, |act| act.activity = Some(activity));
    }

    /// A session's agent ends, and its holder writes down how.
    pub(crate) fn exits(&self, id: &SessionId, code: i32) {
        self.proc.end(Self::pid(id));
        let record = ExitRecord::new(HOLDER_VERSION, ExitStatus::Code { code }, self.now());
        let text = serde_json::to_vec(&record).unwrap();
        files::write_atomic(&self.directory(id).join(EXIT_FILE), &text, 0o600).unwrap();
    }

    /// A session's status, as its stored facts say.
    pub(crate) fn status(&self, id: &SessionId) -> Status {
        status(&self.sessions.get(id).unwrap(), self.now(), &Policy::default())
    }

    pub(crate) fn names(&self, ids: &[SessionId]) -> Vec<StatusName> {
        ids.iter().map(|id| self.status(id).name).collect()
    }

    /// The whole log.
    pub(crate) fn log(&self) -> Vec<Event> {
        self.sessions.store.events(&EventFilter { limit: u32::MAX, ..EventFilter::default() }).unwrap()
    }

    /// Lets a host play until the script ends, then kills it. Time passes at once.
    pub(crate) fn play<T>(&self, script: impl AsyncFnOnce(&mut Host<'_>) -> T) -> T {
        self.perform(Pace::AtOnce, script)
    }

    /// The same, with real time.
    pub(crate) fn play_in_real_time<T>(&self, script: impl AsyncFnOnce(&mut Host<'_>) -> T) -> T {
        self.perform(Pace::Real, script)
    }

    fn perform<T>(&self, pace: Pace, script: impl AsyncFnOnce(&mut Host<'_>) -> T) -> T {
        let (places, world) = (&self.sessions.places, &self.sessions.world);
        let claimant =
            Claimant { places, world, program: &self.sessions.program, log: None, failpoints: Failpoints::none() };
        let lock = HostLock::try_take(&claimant).unwrap();
        let context = HostContext {
            sessions: Arc::clone(&self.sessions),
            environment: self.environment.clone(),
            places: places.clone(),
            files: ConfigFiles { global: None, local: Some(self.config_file()) },
            linked: puppets,
        };
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(pace == Pace::AtOnce).build();
        runtime.unwrap().block_on(async {
            self.clock.put(self.now(), Some(Instant::now()));
            let ((control, heard), (tell, told)) = (channel(8), unbounded_channel());
            let mut hear = |told| tell.send(told).unwrap_or_default();
            let mut host = Host { theatre: self, pace, control, told, seen: Vec::new() };
            tokio::select! {
                ended = serve(context, lock, heard, Arc::new(Progress::default()), &mut hear) => {
                    panic!("the host ended: {ended:?}")
                }
                played = script(&mut host) => {
                    self.clock.put(self.now(), None);
                    played
                }
            }
        })
    }
}

/// A host that plays, as its outside sees it.
pub(crate) struct Host<'a> {
    theatre: &'a Theatre,
    pace: Pace,
    control: Sender<Control>,
    told: UnboundedReceiver<Told>,
    seen: Vec<Event>,
}

impl Host<'_> {
    async fn next(&mut self) -> Told {
        let told = tokio::time::timeout(self.pace.patience(), self.told.recv()).await;
        let Ok(Some(told)) = told else { panic!("nothing more was told after {:#?}", self.seen) };
        if let Told::Event(event) = &told {
            self.seen.push(event.clone());
        }
        told
    }

    /// Waits until it has looked at everything, or has read the configurations again.
    pub(crate) async fn ready(&mut self) {
        while self.next().await != Told::Ready {}
    }

    /// Asks for the configurations to be read again, and waits until they are.
    pub(crate) async fn reload(&mut self) {
        self.control.send(Control::Reload).await.unwrap();
        self.ready().await;
    }

    /// Waits until something is told, and says how long that took by the host's clock.
    pub(crate) async fn until(&mut self, wanted: impl Fn(&EventData) -> bool) -> Duration {
        let start = Instant::now();
        loop {
            if let Told::Event(event) = self.next().await
                && event.typed().is_some_and(|data| wanted(&data))
            {
                return start.elapsed();
            }
        }
    }

    /// Waits until a session's status is told to be this.
    pub(crate) async fn until_status(&mut self, id: &SessionId, name: StatusName) -> Duration {
        let start = Instant::now();
        loop {
            if let Told::Event(event) = self.next().await
                && event.session.as_ref() == Some(id)
                && matches!(event.typed(), Some(EventData::SessionStatusChanged(changed)) if changed.to == name)
            {
                return start.elapsed();
            }
        }
    }

    /// Lets time pass.
    pub(crate) async fn pass(&mut self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    /// What was told since this was last asked.
    pub(crate) fn heard(&mut self) -> Vec<Event> {
        while let Ok(told) = self.told.try_recv() {
            if let Told::Event(event) = told {
                self.seen.push(event);
            }
        }
        std::mem::take(&mut self.seen)
    }

    /// A hint about a session.
    pub(crate) fn hint(&self, id: &SessionId) {
        self.theatre.stage.hint(id);
    }
}
