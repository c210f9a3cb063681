//! Running other programs: argument vectors, a deliberate environment, bounded output, killed with the call.

#![expect(clippy::disallowed_methods, reason = "this is the one place in the SDK that starts programs")]

use std::ffi::{OsStr, OsString};
use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use ao_core::{Code, Error, Result};
use camino::Utf8Path;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// How much of each of standard output and error is kept, in bytes.
const KEPT: u64 = 16 * 1024 * 1024;

/// A program to run, built like `std::process::Command`.
///
/// It never goes through a shell. It is killed, with its process group, when the call that runs it is cancelled.
#[derive(Debug)]
pub struct Command {
    inner: tokio::process::Command,
    shown: String,
    input: Option<Vec<u8>>,
    limit: Option<Duration>,
}

/// What a program printed and how it ended.
#[derive(Clone, Debug)]
pub struct CommandOutput {
    /// How it ended.
    pub status: ExitStatus,
    /// What it printed, at most 16 MiB.
    pub stdout: Vec<u8>,
    /// What it complained, at most 16 MiB.
    pub stderr: Vec<u8>,
    shown: String,
}

/// What a service manager left for this process alone.
const OURS: [&str; 6] =
    ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PID"];

/// A program to run. It sees this process's environment, but for what a service manager left there.
#[must_use]
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let program = program.as_ref();
    let mut inner = tokio::process::Command::new(program);
    inner.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).process_group(0);
    for name in OURS {
        inner.env_remove(name);
    }
    Command { inner, shown: program.to_string_lossy().into_owned(), input: None, limit: None }
}

impl Command {
    /// Adds an argument.
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.inner.arg(argument);
        self
    }

    /// Adds arguments.
    pub fn args<S: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.inner.args(arguments);
        self
    }

    /// Sets a variable of the program's environment.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.inner.env(name, value);
        self
    }

    /// Takes a variable out of the program's environment.
    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.inner.env_remove(name);
        self
    }

    /// Gives the program this environment and nothing else.
    pub fn env_only<K: Into<OsString>, V: Into<OsString>>(
        mut self,
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.inner.env_clear();
        self.inner.envs(variables.into_iter().map(|(name, value)| (name.into(), value.into())));
        self
    }

    /// Sets the directory that it runs in.
    pub fn current_dir(mut self, directory: &Utf8Path) -> Self {
        self.inner.current_dir(directory);
        self
    }

    /// Gives it these bytes as standard input.
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.inner.stdin(Stdio::piped());
        self.input = Some(bytes.into());
        self
    }

    /// Ends it after this time, if the call's own deadline does not end it earlier.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Runs it to its end, whatever its exit status.
    pub async fn output(mut self) -> Result<CommandOutput> {
        let limit = [self.limit, crate::deadline()].into_iter().flatten().min();
        let shown = self.shown;
        let mut child = self.inner.spawn().map_err(|error| cannot_start(&shown, &error))?;
        let mut group = Group(child.id());
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let feed = async {
            if let (Some(mut stdin), Some(input)) = (stdin, self.input) {
                // A program that does not read all of its input is not an error of ours.
                let _ = stdin.write_all(&input).await;
            }
        };
        let run = async { tokio::join!(child.wait(), read(stdout), read(stderr), feed) };
        let ended = match limit {
            None => Some(run.await),
            Some(limit) => tokio::time::timeout(limit, run).await.ok(),
        };
        let Some((status, stdout, stderr, ())) = ended else {
            let seconds = limit.unwrap_or_default().as_secs_f32();
            return Err(Error::new(Code::TIMEOUT, format!("`{shown}` did not end within {seconds:.1} s")));
        };
        group.0 = None;
        let failed = |error: &io::Error| Error::wrap(Code::OTHER, format!("cannot follow `{shown}`"), error);
        let status = status.map_err(|error| failed(&error))?;
        let stdout = stdout.map_err(|error| failed(&error))?;
        let stderr = stderr.map_err(|error| failed(&error))?;
        Ok(CommandOutput { status, stdout, stderr, shown })
    }

    /// Runs it to its end; an exit status other than 0 is an error that quotes what it complained.
    pub async fn run(self) -> Result<CommandOutput> {
        let output = self.output().await?;
        if output.status.success() { Ok(output) } else { Err(output.failure()) }
    }
}

impl CommandOutput {
    /// What it printed, as text, without the line end at its end.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim_end_matches(['\n', '\r']).to_owned()
    }

    /// The error of an exit status other than 0.
    #[must_use]
    pub fn failure(&self) -> Error {
        let (complaint, printed) = (String::from_utf8_lossy(&self.stderr), String::from_utf8_lossy(&self.stdout));
        let said = if complaint.trim().is_empty() { printed.trim() } else { complaint.trim() };
        Error::other(format!("`{}` ended with {}: {said}", self.shown, self.status))
    }
}

fn cannot_start(shown: &str, error: &io::Error) -> Error {
    if error.kind() == io::ErrorKind::NotFound {
        return Error::unavailable(format!("`{shown}` is not installed, or not on the PATH"));
    }
    Error::wrap(Code::UNAVAILABLE, format!("cannot start `{shown}`"), error)
}

async fn read(stream: Option<impl tokio::io::AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let mut kept = Vec::new();
    if let Some(mut stream) = stream {
        (&mut stream).take(KEPT).read_to_end(&mut kept).await?;
        // Read on, so that the program does not stop at a full pipe.
        tokio::io::copy(&mut stream, &mut tokio::io::sink()).await?;
    }
    Ok(kept)
}

/// A running program's process group: ended when this is dropped, as the program may have children that outlive it.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        let leader = self.0.and_then(|pid| i32::try_from(pid).ok()).and_then(rustix::process::Pid::from_raw);
        if let Some(leader) = leader {
            // It may have ended meanwhile.
            let _ = rustix::process::kill_process_group(leader, rustix::process::Signal::KILL);
        }
    }
}
