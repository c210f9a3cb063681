//! A scratch installation with one runtime, whose every process is gone when the test ends, however it ends.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "tests start programs, read PATH and measure their own patience, say what they skip"
)]

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ao_plugin_process::ProcessRuntime;
use ao_plugin_pty::PtyRuntime;
use ao_plugin_sdk::core::model::process::{ExitRecord, ProcStat};
use ao_plugin_sdk::holder;
use ao_plugin_sdk::prelude::*;
use ao_plugin_tmux::TmuxRuntime;

/// The program of this crate's tests: the holder and the agents.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_ao-host-test-program");

/// Where agents run: a name that a shell or tmux would read otherwise.
pub(crate) const WORK_DIRECTORY: &str = "work dir; #(true)";

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// A scratch installation.
pub(crate) struct Rig {
    scratch: tempfile::TempDir,
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) owner: Owner,
}

impl Rig {
    pub(crate) fn process() -> Self {
        Self::with(Arc::new(ProcessRuntime::new(from(json!({}))).expect("runtime")))
    }

    pub(crate) fn pty() -> Self {
        Self::pty_with(json!({}))
    }

    pub(crate) fn pty_with(config: Value) -> Self {
        Self::with(Arc::new(PtyRuntime::new(from(config)).expect("runtime")))
    }

    /// `None`, and a line that says so, where tmux is absent.
    pub(crate) fn tmux(test: &str) -> Option<Self> {
        if Command::new("tmux").arg("-V").stdout(Stdio::null()).status().is_ok() {
            return Some(Self::with(Arc::new(TmuxRuntime::new(from(json!({"historyLimit": 500}))).expect("runtime"))));
        }
        skip("tmux", test);
        None
    }

    fn with(runtime: Arc<dyn Runtime>) -> Self {
        let scratch = tempfile::tempdir().expect("scratch");
        let root = Utf8Path::from_path(scratch.path()).expect("UTF-8").canonicalize_utf8().expect("a directory");
        let (run, state) = (root.join("run"), root.join("state"));
        for directory in [&run, &state.join("sessions"), &root.join(WORK_DIRECTORY)] {
            std::fs::create_dir_all(directory).expect("directory");
        }
        // As an installation's is: what has the same id is taken for the same installation.
        let mut hasher = DefaultHasher::new();
        state.hash(&mut hasher);
        let id = format!("{:08x}", hasher.finish() & 0xffff_ffff);
        Self { scratch, runtime, owner: Owner::new(id, run, state) }
    }

    /// A file of the scratch directory, for an agent to write.
    pub(crate) fn file(&self, name: &str) -> Utf8PathBuf {
        self.root().join(name)
    }

    /// A process of nobody's session, for the test to kill.
    pub(crate) fn bystander() -> u32 {
        let mut command = Command::new(PROGRAM);
        command.arg("quiet").env_clear().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().expect("it starts").id()
    }

    pub(crate) fn root(&self) -> &Utf8Path {
        self.owner.state.parent().expect("state is below the scratch directory")
    }

    pub(crate) fn directory(&self, session: &str) -> Utf8PathBuf {
        self.owner.state.join("sessions").join(session)
    }

    pub(crate) fn socket(&self) -> Utf8PathBuf {
        self.owner.run.join(format!("tmux-{}.sock", self.owner.id))
    }

    /// A request for an agent of the test program.
    pub(crate) fn request(&self, session: &str, agent: &[&str]) -> CreateRuntime {
        request(&self.owner, session, agent)
    }

    /// Starts an agent of the test program.
    pub(crate) async fn start(&self, session: &str, agent: &[&str]) -> RuntimeHandle {
        self.runtime.create(self.request(session, agent)).await.expect("the agent starts")
    }

    /// Starts an agent that writes what it reads into a file, and waits until it reads.
    pub(crate) async fn start_reader(&self, session: &str, mode: &str) -> (RuntimeHandle, Utf8PathBuf) {
        let file = self.file(&format!("{session}.read"));
        (self.start_ready(session, &[mode, file.as_str()]).await, file)
    }

    /// Starts an agent and waits until it says that it is ready.
    pub(crate) async fn start_ready(&self, session: &str, agent: &[&str]) -> RuntimeHandle {
        let handle = self.start(session, agent).await;
        until_async("the agent is ready", || async {
            let output = self.runtime.output(ReadOutput::new(handle.clone(), 4096_u64)).await.expect("output");
            output.text.contains("ready")
        })
        .await;
        handle
    }

    pub(crate) async fn observe(&self, handle: &RuntimeHandle) -> RuntimeObservation {
        let mut request = ObserveRuntimes::new(vec![handle.clone()]);
        request.screen_lines = 10;
        self.runtime.observe(request).await.expect("observe").pop().expect("one observation")
    }

    pub(crate) async fn liveness(&self, handle: &RuntimeHandle) -> Liveness {
        self.observe(handle).await.liveness
    }

    pub(crate) async fn until_dead(&self, handle: &RuntimeHandle) -> Option<ExitStatus> {
        until_async("the agent is dead", || async { matches!(self.liveness(handle).await, Liveness::Dead { .. }) })
            .await;
        match self.liveness(handle).await {
            Liveness::Dead { exit } => exit,
            other => panic!("no longer dead: {other:?}"),
        }
    }

    pub(crate) async fn destroy(&self, handle: &RuntimeHandle, grace_ms: u64) -> Destroyed {
        self.runtime.destroy(DestroyRuntime::new(handle.clone(), grace_ms)).await.expect("destroy")
    }

    pub(crate) async fn send(&self, handle: &RuntimeHandle, input: Input) -> Result<Delivery> {
        self.runtime.send(SendInput::new("send/1", handle.clone(), input)).await
    }

    pub(crate) fn exit_record(&self, session: &str) -> Option<ExitRecord> {
        holder::read_exit(&self.directory(session)).expect("readable")
    }

    /// The agent's process and its holder's.
    pub(crate) fn processes(&self, session: &str) -> (ProcessId, ProcessId) {
        let record = holder::read_record(&self.directory(session)).expect("readable").expect("a record");
        (record.child.expect("started"), record.holder)
    }

    /// Runs tmux on the rig's server.
    pub(crate) fn ask_tmux(&self, arguments: &[&str]) -> String {
        let output = Command::new("tmux").args(["-u", "-S", self.socket().as_str()]).args(arguments).output();
        String::from_utf8_lossy(&output.expect("tmux").stdout).trim_end().to_owned()
    }
}

/// A request for an agent of the test program in an installation.
pub(crate) fn request(owner: &Owner, session: &str, agent: &[&str]) -> CreateRuntime {
    let directory = owner.state.join("sessions").join(session);
    std::fs::create_dir_all(&directory).expect("directory");
    let argv: Vec<String> = [PROGRAM].iter().chain(agent).map(|word| (*word).to_owned()).collect();
    let path = std::env::var("PATH").expect("PATH");
    let env = BTreeMap::from([("PATH".to_owned(), path), ("LANG".to_owned(), "C.UTF-8".to_owned())]);
    CreateRuntime::new(
        session.parse::<SessionId>().expect("session id"),
        format!("spawn/{session} 1"),
        owner.clone(),
        PROGRAM,
        directory,
        owner.state.with_file_name(WORK_DIRECTORY),
        argv,
        env,
    )
}

impl Drop for Rig {
    fn drop(&mut self) {
        for (directory, card) in
            ["process", "pty", "tmux"].iter().flat_map(|name| holder::cards(&self.owner, name).unwrap_or_default())
        {
            let _ = holder::end_tree(&directory, &card.marker, Duration::ZERO);
        }
        if self.socket().exists() {
            self.ask_tmux(&["kill-server"]);
        }
        let _ = &self.scratch;
    }
}

fn from<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).expect("configuration")
}

pub(crate) fn text(text: &str) -> Input {
    Input::Text { text: text.to_owned() }
}

/// Waits until a condition holds.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    until_async(what, || std::future::ready(holds())).await;
}

/// Waits until an asynchronous condition holds.
pub(crate) async fn until_async<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < PATIENCE, "waited too long: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Whether a pid is of a running process.
pub(crate) fn runs(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .ok()
        .and_then(|text| ProcStat::parse(&text))
        .is_some_and(|stat| stat.state != 'Z')
}

/// Says that an engine is missing.
pub(crate) fn skip(engine: &str, test: &str) {
    let line = format!("{engine}\t{test}\t{engine} is not installed");
    println!("SKIPPED {line}");
    if let Some(file) = std::env::var_os("AO_TEST_SKIPS") {
        use std::io::Write;
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(file).expect("skips");
        writeln!(file, "{line}").expect("skips");
    }
}

/// Ends one process of the test's own at once.
pub(crate) fn kill(pid: u32) {
    signal(pid, rustix::process::Signal::KILL);
}

/// Signals one process of the test's own.
pub(crate) fn signal(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).expect("a pid")).expect("a pid");
    rustix::process::kill_process(pid, signal).expect("signal");
}

/// Waits for a list of pids that an agent writes.
pub(crate) async fn pids(file: &Utf8Path) -> Vec<u32> {
    until("the pids are written", || Path::new(file.as_str()).exists()).await;
    let text = std::fs::read_to_string(file).expect("pids");
    text.lines().map(|line| line.parse().expect("a pid")).collect()
}
