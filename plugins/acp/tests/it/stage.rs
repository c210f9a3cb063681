//! A session: a scratch directory, the plugin, and the helper as a runtime would start it.

#![expect(clippy::disallowed_methods, reason = "tests start the helper, as a runtime does, and wait with a limit")]
#![expect(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::fs::{File, OpenOptions};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use ao_plugin_acp::AcpAgent;
use ao_plugin_sdk::prelude::*;
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};

use super::{PROGRAM, agent};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// A session.
pub(crate) struct Stage {
    _scratch: tempfile::TempDir,
    pub(crate) root: Utf8PathBuf,
    pub(crate) plugin: AcpAgent,
    pub(crate) permissions: PermissionMode,
    launches: u32,
    /// The helper that runs now.
    pub(crate) helper: Option<Child>,
    cursor: Option<Value>,
}

impl Stage {
    /// With an agent of these abilities.
    pub(crate) fn new(abilities: &[&str]) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        // Longer than any socket's path, and with what breaks what is not data.
        let name = format!("a \"session\" of ünusual {}", "length ".repeat(20));
        let root = Utf8Path::from_path(scratch.path()).unwrap().canonicalize_utf8().unwrap().join(name.trim());
        for directory in ["tree", "app-1"] {
            std::fs::create_dir_all(root.join(directory)).unwrap();
        }
        let argv = [&[PROGRAM, "agent"][..], abilities].concat();
        let plugin = agent(json!({"argv": argv, "env": {"TEST": "yes"}})).unwrap();
        Self {
            _scratch: scratch,
            root,
            plugin,
            permissions: PermissionMode::Default,
            launches: 0,
            helper: None,
            cursor: None,
        }
    }

    pub(crate) fn tree(&self) -> Utf8PathBuf {
        self.root.join("tree")
    }

    /// The directory of the launch that runs.
    pub(crate) fn directory(&self) -> Utf8PathBuf {
        let session = self.root.join("app-1");
        if self.launches > 1 { session.join(format!("launch-{}", self.launches)) } else { session }
    }

    fn id() -> SessionId {
        "app-1".parse().unwrap()
    }

    /// Plans a launch, and starts what is planned.
    pub(crate) async fn launch(&mut self, mode: LaunchMode, prompt: Option<&str>) {
        self.launches += 1;
        self.cursor = None;
        let directory = self.directory();
        std::fs::create_dir_all(&directory).unwrap();
        let mut request = PlanLaunch::new(Self::id(), self.tree(), directory.clone());
        (request.mode, request.permissions) = (mode, self.permissions);
        request.program = Some(PROGRAM.into());
        let mark = directory.join("woken");
        // tidy: shell because the hook of a test appends to a file, and this is the shortest program that does.
        request.hook = ["sh", "-c", "cat >> \"$0\"", mark.as_str()].map(str::to_owned).to_vec();
        if let Some(text) = prompt {
            let file = directory.join("prompt.md");
            ao_plugin_sdk::files::write_atomically(&file, text.as_bytes()).unwrap();
            request.prompt = Some(Prompt::new(text, file));
        }
        let plan = self.plugin.plan(request).await.unwrap();
        for file in &plan.files {
            ao_plugin_sdk::files::write_atomically(&directory.join(&file.path), file.content.as_bytes()).unwrap();
        }
        self.start(&plan.argv);
    }

    /// Starts a helper once more, with the launch that is there.
    pub(crate) fn start_again(&mut self) {
        let launch = self.directory().join("acp.json").into_string();
        self.start(&[PROGRAM.to_owned(), "__acp".to_owned(), launch]);
    }

    fn start(&mut self, argv: &[String]) {
        let output: File = OpenOptions::new().append(true).create(true).open(self.directory().join("output")).unwrap();
        // What is too long for a limit is an error for the helper, as on a full disk, and not its end.
        let child = Command::new("env")
            .arg("--ignore-signal=XFSZ")
            .args(argv)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        self.helper = Some(child);
    }

    /// What the plugin sees now.
    pub(crate) async fn look(&mut self) -> AgentObservation {
        let at = Timestamp::from_millis(0);
        let mut target = AgentTarget::new(Self::id(), Liveness::Alive, at, self.tree());
        (target.directory, target.cursor) = (Some(self.directory()), self.cursor.clone());
        let seen = self.plugin.observe(ObserveAgents::new(vec![target], at)).await.unwrap().remove(0);
        self.cursor.clone_from(&seen.cursor);
        seen
    }

    /// Looks until something is so.
    pub(crate) async fn until(&mut self, what: &str, is_so: impl Fn(&AgentObservation) -> bool) -> AgentObservation {
        let begun = Instant::now();
        loop {
            let seen = self.look().await;
            if is_so(&seen) {
                return seen;
            }
            assert!(begun.elapsed() < PATIENCE, "not in time: {what}\n{seen:#?}\n{}", self.output());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) async fn until_state(&mut self, state: ActivityState) -> AgentObservation {
        self.until(&format!("{state:?}"), |seen| seen.activity.as_ref().is_some_and(|activity| activity.state == state))
            .await
    }

    /// Waits until the agent has heard so many things of this kind, and returns them.
    pub(crate) async fn until_heard(&self, kind: &str, count: usize) -> Vec<Value> {
        let begun = Instant::now();
        loop {
            let heard = self.heard(kind);
            if heard.len() >= count {
                return heard;
            }
            assert!(begun.elapsed() < PATIENCE, "not heard: {kind} {count} times\n{}", self.output());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// What the agent has heard of this kind.
    pub(crate) fn heard(&self, kind: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(self.tree().join("heard.jsonl")).unwrap_or_default();
        let heard = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        heard.filter_map(|heard| heard.get(kind).cloned()).collect()
    }

    /// Waits until the host was woken by the hook, with this in what it was told.
    pub(crate) async fn until_woken(&self, sign: &str) {
        let begun = Instant::now();
        loop {
            let woken = std::fs::read_to_string(self.directory().join("woken")).unwrap_or_default();
            if woken.contains(sign) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "not woken by `{sign}`: {woken}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// What the terminal shows.
    pub(crate) fn output(&self) -> String {
        std::fs::read_to_string(self.directory().join("output")).unwrap_or_default()
    }

    /// The events of the journal that runs.
    pub(crate) fn journal(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.directory().join("conversation/journal.jsonl")).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// The agent's pid, and those of what it started.
    pub(crate) fn agent_pid(&self) -> i32 {
        let launched = self.journal().into_iter().rev().find(|entry| entry["event"] == "launched");
        i32::try_from(launched.unwrap()["pid"].as_i64().unwrap()).unwrap()
    }

    pub(crate) async fn send(&self, key: &str, text: &str) -> Result<DeliverPlan> {
        let mut request = DeliverMessage::new(key, Self::id(), text);
        request.directory = Some(self.directory());
        self.plugin.deliver(request).await
    }

    pub(crate) async fn answer(&self, key: &str, ask: &str, answer: &str) -> Result<DeliverPlan> {
        let mut request = AnswerAsk::new(key, Self::id(), ask, answer);
        request.directory = Some(self.directory());
        self.plugin.answer(request).await
    }

    pub(crate) async fn confirm(&self, key: &str) -> Proof {
        let mut request = ConfirmDelivery::new(key, Self::id(), "text");
        request.directory = Some(self.directory());
        self.plugin.confirm(request).await.unwrap()
    }

    /// Waits for the helper's end.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.helper.as_mut().unwrap().try_wait().unwrap() {
                self.helper = None;
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "the helper does not end\n{}", self.output());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Lets no file grow beyond so many bytes that the helper writes.
    pub(crate) fn bound_files(&self, bytes: u64) {
        let pid = Pid::from_raw(i32::try_from(self.helper.as_ref().unwrap().id()).unwrap());
        let limit = Rlimit { current: Some(bytes), maximum: Some(bytes) };
        prlimit(pid, Resource::Fsize, limit).unwrap();
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.helper.as_ref().unwrap().id()).unwrap();
        kill(pid, signal);
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(mut helper) = self.helper.take() {
            kill(i32::try_from(helper.id()).unwrap_or_default(), Signal::TERM);
            let _ = helper.wait();
        }
    }
}

pub(crate) fn kill(pid: i32, signal: Signal) {
    let _ = kill_process(Pid::from_raw(pid).unwrap(), signal);
}

/// Waits until a process is gone, or is only still to be waited for.
pub(crate) async fn gone(pid: i32) {
    let begun = Instant::now();
    loop {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        if stat.is_empty() || stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('Z')) {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{pid} is still there: {stat}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
