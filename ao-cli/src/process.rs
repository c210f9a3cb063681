//! The programs that a command starts itself: git, and this program again, to look at a library that may crash or to be
//! the host without a terminal.

#![expect(clippy::disallowed_methods, reason = "the one module that starts programs sets group, limit and environment")]

use std::collections::BTreeMap;
use std::io::{self, BufRead};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ao_core::{Code, Error};
use ao_host::host::MANAGER_VARIABLES;
use camino::{Utf8Path, Utf8PathBuf};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::task::JoinHandle;

use crate::edge::block_on;

/// A program with its arguments, and what it may know of our environment.
#[derive(Debug)]
pub(crate) struct Program {
    /// A path, or a name that is looked for in `PATH`.
    pub(crate) path: Utf8PathBuf,
    /// The arguments; no shell reads them.
    pub(crate) arguments: Vec<String>,
    /// The whole environment.
    pub(crate) environment: BTreeMap<String, String>,
    /// How long it may take. After that its whole group is killed.
    pub(crate) limit: Duration,
}

/// What a program that ended has left.
#[derive(Debug)]
pub(crate) struct Ended {
    /// How it ended.
    pub(crate) status: ExitStatus,
    /// What it wrote, as text.
    pub(crate) stdout: String,
    /// What it complained about, as text.
    pub(crate) stderr: String,
}

/// Becomes another program, in this terminal. Returns only if that fails.
pub(crate) fn become_program(argv: &[String]) -> Error {
    let Some((program, arguments)) = argv.split_first() else {
        return Error::invalid_input("the runtime names no program to attach with");
    };
    let failure = std::process::Command::new(program).args(arguments).exec();
    Error::wrap(Code::UNAVAILABLE, format!("cannot start `{program}`"), &failure)
}

/// Runs a program of the user's to its end, in this terminal and with everything that this program was started with.
pub(crate) fn in_terminal(argv: &[String], directory: &Utf8Path) -> Result<ExitStatus, Error> {
    let Some((program, arguments)) = argv.split_first() else {
        return Err(Error::invalid_input("no program is named"));
    };
    let status = std::process::Command::new(program).args(arguments).current_dir(directory).status();
    status.map_err(|error| Error::wrap(Code::UNAVAILABLE, format!("cannot start `{program}`"), &error))
}

impl Ended {
    /// What ended it, where it did not end by itself.
    pub(crate) fn signal(&self) -> Option<i32> {
        self.status.signal()
    }

    /// Its output without the line end, if it succeeded.
    pub(crate) fn success(&self) -> Option<&str> {
        self.status.success().then(|| self.stdout.trim_end())
    }
}

impl Program {
    /// Runs it to its end in a directory, with nothing to read. Not for asynchronous code, which may not block.
    pub(crate) fn run(&self, directory: &Utf8Path) -> Result<Ended, Error> {
        let mut command = Command::new(&self.path);
        command.args(&self.arguments).env_clear().envs(&self.environment).current_dir(directory);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.process_group(0).kill_on_drop(true);
        block_on(self.wait(command))?
    }

    /// Runs it in a directory, with nothing to read and this program's stderr, and hands on what it writes as it comes. It
    /// may take as long as it does: whoever ends this program ends it too.
    pub(crate) fn stream<E: From<Error>>(
        &self,
        directory: &Utf8Path,
        mut take: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<ExitStatus, E> {
        let failed = |error: io::Error| Error::wrap(Code::OTHER, format!("cannot run `{}`", self.path), &error);
        let mut command = std::process::Command::new(&self.path);
        command.args(&self.arguments).env_clear().envs(&self.environment).current_dir(directory);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(failed)?;
        let mut taken = Ok(());
        if let Some(stdout) = child.stdout.take() {
            let mut lines = io::BufReader::with_capacity(64 * 1024, stdout);
            let mut line = Vec::new();
            while taken.is_ok() && lines.read_until(b'\n', &mut line).map_err(failed)? > 0 {
                taken = take(&line);
                line.clear();
            }
            // Dropped here: a program whose reader has gone ends.
        }
        let status = child.wait().map_err(failed)?;
        taken.map(|()| status)
    }

    async fn wait(&self, mut command: Command) -> Result<Ended, Error> {
        let name = &self.path;
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => Error::not_found(format!("cannot start `{name}`: there is no such program")),
            _ => Error::wrap(Code::OTHER, format!("cannot start `{name}`"), &error),
        };
        let mut child = command.spawn().map_err(failed)?;
        let group = child.id().and_then(|pid| rustix::process::Pid::from_raw(pid.cast_signed()));
        let (stdout, stderr) = (Tail::of(child.stdout.take(), MOST_OUTPUT), Tail::of(child.stderr.take(), MOST_ERRORS));
        let Ok(status) = tokio::time::timeout(self.limit, child.wait()).await else {
            // Nobody has waited for the program yet, so its pid is still its own.
            let _ = group.map(|group| rustix::process::kill_process_group(group, rustix::process::Signal::KILL));
            return Err(Error::new(Code::TIMEOUT, format!("`{name}` did not end within {} s", self.limit.as_secs())));
        };
        let status = status.map_err(failed)?;
        Ok(Ended { status, stdout: stdout.text().await, stderr: stderr.text().await })
    }
}

/// How a program that is to go on without us has begun.
pub(crate) enum Begun {
    /// It said this on its first line, and runs. What it complained about until then follows.
    Ready(String, String),
    /// It has ended before.
    Failed(Ended),
}

/// Starts a program that goes on without us: in `/`, with our environment and these `variables` but for what a service
/// manager left for us alone, and with nothing of ours but two pipes. It says one line when it is ready, and closes them.
pub(crate) fn start_detached(
    program: &Utf8Path,
    arguments: &[String],
    variables: &[(&str, String)],
    limit: Duration,
) -> Result<Begun, Error> {
    let mut command = Command::new(program);
    command.args(arguments).envs(variables.iter().map(|(name, value)| (name, value))).current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for name in MANAGER_VARIABLES {
        command.env_remove(name);
    }
    block_on(begin(command, program, limit))?
}

async fn begin(mut command: Command, program: &Utf8Path, limit: Duration) -> Result<Begun, Error> {
    let failed = |error: io::Error| Error::wrap(Code::OTHER, format!("cannot start `{program}`"), &error);
    let mut child = command.spawn().map_err(failed)?;
    let mut said = Vec::new();
    let (mut stdout, stderr) = (child.stdout.take(), Tail::of(child.stderr.take(), MOST_ERRORS));
    let heard = async {
        match &mut stdout {
            Some(stdout) => stdout.read_to_end(&mut said).await,
            None => Ok(0),
        }
    };
    let Ok(heard) = tokio::time::timeout(limit, heard).await else {
        // It may have begun something: it is asked to end, not killed.
        if let Some(pid) = child.id().and_then(|pid| rustix::process::Pid::from_raw(pid.cast_signed())) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let message = format!("`{program}` was not ready within {} s, and was asked to end", limit.as_secs());
        return Err(Error::new(Code::TIMEOUT, message));
    };
    heard.map_err(failed)?;
    let line = String::from_utf8_lossy(&said).trim().to_owned();
    if !line.is_empty() {
        return Ok(Begun::Ready(line, stderr.text().await));
    }
    let status = child.wait().await.map_err(failed)?;
    Ok(Begun::Failed(Ended { status, stdout: String::new(), stderr: stderr.text().await }))
}

/// Leaves what whoever started this program has: its session with the terminal, and every descriptor but the standard
/// streams, which may be a connection that waits for its last holder. Called before anything is opened.
pub(crate) fn leave_starter() {
    // Refused to one that leads a group, and then it was moved away already.
    let _ = rustix::process::setsid();
    let Ok(open) = std::fs::read_dir("/proc/self/fd") else { return };
    let names = open.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    let inherited: Vec<_> = names.filter(|descriptor| *descriptor > 2).collect();
    for descriptor in inherited {
        // The list has had one of its own, which is closed by now.
        let _ = nix::unistd::close(descriptor);
    }
}

/// Lets the standard streams go: nothing to read, nobody to write to, and complaints of code that is not ours into a
/// file, which begins anew.
pub(crate) fn leave_streams(complaints: &Utf8Path) {
    let mut options = std::fs::OpenOptions::new();
    let nothing = options.read(true).write(true).open("/dev/null");
    let Ok(nothing) = nothing else { return };
    let mut options = std::fs::OpenOptions::new();
    options.create(true).write(true).truncate(true).mode(ao_host::world::files::PRIVATE_FILE);
    let complaints = options.open(complaints).ok();
    let errors = complaints.as_ref().unwrap_or(&nothing).as_fd();
    // These can only fail for descriptors that are not open.
    let _ = rustix::stdio::dup2_stdin(&nothing);
    let _ = rustix::stdio::dup2_stderr(errors);
    let _ = rustix::stdio::dup2_stdout(&nothing);
}

/// The most of a program's output that is kept: its end.
const MOST_OUTPUT: usize = 16 * 1024 * 1024;
/// The most of its complaints.
const MOST_ERRORS: usize = 64 * 1024;
/// How long a stream may stay open after its program has ended: something that it started may hold it.
const LINGER: Duration = Duration::from_millis(500);

/// The end of what a program writes, read as it comes, so that it never waits for us and never fills our memory.
struct Tail {
    kept: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Tail {
    fn of(stream: Option<impl AsyncRead + Send + Unpin + 'static>, most: usize) -> Self {
        let kept = Arc::new(Mutex::new(Vec::new()));
        let theirs = Arc::clone(&kept);
        let reader = tokio::spawn(async move {
            let Some(mut stream) = stream else { return };
            let mut buffer = [0; 8192];
            while let Ok(length @ 1..) = stream.read(&mut buffer).await {
                let mut kept = theirs.lock().unwrap_or_else(PoisonError::into_inner);
                kept.extend_from_slice(&buffer[..length]);
                // Twice as much before it is cut, so that not every read moves everything.
                if kept.len() > 2 * most {
                    let surplus = kept.len() - most;
                    kept.drain(..surplus);
                }
            }
        });
        Self { kept, reader }
    }

    /// What there is once the program has ended.
    async fn text(mut self) -> String {
        let _ = tokio::time::timeout(LINGER, &mut self.reader).await;
        self.reader.abort();
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&kept).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(program: &str, arguments: &[&str], limit: Duration) -> Result<Ended, Error> {
        let arguments = arguments.iter().map(ToString::to_string).collect();
        Program { path: program.into(), arguments, environment: BTreeMap::new(), limit }.run(Utf8Path::new("/"))
    }

    #[test]
    fn a_flood_is_cut_to_its_end() {
        let ended = run("/usr/bin/head", &["-c", "60000000", "/dev/zero"], Duration::from_mins(1)).unwrap();
        assert!(ended.status.success() && (MOST_OUTPUT..=2 * MOST_OUTPUT).contains(&ended.stdout.len()));
    }

    #[test]
    fn who_holds_the_streams_after_the_programs_end_is_not_waited_for() {
        // tidy: shell because a program that leaves another behind is wanted
        let ended = run("/bin/sh", &["-c", "sleep 60 & echo done"], Duration::from_secs(30)).unwrap();
        assert_eq!(ended.stdout, "done\n");
        assert_eq!(ended.success(), Some("done"));
    }
}
