//! Running the user's own programs: argument vectors, a given environment, output kept in a file, ended with all that
//! they started.

#![expect(clippy::disallowed_methods, reason = "the one place in the host that starts programs")]

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use ao_core::{Code, Error, Result};
use camino::Utf8Path;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::Instant;

use super::bounded_log::Log;

/// How much of a program's output a message quotes, in bytes.
const TAIL: u64 = 2048;
/// How long what a program has printed is waited for after its end.
const DRAIN: Duration = Duration::from_secs(1);

/// What to run.
pub struct Run<'a> {
    /// The program and its arguments.
    pub argv: &'a [String],
    /// Where it runs.
    pub directory: &'a Utf8Path,
    /// Its whole environment.
    pub environment: &'a BTreeMap<String, String>,
    /// Where its output goes; appended to.
    pub log: &'a Utf8Path,
    /// How long it may take.
    pub limit: Duration,
}

/// How a program ended.
pub struct Ended {
    status: Option<ExitStatus>,
    limit: Duration,
    /// The end of what it printed; none when it printed nothing.
    pub tail: Option<String>,
}

impl Ended {
    /// In what way it failed, if it did: fits after the program's name.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        match self.status {
            Some(status) if status.success() => None,
            Some(status) => Some(format!("failed with {status}")),
            None => Some(format!("did not end within {:?}", self.limit)),
        }
    }
}

/// Ends a process group when it is dropped: the program, and what it started.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            // It may have ended by itself.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

/// Runs a program to its end, or to its limit.
pub async fn run(what: &Run<'_>) -> Result<Ended> {
    let Some((program, arguments)) = what.argv.split_first() else {
        return Err(Error::invalid_input("nothing to run: the argument list is empty"));
    };
    let log_error =
        |error: std::io::Error| Error::wrap(Code::UNAVAILABLE, format!("cannot write `{}`", what.log), &error);
    let mut options = std::fs::OpenOptions::new();
    let log = options.create(true).append(true).read(true).open(what.log).map_err(log_error)?;
    let (output, errors) = (log.try_clone().map_err(log_error)?, log.try_clone().map_err(log_error)?);
    let begin = log.metadata().map_err(log_error)?.len();
    let mut child = tokio::process::Command::new(program)
        .args(arguments)
        .current_dir(what.directory)
        .env_clear()
        .envs(what.environment)
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors)
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| Error::wrap(Code::UNAVAILABLE, format!("cannot start `{program}`"), &error))?;
    let mut group = Group(child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw));
    let status = match tokio::time::timeout(what.limit, child.wait()).await {
        Ok(ended) => {
            Some(ended.map_err(|error| Error::wrap(Code::OTHER, format!("cannot wait for `{program}`"), &error))?)
        }
        Err(_) => None,
    };
    if status.is_some() {
        // It has been waited for: its number may be another's from here on.
        group.0 = None;
    }
    drop(group);
    Ok(Ended { status, limit: what.limit, tail: tail(log, begin) })
}

/// The same, with at most so many bytes of its output kept: the beginning and the end.
pub async fn run_bounded(what: &Run<'_>, most: u64) -> Result<Ended> {
    let Some((program, arguments)) = what.argv.split_first() else {
        return Err(Error::invalid_input("nothing to run: the argument list is empty"));
    };
    let log_error =
        |error: std::io::Error| Error::wrap(Code::UNAVAILABLE, format!("cannot write `{}`", what.log), &error);
    let mut log = Log::create(what.log, most).map_err(log_error)?;
    let mut command = tokio::process::Command::new(program);
    command.args(arguments).current_dir(what.directory).env_clear().envs(what.environment);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).kill_on_drop(true);
    let mut child =
        command.spawn().map_err(|error| Error::wrap(Code::UNAVAILABLE, format!("cannot start `{program}`"), &error))?;
    let mut group = Group(child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw));
    let (mut output, mut errors) = (child.stdout.take(), child.stderr.take());
    let (mut status, mut give_up) = (None, Instant::now() + what.limit);
    let (mut printed, mut complained) = ([0; 8192], [0; 8192]);
    while output.is_some() || errors.is_some() || status.is_none() {
        tokio::select! {
            read = next(&mut output, &mut printed) => log.add(&printed[..read]).map_err(log_error)?,
            read = next(&mut errors, &mut complained) => log.add(&complained[..read]).map_err(log_error)?,
            ended = child.wait(), if status.is_none() => {
                let failed = |error| Error::wrap(Code::OTHER, format!("cannot wait for `{program}`"), &error);
                status = Some(ended.map_err(failed)?);
                // What it left running may hold its pipes for as long as it likes; no more of that is of interest.
                give_up = Instant::now() + DRAIN;
                group.0 = None;
            }
            () = tokio::time::sleep_until(give_up) => break,
        }
    }
    drop(group);
    log.finish().map_err(log_error)?;
    let printed = std::fs::File::open(what.log).ok();
    Ok(Ended { status, limit: what.limit, tail: printed.and_then(|log| tail(log, 0)) })
}

/// Reads on; waits for good where there is nothing more to read.
async fn next<R: AsyncRead + Unpin>(stream: &mut Option<R>, bytes: &mut [u8]) -> usize {
    let Some(open) = stream else { return std::future::pending().await };
    // A pipe that cannot be read has nothing more to say.
    let read = open.read(bytes).await.unwrap_or_default();
    if read == 0 {
        *stream = None;
    }
    read
}

/// Starts a program that goes on when this process ends, and returns its pid. It has this environment and no other, no
/// input, and `complaints` for what it says; to leave our terminal is its own business.
pub fn start_apart(argv: &[String], environment: &BTreeMap<String, String>, complaints: &Utf8Path) -> Result<u32> {
    let Some((program, arguments)) = argv.split_first() else {
        return Err(Error::invalid_input("nothing to run: the argument list is empty"));
    };
    let mut options = std::fs::OpenOptions::new();
    let said = options.create(true).append(true).open(complaints);
    let said = said.map_err(|error| Error::wrap(Code::UNAVAILABLE, format!("cannot write `{complaints}`"), &error))?;
    let child = tokio::process::Command::new(program)
        .args(arguments)
        .current_dir("/")
        .env_clear()
        .envs(environment)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(said)
        .spawn()
        .map_err(|error| Error::wrap(Code::UNAVAILABLE, format!("cannot start `{program}`"), &error))?;
    // Dropping the child leaves it running; tokio waits for it when it ends.
    child.id().ok_or_else(|| Error::unavailable(format!("`{program}` ended at once")))
}

/// The end of what was printed since `begin`.
fn tail(mut log: std::fs::File, begin: u64) -> Option<String> {
    let length = log.metadata().ok()?.len();
    log.seek(SeekFrom::Start(begin.max(length.saturating_sub(TAIL)))).ok()?;
    let mut bytes = Vec::new();
    log.take(TAIL).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes).trim().to_owned();
    Some(text).filter(|text| !text.is_empty())
}
