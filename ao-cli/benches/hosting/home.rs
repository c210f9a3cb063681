//! An installation with real sessions in one runtime, all of which end with it.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use ao_core::model::SessionId;
use ao_core::model::facts::Session;
use ao_host::host::{Answer, ask_for_look};
use ao_host::store::{Reader, SessionFilter, SqliteReader, StoreWatch};
use ao_host::world::{Places, World};
use camino::{Utf8Path, Utf8PathBuf};
use rustix::process::{Pid, Signal, kill_process};

use crate::attach::PRINTER;
use crate::host::Host;

pub(crate) const AO: &str = env!("CARGO_BIN_EXE_ao");
/// How long anything may take.
const PATIENCE: Duration = Duration::from_mins(1);
/// Spawns at once.
const AT_ONCE: usize = 4;
/// What a look could start.
const COUNTED: [&str; 6] = ["tmux", "git", "ps", "sh", "env", "cat"];

pub(crate) struct Home {
    root: Utf8PathBuf,
    environment: BTreeMap<String, String>,
    places: Places,
    _scratch: tempfile::TempDir,
}

/// An agent that runs.
pub(crate) struct Agent {
    id: SessionId,
    pid: u32,
}

/// Programs that count how often they are started.
pub(crate) struct Counted {
    /// The `PATH` with them.
    pub(crate) path: String,
    file: Utf8PathBuf,
}

impl Counted {
    /// How often they were started.
    pub(crate) fn count(&self) -> u32 {
        u32::try_from(std::fs::read(&self.file).unwrap_or_default().len()).unwrap()
    }
}

impl Home {
    /// Without sessions.
    pub(crate) fn new(runtime: &str) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(scratch.path().canonicalize().unwrap()).unwrap();
        let person = ["GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"];
        let mut environment = BTreeMap::from([
            ("PATH".to_owned(), std::env::var("PATH").unwrap()),
            ("HOME".to_owned(), root.join("home").to_string()),
            ("AO_HOME".to_owned(), root.join("ao").to_string()),
            ("GIT_CONFIG_NOSYSTEM".to_owned(), "1".to_owned()),
        ]);
        environment.extend(person.map(|name| (name.to_owned(), "bench@example.org".to_owned())));
        for directory in ["home", "app"] {
            std::fs::create_dir_all(root.join(directory)).unwrap();
        }
        let places = Places::resolve(&|name| environment.get(name).map(Into::into), &root.join("home")).unwrap();
        let home = Self { root, environment, places, _scratch: scratch };
        let script = home.root.join("printer.sh");
        std::fs::write(&script, PRINTER).unwrap();
        let config = format!(
            "version: 1\nagents:\n  idle: {{ plugin: command, argv: [sleep, \"1000000\"] }}\n  \
             printer: {{ plugin: command, argv: [sh, \"{script}\"] }}\n\
             defaults: {{ runtime: {runtime}, agent: idle }}\nprojects:\n  app: {{ path: ., sessionPrefix: app }}\n"
        );
        std::fs::write(home.app().join("agent-orchestrator.yaml"), config).unwrap();
        for arguments in [&["init", "-q", "-b", "main"][..], &["add", "."], &["commit", "-q", "-m", "first"]] {
            succeed(home.command("git").args(arguments));
        }
        succeed(home.ao().arg("trust"));
        home
    }

    fn app(&self) -> Utf8PathBuf {
        self.root.join("app")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(&self.environment).current_dir(self.app()).stdin(Stdio::null());
        command
    }

    fn ao(&self) -> Command {
        self.command(AO)
    }

    /// What a command finds in its environment.
    pub(crate) fn environment(&self) -> &BTreeMap<String, String> {
        &self.environment
    }

    /// Where commands are started.
    pub(crate) fn directory(&self) -> Utf8PathBuf {
        self.app()
    }

    /// Spawns until there are so many sessions.
    pub(crate) fn fill(&self, size: usize) {
        let missing = size.saturating_sub(self.agents().len());
        std::thread::scope(|scope| {
            for thread in 0..AT_ONCE {
                scope.spawn(move || {
                    for _ in (thread..missing).step_by(AT_ONCE) {
                        succeed(self.ao().arg("spawn"));
                    }
                });
            }
        });
    }

    /// A session that prints what it is told.
    pub(crate) fn printer(&self) -> String {
        let output = self.ao().args(["spawn", "--agent", "printer"]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().lines().last().unwrap().to_owned()
    }

    /// The agents that run.
    pub(crate) fn agents(&self) -> Vec<Agent> {
        let running = self.sessions().into_iter().filter_map(|session| {
            let runtime = session.runtime.filter(|runtime| runtime.exit.is_none())?;
            Some(Agent { id: session.id, pid: runtime.child?.pid })
        });
        running.collect()
    }

    /// The sessions that have not been ended.
    fn sessions(&self) -> Vec<Session> {
        let reader = SqliteReader::open(&self.places.state_db()).unwrap();
        let sessions = reader.sessions(&SessionFilter::default()).unwrap();
        sessions.into_iter().filter(|session| session.end.is_none()).collect()
    }

    /// A host in the background, with more in its environment.
    pub(crate) fn host(&self, more: &[(&str, &str)]) -> Host {
        let output = self.ao().args(["start", "--detach"]).envs(more.iter().copied()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let status = self.ao().args(["status", "--json"]).output().unwrap();
        let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
        let pid = u32::try_from(status["host"]["pid"].as_u64().unwrap()).unwrap();
        let mut stop = self.ao();
        stop.arg("stop");
        Host { pid, stop }
    }

    /// From the question to the answer of a look at everything.
    pub(crate) fn look(&self) -> Duration {
        let start = Instant::now();
        assert_eq!(ask_for_look(&self.places, &World::system(), PATIENCE).unwrap(), Answer::Looked);
        start.elapsed()
    }

    /// From the end of an agent to the fact.
    pub(crate) fn end(&self, agent: &Agent) -> Duration {
        let (wake, written) = channel();
        let _watch = StoreWatch::new(&self.places.state_db(), move || wake.send(()).unwrap_or_default());
        let reader = SqliteReader::open(&self.places.state_db()).unwrap();
        let ended = || reader.session(&agent.id).unwrap().unwrap().runtime.unwrap().exit.is_some();
        let start = Instant::now();
        kill_process(Pid::from_raw(agent.pid.cast_signed()).unwrap(), Signal::KILL).unwrap();
        while !ended() {
            assert!(start.elapsed() < PATIENCE, "{} was killed, and nobody has noticed", agent.id);
            let _ = written.recv_timeout(Duration::from_millis(1));
        }
        start.elapsed()
    }

    /// Programs in front of the real ones, that count.
    pub(crate) fn counted(&self) -> Counted {
        let (directory, file) = (self.root.join("counted"), self.root.join("count"));
        std::fs::create_dir_all(&directory).unwrap();
        let _ = std::fs::remove_file(&file);
        let path = &self.environment["PATH"];
        let find =
            |name: &str| path.split(':').map(|place| Utf8Path::new(place).join(name)).find(|path| path.is_file());
        for name in COUNTED {
            let Some(real) = find(name) else { continue };
            let script = format!("#!/bin/sh\nprintf . >> '{file}'\nexec '{real}' \"$@\"\n");
            std::fs::write(directory.join(name), script).unwrap();
            std::fs::set_permissions(directory.join(name), std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        Counted { path: format!("{directory}:{path}"), file }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = self.ao().arg("stop").output();
        // Those, too, whose agents have ended: their terminals are still there.
        let ids: Vec<_> = self.sessions().into_iter().map(|session| session.id.to_string()).collect();
        if !ids.is_empty() {
            let _ = self.ao().args(["session", "kill"]).args(ids).output();
        }
    }
}

fn succeed(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
