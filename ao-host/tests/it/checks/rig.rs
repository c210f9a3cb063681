//! A repository with pull requests, and a host that checks them.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use ao_core::model::event::{Event, EventData, EventKind};
use ao_core::model::facts::{ChosenPlugins, Session, WorkspaceFacts};
use ao_core::model::process::ProcStat;
use ao_core::model::{BranchName, CheckName, CheckResult, CheckRun, PluginName, ProcessId, ProjectName, SessionId};
use ao_core::plugin::{Registration, registrations};
use ao_core::slots::runtime::Liveness;
use ao_core::slots::scm::CheckState;
use ao_host::failpoint::Failpoints;
use ao_host::host::{CheckMode, Claimant, HostContext, HostLock, OnceReport, Progress, Told, once, serve};
use ao_host::sessions::Sessions;
use ao_host::setup::{ConfigFiles, Environment};
use ao_host::store::{EventFilter, SqliteStore};
use ao_host::trust::Trust;
use ao_host::world::{Places, World, files};
use ao_plugin_git as _;
use ao_plugin_process as _;
use ao_plugin_sdk::prelude::*;
use tokio::sync::mpsc::{UnboundedReceiver, channel, unbounded_channel};

use crate::sessions::PROGRAM;
use crate::support::Scratch;

/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// An scm whose pull requests stand in a file: a line each of a branch, a number and the head.
#[derive(Debug)]
struct Pulls {
    file: Utf8PathBuf,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct PullsConfig {
    #[schemars(with = "String")]
    file: Utf8PathBuf,
}

impl Plugin for Pulls {
    type Config = PullsConfig;

    fn new(config: PullsConfig) -> Result<Self> {
        Ok(Self { file: config.file })
    }
}

#[async_trait]
impl Scm for Pulls {
    async fn snapshot(&self, request: SnapshotRequest) -> Result<Snapshot> {
        let text = fs_err::read_to_string(&self.file).unwrap_or_default();
        let found = |target: PullTarget| {
            let line = text.lines().map(|line| line.split(' ').collect::<Vec<_>>());
            let of_branch = line.into_iter().find(|words| words[0] == target.branch.as_str());
            let found = of_branch.map_or(PullFound::Absent, |words| {
                let number: u64 = words[1].parse().unwrap();
                let state = if words[2] == "closed" { PullState::Closed } else { PullState::Open };
                let snapshot = PullSnapshot::new(PullRef::new(number), state, words[2]);
                PullFound::Found { snapshot: Box::new(snapshot) }
            });
            PullObservation::new(target.session, found)
        };
        Ok(Snapshot::new(request.targets.into_iter().map(found).collect::<Vec<_>>()))
    }

    async fn check_log(&self, _request: CheckLogRequest) -> Result<CheckLog> {
        Err(Error::other("nobody asks for this"))
    }

    async fn merge(&self, _request: MergeRequest) -> Result<MergeOutcome> {
        Err(Error::other("nobody asks for this"))
    }
}

fn linked() -> Box<dyn Iterator<Item = &'static Registration>> {
    static PULLS: [Registration; 1] =
        [ao_plugin_sdk::__registration!(scm "pulls" => Pulls, "pull requests that stand in a file")];
    Box::new(registrations().chain(PULLS.iter()))
}

/// The repository, its sessions, and what a host needs.
pub(crate) struct Rig {
    scratch: Scratch,
    pub(crate) sessions: Arc<Sessions>,
    environment: Environment,
}

impl Rig {
    /// With these checks of its project: YAML below `checks:`, indented by six.
    pub(crate) fn new(checks: &str) -> Self {
        Self::limited(checks, 2)
    }

    /// The same, so many at once.
    #[expect(clippy::disallowed_methods, reason = "where programs are, is the machine's")]
    pub(crate) fn limited(checks: &str, limit: u32) -> Self {
        let scratch = Scratch::new();
        let root = scratch.path().canonicalize_utf8().unwrap();
        for directory in ["home", "app", "out"] {
            fs_err::create_dir_all(root.join(directory)).unwrap();
        }
        let variables = [
            ("PATH", std::env::var("PATH").unwrap()),
            ("HOME", root.join("home").into_string()),
            ("AO_HOME", root.join("ao").into_string()),
            ("OUT_OF_AO", root.join("out").into_string()),
            ("SECRET_TOKEN", "hunter2".to_owned()),
        ];
        let environment = Environment {
            variables: variables.map(|(name, value)| (name.to_owned(), value)).into(),
            home: root.join("home"),
            current_directory: root.join("app"),
            program: PROGRAM.into(),
        };
        let places = Places::resolve(&|name| environment.variable(name).map(Into::into), &environment.home).unwrap();
        places.ensure().unwrap();
        let rig = Self { sessions: Arc::new(manager(&places)), scratch, environment };
        rig.git(&["init", "--quiet", "--initial-branch=main"]);
        rig.commit("first", &[]);
        rig.configure(checks, limit);
        rig
    }

    /// Writes and trusts the configuration with these checks.
    pub(crate) fn configure(&self, checks: &str, limit: u32) {
        let text = format!(
            "version: 1\nlimits: {{ checks: {limit} }}\nprojects:\n  app:\n    path: .\n    repo: acme/app\n    runtime: process\n    \
             scm: {{ plugin: pulls, file: \"{}\" }}\n    checks:\n      env: {{ OUT: \"${{OUT_OF_AO}}\" }}\n{checks}\n",
            self.pulls_file()
        );
        Trust::add_config(&self.sessions.places.trust_file(), &self.config_file(), text.as_bytes()).unwrap();
        files::write_atomic(&self.config_file(), text.as_bytes(), 0o600).unwrap();
    }

    pub(crate) fn root(&self) -> Utf8PathBuf {
        self.scratch.path().canonicalize_utf8().unwrap()
    }

    pub(crate) fn project(&self) -> Utf8PathBuf {
        self.root().join("app")
    }

    /// Where checks leave something for the test: `$OUT`.
    pub(crate) fn out(&self, name: &str) -> Utf8PathBuf {
        self.root().join("out").join(name)
    }

    fn config_file(&self) -> Utf8PathBuf {
        self.root().join("agent-orchestrator.yaml")
    }

    fn pulls_file(&self) -> Utf8PathBuf {
        self.root().join("pulls")
    }

    #[expect(clippy::disallowed_methods, reason = "the repository is made with the real git")]
    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        let mut git = Command::new("git");
        git.args(arguments).current_dir(self.project()).env("HOME", self.root().join("home"));
        git.env("GIT_CONFIG_NOSYSTEM", "1");
        for (name, value) in [("NAME", "Test"), ("EMAIL", "test@example.com")] {
            git.env(format!("GIT_AUTHOR_{name}"), value).env(format!("GIT_COMMITTER_{name}"), value);
        }
        let output = git.output().unwrap();
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Makes a commit with these files, and returns its id.
    pub(crate) fn commit(&self, message: &str, contents: &[(&str, &str)]) -> String {
        for (name, text) in contents {
            let path = self.project().join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            files::write_atomic(&path, text.as_bytes(), 0o644).unwrap();
        }
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// A session of the project, without an agent.
    pub(crate) fn session(&self) -> SessionId {
        let name: ProjectName = "app".parse().unwrap();
        let made = self.sessions.store.reserve(&"app".parse().unwrap(), 1, &mut |id| {
            let mut session = Session::new(id.clone(), name.clone(), self.project(), self.sessions.world.now());
            session.config_file = Some(self.config_file());
            let plugin = |name: &str| name.parse::<PluginName>().unwrap();
            session.plugins = Some(ChosenPlugins::new(plugin("process"), plugin("worktree")));
            let branch: BranchName = format!("ao/{id}").parse().unwrap();
            session.workspace = Some(WorkspaceFacts::new(plugin("worktree"), self.root().join(id.as_str()), branch));
            (session, Vec::new())
        });
        made.unwrap().id
    }

    /// A session whose pull request has this head.
    pub(crate) fn pull(&self, head: &str) -> SessionId {
        let id = self.session();
        self.heads(&[(&id, head)]);
        id
    }

    /// The pull requests of these sessions have these heads from now on.
    pub(crate) fn heads(&self, heads: &[(&SessionId, &str)]) {
        let line = |(id, head): &(&SessionId, &str)| format!("ao/{id} {} {head}\n", number(id));
        let text: String = heads.iter().map(line).collect();
        files::write_atomic(&self.pulls_file(), text.as_bytes(), 0o600).unwrap();
    }

    pub(crate) fn runs(&self) -> Vec<CheckRun> {
        self.sessions.store.check_runs().unwrap()
    }

    /// What a check found at last.
    pub(crate) fn result(&self, name: &str) -> CheckResult {
        let name: CheckName = name.parse().unwrap();
        let found = self.runs().iter().rev().find_map(|run| run.result(&name).cloned());
        found.unwrap_or_else(|| panic!("no result of {name}: {:#?}", self.runs()))
    }

    /// What a check printed at last.
    pub(crate) fn printed(&self, name: &str) -> Vec<u8> {
        fs_err::read(self.result(name).log.unwrap()).unwrap()
    }

    /// How a session's facts say that its checks stand.
    pub(crate) fn shown(&self, id: &SessionId) -> Vec<(String, CheckState, bool)> {
        let checks = self.sessions.get(id).unwrap().pull.unwrap().snapshot.checks;
        checks.into_iter().map(|check| (check.name, check.state, check.required)).collect()
    }

    /// The log, of one kind of event.
    pub(crate) fn log(&self, kind: EventKind) -> Vec<Event> {
        let all = self.sessions.store.events(&EventFilter { limit: u32::MAX, ..EventFilter::default() }).unwrap();
        all.into_iter().filter(|event| event.kind == kind).collect()
    }

    /// Whether the very process that wrote its `stat` there still runs.
    pub(crate) fn runs_still(&self, name: &str) -> bool {
        let line = fs_err::read_to_string(self.out(name)).unwrap();
        let (pid, stat) = (line.split(' ').next().unwrap(), ProcStat::parse(&line).unwrap());
        let boot = self.sessions.world.proc.boot_id().unwrap();
        let process = ProcessId { pid: pid.parse().unwrap(), start: stat.start, boot };
        self.sessions.world.proc.look(&process) == Liveness::Alive
    }

    /// Lets a host serve until the script ends; then it is gone as if it was killed.
    pub(crate) fn play<T>(&self, script: impl AsyncFnOnce(&mut Host) -> T) -> T {
        self.play_failing_at("", script)
    }

    fn context(&self, failpoints: &str) -> HostContext {
        let sessions =
            Sessions { failpoints: Failpoints::parse(failpoints).unwrap(), ..manager(&self.sessions.places) };
        HostContext {
            sessions: Arc::new(sessions),
            environment: self.environment.clone(),
            places: self.sessions.places.clone(),
            files: ConfigFiles { global: None, local: Some(self.config_file()) },
            linked,
        }
    }

    fn lock(&self) -> HostLock {
        let (places, world) = (&self.sessions.places, &self.sessions.world);
        let program = &self.sessions.program;
        let claimant = Claimant { places, world, program, log: None, failpoints: Failpoints::none() };
        HostLock::try_take(&claimant).unwrap()
    }

    /// The same, with a host that ends where it is told to fail.
    pub(crate) fn play_failing_at<T>(&self, failpoints: &str, script: impl AsyncFnOnce(&mut Host) -> T) -> T {
        let (context, lock) = (self.context(failpoints), self.lock());
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let played = runtime.block_on(async {
            let ((_control, heard), (tell, told)) = (channel(8), unbounded_channel());
            let mut hear = |told| tell.send(told).unwrap_or_default();
            let mut host = Host { told, seen: Vec::new() };
            let serving = async {
                let ended = serve(context, lock, heard, Arc::new(Progress::default()), &mut hear).await;
                assert!(!failpoints.is_empty(), "the host ended: {ended:?}");
                // What was told before it ended stays to be heard.
                std::future::pending::<()>().await;
            };
            tokio::select! {
                () = serving => unreachable!("it is pending"),
                played = script(&mut host) => played,
            }
        });
        runtime.shutdown_background();
        played
    }

    /// One pass.
    pub(crate) fn once(&self, mode: CheckMode) -> OnceReport {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime
            .block_on(async { tokio::time::timeout(PATIENCE, once(self.context(""), self.lock(), mode)).await })
            .unwrap()
            .unwrap()
    }

    /// Waits for what other processes do and no event tells of, with a limit.
    async fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        let so = async {
            while !is_so() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, so).await.unwrap_or_else(|_| panic!("no {what}: {:#?}", self.runs()));
    }

    /// Waits until a file is there.
    pub(crate) async fn until_there(&self, name: &str) {
        let path = self.out(name);
        self.until(&format!("`{path}`"), || path.exists()).await;
    }

    /// Waits until a run is written down.
    pub(crate) async fn until_asked(&self) {
        self.until("a run", || !self.runs().is_empty()).await;
    }

    /// Lets checks that wait for it go on.
    pub(crate) fn let_go(&self) {
        files::write_atomic(&self.out("go"), b"", 0o600).unwrap();
    }

    /// Nothing of any run is left but logs and what was found.
    pub(crate) fn assert_clear(&self) {
        assert_eq!(self.git(&["for-each-ref", "refs/ao/checks"]), "", "every pin is gone");
        for run in fs_err::read_dir(self.sessions.places.checks()).unwrap() {
            let run = Utf8PathBuf::from_path_buf(run.unwrap().path()).unwrap();
            if run.file_name().unwrap().starts_with('.') {
                continue;
            }
            for attempt in fs_err::read_dir(&run).unwrap() {
                assert!(!attempt.unwrap().path().join("work").exists(), "{run} is cleared up");
            }
        }
        let trash = self.sessions.places.checks().join(".trash");
        assert!(!trash.exists() || fs_err::read_dir(trash).unwrap().next().is_none(), "nothing waits to be removed");
    }
}

fn manager(places: &Places) -> Sessions {
    Sessions {
        store: Arc::new(SqliteStore::open(&places.state_db()).unwrap()),
        world: World::system(),
        places: places.clone(),
        failpoints: Failpoints::parse("").unwrap(),
        program: PROGRAM.into(),
    }
}

/// The number of a session's pull request.
fn number(id: &SessionId) -> &str {
    id.as_str().rsplit_once('-').unwrap().1
}

/// A host that serves, as its outside sees it.
pub(crate) struct Host {
    told: UnboundedReceiver<Told>,
    seen: Vec<Event>,
}

impl Host {
    /// Waits until something is told.
    pub(crate) async fn until(&mut self, wanted: impl Fn(&EventData) -> bool) {
        loop {
            let told = tokio::time::timeout(PATIENCE, self.told.recv()).await;
            let Ok(Some(told)) = told else { panic!("nothing more was told after {:#?}", self.seen) };
            let Told::Event(event) = told else { continue };
            self.seen.push(event.clone());
            if event.typed().is_some_and(|data| wanted(&data)) {
                return;
            }
        }
    }

    /// Waits until a check has a verdict.
    pub(crate) async fn verdict(&mut self, name: &str) {
        self.until(|data| {
            matches!(data, EventData::CheckEvidenceRecorded(found)
                if found.check.as_ref().is_some_and(|check| check.as_str() == name))
        })
        .await;
    }

    /// Waits until so many runs are over, and cleared up.
    pub(crate) async fn over(&mut self, rig: &Rig, runs: usize) {
        let over = || rig.runs().iter().filter(|run| !run.state.is_open()).count() >= runs;
        rig.until("the end of them", over).await;
    }
}

impl Rig {
    /// Waits until a session's facts show a verdict of every check.
    pub(crate) async fn until_shown(&self, id: &SessionId) {
        self.until("verdicts", || self.shown(id).iter().all(|(_, state, _)| *state != CheckState::Pending)).await;
    }
}

/// Commands by name, each a line for the shell.
pub(crate) fn commands(lines: &[(&str, &str)]) -> String {
    let texts: BTreeMap<_, _> = lines.iter().copied().collect();
    let lines = texts.iter().map(|(name, line)| format!("        {name}: {{ sh: {} }}\n", json!(line)));
    format!("      commands:\n{}", lines.collect::<String>())
}
