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
/// It never goes through a shell. It is killed, with its process group, when the call that runs it is cancelled, unless it
/// is one that goes on [to its end](Command::to_its_end).
#[derive(Debug)]
pub struct Command {
    inner: tokio::process::Command,
    shown: String,
    input: Option<Vec<u8>>,
    limit: Option<Duration>,
    life: Life,
}

/// How long a program may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    /// As long as somebody waits for it.
    AsTheCall,
    /// As long as it takes.
    ToItsEnd,
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
    Command { inner, shown: program.to_string_lossy().into_owned(), input: None, limit: None, life: Life::AsTheCall }
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

    /// Lets it go on, once it began, also when its time is over or nobody waits for it any more: for what leaves a mess
    /// where it is killed in the middle. A limit is then how long it is waited for; what came of it has to be looked at.
    pub fn to_its_end(mut self) -> Self {
        self.inner.kill_on_drop(false);
        self.life = Life::ToItsEnd;
        self
    }

    /// Runs it to its end, whatever its exit status.
    pub async fn output(mut self) -> Result<CommandOutput> {
        let limit = [self.limit, crate::deadline()].into_iter().flatten().min();
        let shown = self.shown;
        let child = self.inner.spawn().map_err(|error| cannot_start(&shown, &error))?;
        let group = Group(child.id().filter(|_| self.life == Life::AsTheCall));
        let followed = follow(child, group, self.input, shown.clone());
        let late = |then: &str| {
            let seconds = limit.unwrap_or_default().as_secs_f32();
            Error::new(Code::TIMEOUT, format!("`{shown}` did not end within {seconds:.1} s{then}"))
        };
        match self.life {
            Life::AsTheCall => within(limit, followed).await.ok_or_else(|| late(""))?,
            // A task of its own feeds it and reads what it prints, whatever becomes of this one.
            Life::ToItsEnd => within(limit, tokio::spawn(followed))
                .await
                .ok_or_else(|| late(", and goes on"))?
                .map_err(|error| Error::wrap(Code::OTHER, format!("cannot follow `{shown}`"), &error))?,
        }
    }

    /// Runs it to its end; an exit status other than 0 is an error that quotes what it complained.
    pub async fn run(self) -> Result<CommandOutput> {
        let output = self.output().await?;
        if output.status.success() { Ok(output) } else { Err(output.failure()) }
    }
}

impl CommandOutput {
    /// Whether more was printed than is kept of it, or just as much.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.stdout.len() as u64 >= KEPT
    }

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

async fn within<T>(limit: Option<Duration>, work: impl Future<Output = T>) -> Option<T> {
    match limit {
        None => Some(work.await),
        Some(limit) => tokio::time::timeout(limit, work).await.ok(),
    }
}

/// Feeds a program and reads what it prints, until it ends.
async fn follow(
    mut child: tokio::process::Child,
    mut group: Group,
    input: Option<Vec<u8>>,
    shown: String,
) -> Result<CommandOutput> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let feed = async {
        if let (Some(mut stdin), Some(input)) = (stdin, input) {
            // A program that does not read all of its input is not an error of ours.
            let _ = stdin.write_all(&input).await;
        }
    };
    let (status, stdout, stderr, ()) = tokio::join!(child.wait(), read(stdout), read(stderr), feed);
    group.0 = None;
    let failed = |error: &io::Error| Error::wrap(Code::OTHER, format!("cannot follow `{shown}`"), error);
    let status = status.map_err(|error| failed(&error))?;
    let stdout = stdout.map_err(|error| failed(&error))?;
    let stderr = stderr.map_err(|error| failed(&error))?;
    Ok(CommandOutput { status, stdout, stderr, shown })
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

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Instant;

    use super::*;

    /// Waits until a file is there.
    async fn appears(path: &Path) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !path.exists() {
            assert!(Instant::now() < deadline, "{} never appears", path.display());
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn what_runs_to_its_end_goes_on_without_who_waited_for_it() {
        for waits in [Duration::ZERO, Duration::from_mins(1)] {
            let directory = tempfile::tempdir().expect("scratch");
            let at = |name: &str| directory.path().join(name);
            let began = at("began");
            let script = "mkfifo go && : > began && read -r line < go && : > ended && cat";
            // tidy: shell because the test needs a program that waits, and this is the shortest.
            let program = command("sh").args(["-c", script]).input("said").to_its_end().timeout(waits);
            let place = Utf8Path::from_path(directory.path()).expect("utf-8");
            let mut run = Box::pin(program.current_dir(place).output());
            tokio::select! {
                ended = &mut run => assert_eq!(ended.expect_err("its time is over").code, Code::TIMEOUT),
                () = appears(&began) => assert_ne!(waits, Duration::ZERO),
            }
            drop(run);
            appears(&began).await;
            // Opened to read and write, it waits for no reader.
            let mut go = std::fs::File::options().read(true).write(true).open(at("go")).expect("a pipe");
            std::io::Write::write_all(&mut go, b"go\n").expect("go");
            appears(&at("ended")).await;
        }
    }

    #[tokio::test]
    async fn what_is_cut_says_so() {
        for (bytes, is_cut) in [(KEPT - 1, false), (KEPT + 1, true)] {
            let output = command("head").args(["-c", &bytes.to_string(), "/dev/zero"]).run().await.expect("head");
            assert_eq!(output.is_cut(), is_cut, "{bytes}");
        }
    }

    #[tokio::test]
    async fn what_runs_to_its_end_is_fed_and_heard() {
        let output = command("cat").input("said").to_its_end().run().await.expect("cat");
        assert_eq!(output.text(), "said");
    }
}
