//! A world in which sessions live: a repository, a trusted configuration with scripted agents, and an end to everything
//! that was started.

#![expect(clippy::disallowed_methods, reason = "tests wait for other processes, and end what they started")]

use std::fmt::Write as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use ao_host::world::Places;
use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value;

use crate::support::World;

/// How long anything may take. Two cores are shared by many tests.
const PATIENCE: Duration = Duration::from_mins(1);

/// Where agents live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    /// Pipes and files.
    Process,
    /// Terminals of the holders' own.
    Pty,
    /// A real tmux.
    Tmux,
}

impl Engine {
    /// As the configuration names it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Pty => "pty",
            Self::Tmux => "tmux",
        }
    }

    /// Whether it is here. If not, that is said, and the test has nothing to do.
    pub(crate) fn is_here(self, test: &str) -> bool {
        if self != Self::Tmux || std::process::Command::new("tmux").arg("-V").stdout(Stdio::null()).status().is_ok() {
            return true;
        }
        skip("tmux", test);
        false
    }
}

/// Says that an engine is missing.
pub(crate) fn skip(engine: &str, test: &str) {
    if let Some(file) = std::env::var_os("AO_TEST_SKIPS") {
        use std::io::Write;
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(file).unwrap();
        writeln!(file, "{engine}\t{test}\t{engine} is not installed").unwrap();
    }
}

/// Declares a test once for each runtime; the tmux one is skipped, by name, where tmux is absent.
macro_rules! in_every_engine {
    ($($(#[$doc:meta])* fn $name:ident($engine:ident: Engine) $body:block)*) => {$(
        mod $name {
            use super::*;

            $(#[$doc])*
            fn check($engine: Engine) $body

            #[test]
            fn process() {
                check(Engine::Process);
            }

            #[test]
            fn pty() {
                check(Engine::Pty);
            }

            #[test]
            fn tmux_runtime() {
                if Engine::Tmux.is_here(concat!(module_path!(), "::tmux_runtime")) {
                    check(Engine::Tmux);
                }
            }
        }
    )*};
}

pub(crate) use in_every_engine;

/// Does its task: edits a file, runs the tests, commits.
const WORKER: &str = r#"set -e
cat "$1" >> work.txt
sh tests.sh
git add work.txt
git commit --quiet --message "$(head -n 1 "$1")"
echo finished
"#;

/// Writes what it reads into a file of its worktree, byte by byte, and shows it. On a terminal, as programs with an
/// editor of their own do: raw, and with pastes in brackets if `$1` says so.
const LISTENER: &str = r#"if [ -t 0 ]; then stty raw -echo; fi
if [ "$1" = brackets ]; then printf '\033[?2004h'; fi
printf 'ready\r\n'
exec tee -a heard
"#;

/// Reads lines behind a prompt, which the terminal echoes: a composer. It writes each line down in `said`, which is its own
/// record. After `ask` it asks something, after `draft` somebody has begun to type, until there is a file `go`.
const PROMPTER: &str = r#"wait_for_go() { while [ ! -e go ]; do sleep 0.02; done; rm go; }
printf 'ready\n> '
while IFS= read -r line; do
  printf '{"text":"%s"}\n' "$line" >> said
  case "$line" in
    ask) printf 'Proceed? [y/N] '; wait_for_go; printf 'y\n' ;;
    draft) printf '> half a sentence'; wait_for_go; printf '\n' ;;
  esac
  printf '> '
done
"#;

/// A repository with agents.
pub(crate) struct Studio {
    /// Its world.
    pub(crate) world: World,
    engine: Engine,
    places: Places,
}

impl Studio {
    /// With the agents `worker`, `listener`, `pasted` (a listener that asks for brackets), `prompter` (which has a composer
    /// and a record) and `sleeper`.
    pub(crate) fn new(engine: Engine) -> Self {
        Self::with(World::new(), engine, "")
    }

    /// In this world, with more keys of the project `app`, each line indented by four.
    pub(crate) fn with(world: World, engine: Engine, project: &str) -> Self {
        let places = Places::resolve(&|name| world.environment().get(name).map(Into::into), &world.path("home"));
        let studio = Self { places: places.unwrap(), world, engine };
        studio.world.file("worker.sh", WORKER);
        studio.world.file("listener.sh", LISTENER);
        studio.world.file("prompter.sh", PROMPTER);
        studio.world.file("app/tests.sh", "test -s work.txt && echo tests pass\n");
        studio.world.git(&["init", "--quiet", "--initial-branch", "main"]);
        for (key, value) in [("user.name", "Agent"), ("user.email", "agent@example.invalid")] {
            studio.world.git(&["config", key, value]);
        }
        studio.world.git(&["add", "."]);
        studio.world.commit("first");
        studio.configure(project);
        studio
    }

    /// Writes and trusts the configuration, with more keys of the project.
    pub(crate) fn configure(&self, project: &str) {
        self.write_config(&self.config(project));
    }

    /// Writes and trusts a configuration.
    pub(crate) fn write_config(&self, text: &str) {
        self.world.file("app/agent-orchestrator.yaml", text);
        self.world.ao(&["trust"]).succeeds();
    }

    /// The configuration's text, with more keys of the project.
    pub(crate) fn config(&self, project: &str) -> String {
        // A JSON text is a YAML text, whatever the path holds; in `argv` a brace is written twice.
        let script = |name: &str| Value::from(self.world.path(name).as_str().replace('{', "{{").replace('}', "}}"));
        let (worker, listener, prompter) = (script("worker.sh"), script("listener.sh"), script("prompter.sh"));
        format!(
            "version: 1\nagents:\n  \
             worker: {{ plugin: command, argv: [sh, {worker}, \"{{prompt_file}}\"] }}\n  \
             listener: {{ plugin: command, argv: [sh, {listener}], ready: ready }}\n  \
             pasted: {{ plugin: command, argv: [sh, {listener}, brackets], ready: ready }}\n  \
             prompter: {{ plugin: command, argv: [sh, {prompter}], ready: ready, ask: 'Proceed.*', \
             draft: '^> ?(.*)\\z', transcript: {{ path: said }} }}\n  \
             sleeper: {{ plugin: command, argv: [sleep, \"1000000\"] }}\n\
             defaults: {{ runtime: {}, agent: worker }}\nprojects:\n  app:\n    path: .\n{project}",
            self.engine.name()
        )
    }

    /// Where its agents live.
    pub(crate) fn engine(&self) -> Engine {
        self.engine
    }

    /// Spawns a session, and says which.
    pub(crate) fn spawn(&self, arguments: &[&str]) -> String {
        let run = self.world.ao(&[&["spawn"], arguments].concat()).succeeds();
        run.stdout().lines().last().expect("an id").to_owned()
    }

    /// Spawns a listener, and waits until it reads.
    pub(crate) fn listen(&self, agent: &str) -> String {
        let id = self.spawn(&["--agent", agent]);
        self.wait("the listener reads", || self.world.ao(&["session", "logs", &id]).stdout().contains("ready"));
        id
    }

    /// Everything that is known of a session.
    pub(crate) fn show(&self, id: &str) -> Value {
        self.world.json(&["session", "show", id])
    }

    /// A session's status, in one word.
    pub(crate) fn status(&self, id: &str) -> String {
        self.show(id)["status"]["name"].as_str().expect("a status").to_owned()
    }

    /// Waits for a session's status.
    pub(crate) fn wait_for_status(&self, id: &str, wanted: &str) {
        self.wait(&format!("{id} is {wanted}"), || self.status(id) == wanted);
    }

    /// Waits until something is so.
    pub(crate) fn wait(&self, what: &str, mut done: impl FnMut() -> bool) {
        let give_up = Instant::now() + PATIENCE;
        while !done() {
            assert!(Instant::now() < give_up, "waited in vain until {what}\n{}", self.world.ao(&["status", "--all"]));
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// A session's worktree.
    pub(crate) fn worktree(&self, id: &str) -> Utf8PathBuf {
        self.show(id)["session"]["workspace"]["path"].as_str().expect("a worktree").into()
    }

    /// Where everything of this installation stands.
    pub(crate) fn places(&self) -> &Places {
        &self.places
    }

    /// What git says in the project.
    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        let output = self.world.command("git").args(arguments).output().unwrap();
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Everything that a spawn could leave behind.
    pub(crate) fn traces(&self) -> String {
        let mut traces = String::new();
        let _ = writeln!(traces, "refs: {}", self.git(&["for-each-ref", "--format=%(refname)"]));
        let _ = writeln!(traces, "worktrees: {}", self.git(&["worktree", "list", "--porcelain"]));
        let worktrees = self.places.state().join("worktrees");
        let directories: Vec<_> = entries(&worktrees).iter().flat_map(|project| entries(project)).collect();
        let _ = writeln!(traces, "directories: {directories:?}");
        let _ = writeln!(traces, "processes: {:?}", self.processes());
        traces
    }

    /// The processes of this installation's sessions and their holders. The tmux server is of no session.
    pub(crate) fn processes(&self) -> Vec<u32> {
        let is_tmux =
            |pid: &u32| fs_err::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.starts_with("tmux"));
        self.marked().into_iter().filter(|pid| !is_tmux(pid)).collect()
    }

    fn marked(&self) -> Vec<u32> {
        marked(&format!("AO_SESSION_MARKER={}/", self.places.owner().id))
    }
}

impl Drop for Studio {
    fn drop(&mut self) {
        for pid in self.marked() {
            let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
            let _ = pid.map(|pid| rustix::process::kill_process(pid, rustix::process::Signal::KILL));
        }
    }
}

fn entries(directory: &Utf8Path) -> Vec<Utf8PathBuf> {
    let entries = directory.read_dir_utf8().into_iter().flatten().filter_map(Result::ok);
    entries.map(|entry| entry.path().to_owned()).collect()
}

/// The processes with this in their environment.
pub(crate) fn marked(marker: &str) -> Vec<u32> {
    let processes = fs_err::read_dir("/proc").unwrap().filter_map(Result::ok);
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let is_marked = |pid: &u32| {
        let environment = fs_err::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.windows(marker.len()).any(|window| window == marker.as_bytes())
    };
    pids.filter(is_marked).collect()
}

/// What the listener in a worktree has read.
pub(crate) fn heard(worktree: &Utf8Path) -> Vec<u8> {
    fs_err::read(worktree.join("heard")).unwrap_or_default()
}

/// What a prompter was told, by its own record.
pub(crate) fn said(studio: &Studio, id: &str) -> Vec<String> {
    said_in(&studio.worktree(id).join("said"))
}

/// What an agent was told, by a record of that kind.
pub(crate) fn said_in(record: &Utf8Path) -> Vec<String> {
    let record = fs_err::read_to_string(record).unwrap_or_default();
    let text = |line: &str| serde_json::from_str::<Value>(line).unwrap()["text"].as_str().unwrap().to_owned();
    record.lines().map(text).collect()
}
