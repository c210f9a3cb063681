//! One story from its seed to its end.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use ao_core::model::facts::{AgentFacts, ChosenPlugins, ExitMeaning, RuntimeFacts, Session, WorkspaceFacts};
use ao_core::model::{BranchName, PluginName, ProcessId, ProjectName, SessionPrefix};
use ao_core::slots::runtime::RuntimeHandle;
use ao_core::{Error, Result};
use camino::Utf8PathBuf;
use serde_json::json;
use tempfile::TempDir;
use tokio::time::Instant;

use super::super::{CheckMode, Engine, Files, HostContext, Told};
use super::agents::Agent;
use super::chance::Chance;
use super::clock::WallClock;
use super::invariants::Seen;
use super::world::{self, Shared, lock};
use super::{acts, plugins, settings};
use crate::failpoint::{Failpoints, Unwound};
use crate::registry::Services;
use crate::sessions::Sessions;
use crate::setup::{ConfigFiles, Environment, Loaded, Setup};
use crate::store::{SessionFilter, SqliteStore};
use crate::trust::Trust;
use crate::world::fake::{FakeProc, SeededRng};
use crate::world::{Places, Proc, World, files};

/// The most sessions and ticks of a story.
const MOST_SESSIONS: u64 = 8;
const MOST_TICKS: u64 = 200;
/// One story in so many is as long as that.
const LONG_EVERY: u64 = 50;
/// How long a world is quiet at least, and at most, in ticks of half a minute.
const QUIET: (u32, u32) = (12, 80);
/// An engine that goes round so often, and no time passes, goes round for ever.
const SPINS: u32 = 20_000;

/// What is to be told.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) seed: u64,
    /// As many as the seed says, where none is given.
    pub(super) sessions: Option<u64>,
    /// The same.
    pub(super) ticks: Option<u64>,
}

impl Plan {
    pub(super) fn of(seed: u64) -> Self {
        Self { seed, sessions: None, ticks: None }
    }
}

/// A story that ended well.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) log: Vec<String>,
    what: String,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.log.join("\n"), self.what)
    }
}

/// A story in which something happened that must not.
#[derive(Debug)]
pub(super) struct Failed {
    plan: Plan,
    ticks: u64,
    broken: Vec<String>,
    pub(super) log: Vec<String>,
}

impl Failed {
    /// The same with as few ticks as it takes, and how to see it again.
    pub(super) fn shrunken(self) -> Self {
        let (mut fewest, mut good) = (self, 0);
        while good + 1 < fewest.ticks {
            let middle = good.midpoint(fewest.ticks);
            match play(&Plan { ticks: Some(middle), ..fewest.plan.clone() }) {
                Ok(_) => good = middle,
                Err(failed) => fewest = *failed,
            }
        }
        fewest
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}, {} ticks:", self.plan.seed, self.ticks)?;
        self.broken.iter().try_for_each(|what| writeln!(f, "  {what}"))?;
        let sessions = self.plan.sessions.map(|many| format!(" AO_SIM_SESSIONS={many}")).unwrap_or_default();
        write!(
            f,
            "again: AO_SIM_SEED={} AO_SIM_TICKS={}{sessions} cargo nextest run -p ao-host sim_one",
            self.plan.seed, self.ticks
        )
    }
}

/// Tells a story.
pub(super) fn play(plan: &Plan) -> Result<Ended, Box<Failed>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut story = Story::begin(plan);
        story.tell().await;
        let mut world = lock(&story.world);
        let (broken, log) = (std::mem::take(&mut world.broken), std::mem::take(&mut world.log));
        drop(world);
        if broken.is_empty() {
            Ok(Ended { log, what: story.seen.to_string() })
        } else {
            Err(Box::new(Failed { plan: plan.clone(), ticks: story.ticks, broken, log }))
        }
    })
}

/// How a host's time ended.
enum Over {
    /// It goes on.
    Goes,
    /// It was killed.
    Killed,
    /// It ended by itself, which it never should.
    Ended(String),
}

/// A human at the command line is a process of its own.
struct Shell {
    table: Arc<FakeProc>,
    own: ProcessId,
}

impl Proc for Shell {
    fn boot_id(&self) -> std::io::Result<String> {
        self.table.boot_id()
    }

    fn own(&self) -> std::io::Result<ProcessId> {
        Ok(self.own.clone())
    }

    fn identify(&self, pid: u32) -> std::io::Result<Option<ProcessId>> {
        self.table.identify(pid)
    }
}

/// One story.
pub(super) struct Story {
    pub(super) world: Shared,
    pub(super) clock: Arc<WallClock>,
    pub(super) fate: Chance,
    /// What a human uses beside the host.
    pub(super) human: Sessions,
    pub(super) setup: Setup,
    pub(super) seen: Seen,
    outside: World,
    proc: Arc<FakeProc>,
    places: Places,
    root: Utf8PathBuf,
    /// The sessions as they were at the end of the last tick.
    known: Vec<Session>,
    engine: Option<Engine>,
    /// For how many ticks nobody starts a host again.
    down: u64,
    sessions: u64,
    ticks: u64,
    _directory: TempDir,
}

impl Drop for Story {
    fn drop(&mut self) {
        world::leave(self.root.as_str());
    }
}

/// In memory, where there is a place for it: nothing of a story is to survive the machine.
fn directory() -> TempDir {
    let memory = std::path::Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap()
}

impl Story {
    fn begin(plan: &Plan) -> Self {
        let directory = directory();
        let root = Utf8PathBuf::from_path_buf(directory.path().canonicalize().unwrap()).unwrap();
        let places = Places::resolve(&|name| (name == "AO_HOME").then(|| root.join("ao").into()), &root).unwrap();
        places.ensure().unwrap();
        let (clock, proc) = (Arc::new(WallClock::new()), Arc::new(FakeProc::new()));
        let outside = World { clock: clock.clone(), rng: Arc::new(SeededRng::new(plan.seed)), proc: proc.clone() };
        let shared: Shared =
            Arc::new(std::sync::Mutex::new(world::World::new(plan.seed, Arc::clone(&clock), Arc::clone(&proc))));
        world::enter(root.as_str(), &shared);
        let mut shape = Chance::new(plan.seed, 4);
        // Most stories are short: what goes wrong with eight goes wrong with two, and sooner.
        let is_long = plan.seed.is_multiple_of(LONG_EVERY);
        let (most, long) = if is_long { (MOST_SESSIONS, MOST_TICKS) } else { (2, 24) };
        let (sessions, ticks) = (shape.between(1, most), shape.between(6, long));
        let projects = shape.between(1, 2);
        let config = root.join("agent-orchestrator.yaml");
        let text = settings::drawn(root.as_str(), projects, &mut Chance::new(plan.seed, 5));
        files::write_atomic(&config, text.as_bytes(), 0o600).unwrap();
        Trust::add_config(&places.trust_file(), &config, text.as_bytes()).unwrap();
        lock(&shared).log.push(text.replace(root.as_str(), "WORLD"));
        let shell = Shell { table: Arc::clone(&proc), own: proc.start(2000) };
        let human = Sessions {
            store: Arc::new(SqliteStore::open(&root.join("sim.db")).unwrap()),
            world: World { proc: Arc::new(shell), ..outside.clone() },
            places: places.clone(),
            failpoints: Failpoints::default(),
            program: "/bin/ao".into(),
        };
        let environment = environment(&root);
        let files = ConfigFiles { global: None, local: Some(config.clone()) };
        let loaded = Loaded::read(files, &environment, &places).unwrap();
        let (clocked, none) = (outside.clone(), |services: Services| services);
        let setup = loaded.compose_for(&environment, &places, plugins::registrations(), |services| {
            none(Services { world: clocked.clone(), ..services })
        });
        let mut story = Self {
            world: shared,
            clock,
            fate: Chance::new(plan.seed, 6),
            human,
            setup: setup.unwrap(),
            seen: Seen::default(),
            outside,
            proc,
            places,
            root,
            known: Vec::new(),
            engine: None,
            down: 0,
            sessions: plan.sessions.unwrap_or(sessions),
            ticks: plan.ticks.unwrap_or(ticks),
            _directory: directory,
        };
        for number in 0..story.sessions {
            let project = if projects == 2 && shape.happens(500) { "web" } else { "app" };
            story.launch(project, 100 + u32::try_from(number).unwrap(), &mut shape);
        }
        story
    }

    fn launch(&mut self, project: &str, pid: u32, shape: &mut Chance) {
        let (project, now): (ProjectName, _) = (project.parse().unwrap(), self.outside.now());
        let prefix: SessionPrefix = project.as_str().parse().unwrap();
        let process = self.proc.start(pid);
        let completes = shape.happens(500);
        let made = self.human.store.reserve(&prefix, 1, &mut |id| {
            let mut session = Session::new(id.clone(), project.clone(), self.root.join(project.as_str()), now);
            session.config_file = Some(self.root.join("agent-orchestrator.yaml"));
            let fake = || -> PluginName { "fake".parse().unwrap() };
            session.plugins = Some(ChosenPlugins::new(fake(), fake()));
            let handle = RuntimeHandle::new(fake(), id.clone(), "key", json!({}));
            let mut runtime = RuntimeFacts::new(self.places.session_dir(id), handle, now);
            runtime.child = Some(process.clone());
            session.runtime = Some(runtime);
            let helper: PluginName = "helper".parse().unwrap();
            let mut agent = AgentFacts::new(fake(), helper);
            agent.exit_meaning = if completes { ExitMeaning::Completion } else { ExitMeaning::Death };
            session.agent = Some(agent);
            let branch: BranchName = format!("ao/{id}").parse().unwrap();
            let mut workspace = WorkspaceFacts::new(fake(), self.root.join(id.as_str()), branch);
            workspace.base = Some("0".repeat(40));
            session.workspace = Some(workspace);
            (session, Vec::new())
        });
        let id = made.unwrap().id;
        let directory = self.places.session_dir(&id);
        files::private_directory(&directory).unwrap();
        let agent = Agent::new(process, directory, now, shape);
        let mut world = lock(&self.world);
        world.say(format!("{id}: shows {}, records {}, mends {:?}", agent.shows, agent.records, agent.mends_after));
        world.agents.insert(id, agent);
    }

    pub(super) fn all(&self) -> Vec<Session> {
        self.human.store.sessions(&SessionFilter::default()).unwrap()
    }

    fn is_broken(&self) -> bool {
        !lock(&self.world).broken.is_empty()
    }

    async fn tell(&mut self) {
        self.known = self.all();
        for tick in 0..self.ticks {
            self.tick().await;
            if self.is_broken() {
                self.ticks = tick + 1;
                return;
            }
        }
        self.quieten().await;
    }

    async fn tick(&mut self) {
        let sessions = std::mem::take(&mut self.known);
        lock(&self.world).go_on(&sessions);
        self.act(&sessions).await;
        self.tend_host();
        let hints = acts::hints(&sessions, &mut self.fate);
        if let Some(engine) = &mut self.engine {
            let heeded = engine.heed(hints);
            self.take(heeded.map(|()| Over::Goes).unwrap_or_else(|error| Over::Ended(error.to_string())));
        }
        let (seconds, rest) = (self.fate.between(2, 30), self.fate.below(1000));
        self.pass(Duration::from_millis(seconds * 1000 + rest)).await;
        let sessions = self.all();
        self.watch(&sessions);
        self.look_at_effects();
        if self.fate.happens(50) {
            self.look_at_decisions(&sessions);
        }
        self.known = sessions;
    }

    /// Hosts are killed between two of their steps, too.
    fn tend_host(&mut self) {
        if self.engine.is_some() {
            if self.fate.happens(15) {
                lock(&self.world).say("the host is killed");
                self.killed();
            }
            return;
        }
        self.down = self.down.saturating_sub(1);
        if self.down == 0 {
            let failpoint = acts::failpoint(&mut self.fate);
            self.start_host(&failpoint);
        }
    }

    fn killed(&mut self) {
        self.engine = None;
        self.proc.restart();
        self.down = if self.fate.happens(600) { 1 } else { self.fate.between(2, 12) };
        self.seen.crashes += 1;
    }

    fn start_host(&mut self, failpoints: &str) {
        lock(&self.world).say(format!("a host starts [{failpoints}]"));
        let sessions = Sessions {
            store: Arc::new(SqliteStore::open(&self.root.join("sim.db")).unwrap()),
            world: self.outside.clone(),
            places: self.places.clone(),
            failpoints: Failpoints::parse(failpoints).unwrap(),
            program: "/bin/ao".into(),
        };
        let context = HostContext {
            sessions: Arc::new(sessions),
            environment: environment(&self.root),
            places: self.places.clone(),
            files: ConfigFiles::default(),
            linked: plugins::registrations,
        };
        let started = catch_unwind(AssertUnwindSafe(|| {
            let mut engine = Engine::start(context, CheckMode::Leave, &mut |_| ())?;
            engine.files = Files::blind();
            Ok::<_, Error>(engine)
        }));
        match started {
            Ok(Ok(engine)) => self.engine = Some(engine),
            Ok(Err(error)) => self.take(Over::Ended(error.to_string())),
            Err(panic) => self.take(of_panic(&*panic)),
        }
    }

    /// Lets time pass, in which the host does what it does.
    async fn pass(&mut self, by: Duration) {
        let until = Instant::now() + by;
        let Some(mut engine) = self.engine.take() else { return tokio::time::sleep_until(until).await };
        let over = {
            let mut going = pin!(engine.go_on(until));
            std::future::poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| going.as_mut().poll(cx))) {
                Ok(polled) => polled,
                Err(panic) => Poll::Ready(of_panic(&*panic)),
            })
            .await
        };
        self.engine = Some(engine);
        self.take(over);
        tokio::time::sleep_until(until).await;
    }

    fn take(&mut self, over: Over) {
        match over {
            Over::Goes => {}
            Over::Killed => {
                lock(&self.world).say("the host is killed at its failpoint");
                self.killed();
            }
            Over::Ended(why) => {
                lock(&self.world).breaks(format!("the host ended: {why}"));
                self.killed();
            }
        }
    }

    /// Nothing happens any more and nothing goes wrong: everything comes to its end.
    async fn quieten(&mut self) {
        lock(&self.world).settle();
        for session in self.all().iter().filter(|session| session.hold.is_some()) {
            self.resume(session);
        }
        self.killed();
        self.start_host("");
        for tick in 0..QUIET.1 {
            lock(&self.world).rest();
            self.pass(Duration::from_secs(30)).await;
            let sessions = self.all();
            self.watch(&sessions);
            self.look_at_effects();
            if self.is_broken() || tick + 1 >= QUIET.0 && self.unsettled().is_empty() {
                break;
            }
        }
        if !self.is_broken() {
            self.look_at_the_end();
        }
    }
}

fn environment(root: &Utf8PathBuf) -> Environment {
    let (home, current_directory) = (root.clone(), root.clone());
    Environment { variables: BTreeMap::new(), home, current_directory, program: "/bin/ao".into() }
}

fn of_panic(panic: &(dyn std::any::Any + Send)) -> Over {
    if panic.is::<Unwound>() {
        return Over::Killed;
    }
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
    Over::Ended(format!("a panic: {}", text.unwrap_or_default()))
}

impl Engine {
    /// Does what a host does, until then: [`run`](Engine::run) without hints of other threads, which no seed rules.
    async fn go_on(&mut self, until: Instant) -> Over {
        let (mut at, mut spins) = (Instant::now(), 0);
        loop {
            if let Err(error) = self.one_round() {
                return Over::Ended(error.to_string());
            }
            spins = if Instant::now() == at { spins + 1 } else { 0 };
            at = Instant::now();
            if spins > SPINS {
                return Over::Ended("it goes round and round, and no time passes".to_owned());
            }
            let rest = self.rest();
            tokio::select! {
                biased;
                Some(done) = self.calls.join_next(), if !self.calls.is_empty() => {
                    let finished = match done {
                        Ok(done) => self.finish(done),
                        Err(error) if error.is_panic() => return of_panic(&*error.into_panic()),
                        Err(error) => return Over::Ended(error.to_string()),
                    };
                    if let Err(error) = self.endure(finished, &mut |_: Told| ()) {
                        return Over::Ended(error.to_string());
                    }
                }
                () = tokio::time::sleep_until(until) => return Over::Goes,
                () = tokio::time::sleep(rest) => {}
            }
        }
    }

    fn one_round(&mut self) -> Result<()> {
        let mut told = |_: Told| ();
        let begun = self.begin_calls().and_then(|()| self.end_round());
        self.endure(begun, &mut told)?;
        let settled: BTreeSet<_> = self.take_settled();
        let reloaded = settled.iter().try_for_each(|file| self.reload(file, &mut told));
        self.endure(reloaded, &mut told)?;
        drop(self.book.take_written());
        Ok(())
    }
}
