//! A scratch world to run `ao` in, and what a run looked like.

#![expect(
    clippy::disallowed_methods,
    reason = "tests start the program itself, with an environment built from nothing"
)]

use std::collections::BTreeMap;
use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Output, Stdio};

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value;

/// A home, a repository directory, and an environment. All of it goes away with it.
pub(crate) struct World {
    root: Utf8PathBuf,
    environment: BTreeMap<String, String>,
    _directory: tempfile::TempDir,
}

/// One run of `ao`.
pub(crate) struct Run {
    arguments: String,
    output: Output,
    root: Utf8PathBuf,
}

/// A run of `ao` that goes on.
pub(crate) struct Started {
    arguments: String,
    child: Child,
    root: Utf8PathBuf,
}

impl Started {
    /// Waits for its end.
    pub(crate) fn finish(self) -> Run {
        Run { arguments: self.arguments, output: self.child.wait_with_output().unwrap(), root: self.root }
    }
}

impl World {
    /// With an empty directory `app`, in which every command starts.
    pub(crate) fn new() -> Self {
        Self::below("")
    }

    /// The same, in a directory of this name.
    pub(crate) fn below(name: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(directory.path().canonicalize().unwrap()).unwrap();
        let root = if name.is_empty() { root } else { root.join(name) };
        fs_err::create_dir_all(&root).unwrap();
        for name in ["app", "home"] {
            fs_err::create_dir(root.join(name)).unwrap();
        }
        let path = machine_path();
        let environment = [
            ("HOME", root.join("home").into_string()),
            ("AO_HOME", root.join("ao").into_string()),
            ("PATH", path),
            ("GIT_CONFIG_GLOBAL", "/dev/null".to_owned()),
            ("GIT_CONFIG_NOSYSTEM", "1".to_owned()),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value)).into();
        Self { root, environment, _directory: directory }
    }

    /// With a git repository in `app` that has one commit.
    pub(crate) fn with_repository() -> Self {
        let world = Self::new();
        world.git(&["init", "--quiet", "--initial-branch", "main"]);
        world.commit("first");
        world
    }

    /// With this configuration in `app`.
    pub(crate) fn with_config(text: &str) -> Self {
        let world = Self::new();
        world.file("app/agent-orchestrator.yaml", text);
        world
    }

    /// The same, with one more variable.
    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The same, without a variable.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.environment.remove(name);
        self
    }

    /// Its variables.
    pub(crate) fn environment(&self) -> &BTreeMap<String, String> {
        &self.environment
    }

    /// A path in it.
    pub(crate) fn path(&self, path: &str) -> Utf8PathBuf {
        self.root.join(path)
    }

    /// Writes a file, replacing it, and says where it is.
    pub(crate) fn file(&self, path: &str, contents: impl AsRef<[u8]>) -> Utf8PathBuf {
        let path = self.path(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        ao_host::world::files::write_atomic(&path, contents.as_ref(), 0o600).unwrap();
        path
    }

    /// A copy of the fixture library, changed by the test.
    pub(crate) fn library(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) -> Utf8PathBuf {
        let mut bytes = fs_err::read(built_library("fixture")).unwrap();
        change(&mut bytes);
        self.file(name, bytes)
    }

    /// A copy of the library whose plugins misbehave when they are told.
    pub(crate) fn faulty_library(&self, name: &str) -> Utf8PathBuf {
        self.file(name, fs_err::read(built("ao_faulty")).unwrap())
    }

    /// Runs git in `app`, which must succeed.
    pub(crate) fn git(&self, arguments: &[&str]) {
        let identity = ["-c", "user.name=Test", "-c", "user.email=test@example.invalid"];
        let mut command = self.command("git");
        let output = command.args(identity).args(arguments).output().unwrap();
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Makes a commit of nothing.
    pub(crate) fn commit(&self, message: &str) {
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
    }

    /// Runs `ao` in `app`.
    pub(crate) fn ao(&self, arguments: &[&str]) -> Run {
        self.ao_with(arguments, &[])
    }

    /// Runs `ao` in `app` with more variables.
    pub(crate) fn ao_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Run {
        let mut command = self.command(env!("CARGO_BIN_EXE_ao"));
        let output = command.args(arguments).envs(variables.iter().copied()).output().unwrap();
        Run { arguments: arguments.join(" "), output, root: self.root.clone() }
    }

    /// Starts `ao` in `app` and does not wait for it.
    pub(crate) fn start(&self, arguments: &[&str]) -> Started {
        let mut command = self.command(env!("CARGO_BIN_EXE_ao"));
        let child = command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        Started { arguments: arguments.join(" "), child, root: self.root.clone() }
    }

    /// Runs `ao … --json` and reads what it prints.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        self.ao(&[arguments, &["--json"]].concat()).json()
    }

    /// A program in `app` with nothing to read and this world's environment.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(&self.environment).current_dir(self.root.join("app")).stdin(Stdio::null());
        command
    }
}

impl Run {
    /// What it exited with.
    pub(crate) fn code(&self) -> i32 {
        self.output.status.code().expect("it exited")
    }

    /// The signal that ended it.
    pub(crate) fn signal(&self) -> Option<i32> {
        self.output.status.signal()
    }

    /// The same run, which must have succeeded.
    pub(crate) fn succeeds(self) -> Self {
        assert!(self.output.status.success(), "{self}");
        self
    }

    /// What it printed, read as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.output.stdout).unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    /// What it printed.
    pub(crate) fn stdout(&self) -> String {
        self.shown(&self.output.stdout)
    }

    /// What it said.
    pub(crate) fn stderr(&self) -> String {
        self.shown(&self.output.stderr)
    }

    /// Without what differs from run to run: the scratch directory and hashes.
    fn shown(&self, bytes: &[u8]) -> String {
        let text = String::from_utf8(bytes.to_vec()).expect("UTF-8");
        hide_hashes(&text.replace(self.root.as_str(), "[ROOT]"))
    }
}

/// Puts a word in the place of each SHA-256.
fn hide_hashes(text: &str) -> String {
    const DIGITS: usize = 64;
    let mut shown = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_hexdigit()) {
        let run = rest[start..].find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(rest.len() - start);
        shown.push_str(&rest[..start]);
        shown.push_str(if run == DIGITS { "[SHA256]" } else { &rest[start..start + run] });
        rest = &rest[start + run..];
    }
    shown + rest
}

/// The run as a transcript.
impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "$ ao {}", self.arguments.replace(self.root.as_str(), "[ROOT]"))?;
        write!(f, "{}", self.stdout())?;
        let stderr = self.stderr();
        if !stderr.is_empty() {
            write!(f, "--- stderr\n{stderr}")?;
        }
        match (self.output.status.code(), self.signal()) {
            (Some(0), _) => Ok(()),
            (Some(code), _) => write!(f, "--- exit {code}"),
            (None, signal) => write!(f, "--- signal {}", signal.unwrap_or_default()),
        }
    }
}

/// Where this machine's programs are: real git, real tmux.
pub(crate) fn machine_path() -> String {
    std::env::var("PATH").unwrap()
}

/// The library of a plugin: from the directory `AO_TEST_LIBRARIES` if it is there, else what cargo built as a dependency
/// of this binary.
pub(crate) fn built_library(plugin: &str) -> Utf8PathBuf {
    built(&format!("ao_plugin_{plugin}"))
}

fn built(library: &str) -> Utf8PathBuf {
    let name = format!("{}{library}{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    if let Some(elsewhere) = std::env::var("AO_TEST_LIBRARIES").ok().filter(|directory| !directory.is_empty()) {
        let library = Utf8PathBuf::from(elsewhere).join(&name);
        if library.exists() {
            return library;
        }
    }
    let here = Utf8PathBuf::from_path_buf(std::env::current_exe().unwrap()).unwrap();
    let library = here.parent().unwrap().join(name);
    assert!(library.exists(), "cargo did not build `{library}`");
    library
}

/// Puts one text in the place of another of the same length, wherever it stands.
pub(crate) fn replace(bytes: &mut [u8], from: &[u8], to: &[u8]) {
    assert_eq!(from.len(), to.len());
    let places: Vec<_> =
        bytes.windows(from.len()).enumerate().filter(|(_, window)| *window == from).map(|(at, _)| at).collect();
    assert!(!places.is_empty(), "{} is not there", String::from_utf8_lossy(from));
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to);
    }
}

/// Whether there is a file.
pub(crate) fn exists(path: &Utf8Path) -> bool {
    path.symlink_metadata().is_ok()
}
