//! A host in a child process, the script that it plays, and what it saw.

use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::{Value, json};

use crate::support::{Scratch, fixture_library, library};

/// Where the libraries of a host run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Where {
    /// In the host's own process.
    Here,
    /// Each in a process of its own.
    Apart,
}

impl Where {
    /// How long the host in the child waits for a call, in milliseconds. A process has to start first.
    pub(super) fn deadline(self) -> u64 {
        match self {
            Self::Here => 300,
            Self::Apart => 2500,
        }
    }
}

/// A child that lives longer than this is killed. Far above what any script takes.
const LIMIT: Duration = Duration::from_mins(1);

/// How long another plugin may take to answer after a fault, in milliseconds: above what a busy machine needs to start
/// threads, and below what anybody would call hanging.
const SOON: u64 = 5000;

/// A scratch home with libraries in it, and the script so far.
pub(super) struct Rig {
    pub(super) scratch: Scratch,
    place: Where,
    steps: Vec<Value>,
    assembled: Vec<Utf8PathBuf>,
}

/// What a child saw, a value a step, and how it ended.
pub(super) struct Played {
    pub(super) seen: Vec<Value>,
    pub(super) status: ExitStatus,
    said: String,
}

impl Rig {
    /// With no library in it.
    pub(super) fn empty() -> Self {
        Self { scratch: Scratch::new(), place: Where::Here, steps: Vec::new(), assembled: Vec::new() }
    }

    /// With a library as it was built, trusted, beside the fixture library: the usual case.
    pub(super) fn with(name: &str) -> Self {
        let mut rig = Self::empty();
        let (faulty, fixture) = (library(name), fixture_library());
        rig.trust(&faulty).trust(&fixture).assemble(&[&faulty, &fixture]);
        rig
    }

    /// The same, in processes of their own.
    pub(super) fn with_at(name: &str, place: Where) -> Self {
        Self { place, ..Self::with(name) }
    }

    /// Puts a copy of a built library into the home, changed by the test.
    pub(super) fn install(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) -> Utf8PathBuf {
        let mut bytes = fs_err::read(library(name)).unwrap();
        change(&mut bytes);
        self.file(&format!("lib{name}.so"), &bytes)
    }

    /// Puts a file into the home.
    pub(super) fn file(&self, name: &str, bytes: &[u8]) -> Utf8PathBuf {
        let path = self.scratch.path().join(name);
        ao_host::world::files::write_atomic(&path, bytes, 0o600).unwrap();
        path
    }

    /// One more step.
    pub(super) fn step(&mut self, step: Value) -> &mut Self {
        self.steps.push(step);
        self
    }

    pub(super) fn trust(&mut self, library: &Utf8Path) -> &mut Self {
        self.step(json!({"do": "trust", "library": library}))
    }

    pub(super) fn assemble(&mut self, libraries: &[&Utf8PathBuf]) -> &mut Self {
        self.assembled = libraries.iter().copied().cloned().collect();
        self.step(json!({"do": "assemble", "libraries": self.assembled}))
    }

    /// Assembles the registry again, with instances of its own.
    pub(super) fn assemble_again(&mut self) -> &mut Self {
        let libraries = self.assembled.clone();
        self.step(json!({"do": "assemble", "libraries": libraries}))
    }

    /// Gets an issue.
    pub(super) fn get(&mut self, plugin: &str, config: Value, id: &str) -> &mut Self {
        self.call(plugin, config, "get", id)
    }

    /// Calls a tracker.
    #[expect(clippy::needless_pass_by_value, reason = "a literal reads better without a reference to it")]
    pub(super) fn call(&mut self, plugin: &str, config: Value, method: &str, id: &str) -> &mut Self {
        self.step(json!({"do": "call", "plugin": plugin, "config": config, "method": method, "id": id}))
    }

    /// Plays the script.
    #[expect(clippy::disallowed_methods, reason = "it starts the test program, with an environment built from nothing")]
    pub(super) fn play(&mut self) -> Played {
        let isolation = if self.place == Where::Here { "in-process" } else { "process" };
        let (home, deadline) = (self.scratch.path(), self.place.deadline());
        let script = json!({"home": home, "deadline_ms": deadline, "isolation": isolation, "steps": self.steps});
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_ao-host-test-program"));
        command.args(["plugin-fault", &script.to_string()]).current_dir(self.scratch.path());
        command.env_clear().env("HOME", self.scratch.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let output = runtime.block_on(async {
            let ended = tokio::time::timeout(LIMIT, command.spawn().unwrap().wait_with_output()).await;
            ended.unwrap_or_else(|_| panic!("the host hangs after {:?}", self.steps)).unwrap()
        });
        let lines = String::from_utf8(output.stdout).unwrap();
        let seen: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Played { seen, status: output.status, said }
    }

    /// Adds the proof that others answer, plays the script, and checks the proof. Returns what was seen before it.
    pub(super) fn play_and_others_answer(&mut self, others: Others) -> Played {
        let before = self.steps.len();
        self.get("fixture", json!({"issues": {"12": "Fix the door"}}), "12");
        self.get("fixture", json!({"issues": {"12": "Fix the door"}, "label": "other"}), "12");
        if others == Others::OfTheSameLibraryToo {
            self.get("faulty", json!({"number": 99}), "fine");
        }
        let mut played = self.play();
        assert!(played.status.success(), "the host died: {}\n{}", played.status, played.said);
        let answers = played.seen.split_off(before);
        assert_eq!(answers.len() + before, self.steps.len());
        for answer in answers {
            assert!(answer["ok"].is_string(), "another plugin does not answer: {answer}\n{}", played.said);
            let ms = answer["ms"].as_u64().unwrap();
            assert!(ms < SOON, "another plugin is slow: {answer}");
        }
        played
    }
}

/// Who is to answer after a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Others {
    /// The plugins of other libraries.
    OfOtherLibraries,
    /// Also another instance of the same library.
    OfTheSameLibraryToo,
}

impl Played {
    /// What the last step before the proof saw.
    pub(super) fn last(&self) -> &Value {
        self.seen.last().expect("a step")
    }

    /// The code of the error that the last step saw.
    pub(super) fn code(&self) -> &str {
        self.last()["error"]["code"].as_str().unwrap_or_else(|| panic!("no error: {}", self.last()))
    }

    /// The message of the first problem that the assembly saw, with its code.
    pub(super) fn problem(&self, step: usize) -> (String, String) {
        let problem = &self.seen[step]["problems"][0];
        let text =
            |key: &str| problem[key].as_str().unwrap_or_else(|| panic!("no problem: {:?}", self.seen)).to_owned();
        (text("code"), text("message"))
    }

    /// What ended the process: its exit code, or the signal.
    pub(super) fn end(&self) -> Result<i32, i32> {
        self.status.code().ok_or_else(|| self.status.signal().expect("it has ended"))
    }
}
