//! One command of a run: started, watched, and ended with everything that it started.

#![expect(clippy::disallowed_methods, reason = "starts the commands of checks, and measures their time")]

use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ao_core::model::ExitStatus;
use ao_plugin_sdk::holder::end_offspring;
use camino::Utf8Path;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::Pid;
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM, SIGXFSZ};

use super::spec::{Spec, Step};
use crate::holder::run::{pid_of, reap};
use crate::holder::signals::Arrivals;
use crate::trash::weigh;
use crate::world::bounded_log::Log;

/// How long what a command started may take to end when it is asked to.
const GRACE: Duration = Duration::from_secs(1);
/// The shortest time between two measurements of the disk.
const MEASURE: Duration = Duration::from_millis(500);
/// A measurement may take this part of the time.
const SHARE: u32 = 10;
/// How much is read at once.
const CHUNK: usize = 16 * 1024;

/// How a command went.
#[derive(Debug)]
pub(super) struct Outcome {
    /// How it ended by itself, if it did.
    pub(super) exit: Option<ExitStatus>,
    /// In what way it failed, if it did.
    pub(super) why: Option<String>,
    /// How long it ran.
    pub(super) elapsed: Duration,
    /// How many bytes of its log were left out.
    pub(super) dropped: u64,
    /// What becomes of the rest of the run.
    pub(super) then: Then,
}

/// What becomes of the rest of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// The next command.
    GoOn,
    /// The same, but what this one left in the copy may be half written.
    GoOnUnclean,
    /// The end: somebody asked for it.
    Cancelled,
}

impl Outcome {
    fn never_started(why: String) -> Self {
        Self { exit: None, why: Some(why), elapsed: Duration::ZERO, dropped: 0, then: Then::GoOn }
    }
}

/// Why a command is not waited for any more.
enum Stop {
    Exited(ExitStatus),
    TookTooLong,
    TooMuchDisk(u64),
    Cancelled,
    /// What it prints cannot be kept.
    Unwritable(io::Error),
}

/// Runs one command to its end, or to a limit. Nothing of it runs afterwards, whatever became of it.
pub(super) fn run(spec: &Spec, step: &Step, log: &Utf8Path, arrivals: &mut Arrivals) -> io::Result<Outcome> {
    let mut log = Log::create(log, spec.max_log)?;
    let (output, input) = io::pipe()?;
    fcntl_setfl(&output, fcntl_getfl(&output)? | OFlags::NONBLOCK)?;
    let started = Instant::now();
    let pid = match start(spec, step, input) {
        Ok(pid) => pid,
        Err(error) => {
            let why = unstartable(step, &error);
            log.add(why.as_bytes())?;
            log.finish()?;
            return Ok(Outcome::never_started(why));
        }
    };
    let mut watched = Watched { spec, output: Some(output), log, measured: started, pause: MEASURE / 2 };
    let limit = Duration::from_millis(step.limit_ms);
    let mut stop = watched.wait(pid, started, limit, arrivals).unwrap_or_else(Stop::Unwritable);
    let elapsed = started.elapsed();
    let survivors = end_offspring(&spec.marker, GRACE).map_err(io::Error::other)?;
    let kept = watched.drain().and_then(|()| watched.log.finish());
    let dropped = kept.unwrap_or_else(|error| {
        if matches!(stop, Stop::Exited(_)) {
            stop = Stop::Unwritable(error);
        }
        0
    });
    let late = reap(Some(pid)).program;
    let (exit, mut why, then) = match stop {
        Stop::Exited(exit) => (Some(exit), failure(exit, spec), Then::GoOn),
        Stop::TookTooLong => (None, Some(format!("did not end within {limit:?} and was ended")), Then::GoOnUnclean),
        Stop::TooMuchDisk(bytes) => (None, Some(too_much(bytes, spec)), Then::GoOnUnclean),
        Stop::Cancelled => (late, Some("was cancelled".to_owned()), Then::Cancelled),
        Stop::Unwritable(error) => {
            (None, Some(format!("was ended: what it printed could not be kept: {error}")), Then::GoOnUnclean)
        }
    };
    let then =
        if matches!(exit, Some(ExitStatus::Signal { .. })) && then == Then::GoOn { Then::GoOnUnclean } else { then };
    if let Some(left) = survivors.first() {
        why = Some(format!("left {} processes that cannot be ended, such as {left}", survivors.len()));
    }
    Ok(Outcome { exit, why, elapsed, dropped, then })
}

fn start(spec: &Spec, step: &Step, output: io::PipeWriter) -> io::Result<Pid> {
    let (program, arguments) = step.argv.split_first().ok_or_else(|| io::Error::other("there is nothing to run"))?;
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(&step.env).current_dir(&spec.tree).stdin(Stdio::null());
    command.stdout(output.try_clone()?).stderr(output).process_group(0);
    pid_of(&command.spawn()?)
}

fn unstartable(step: &Step, error: &io::Error) -> String {
    let program = step.argv.first().map_or("", String::as_str);
    if error.kind() == io::ErrorKind::NotFound {
        let path = step.env.get("PATH").map_or("not set", String::as_str);
        return format!("the program `{program}` was not found (PATH: {path})");
    }
    format!("cannot start `{program}`: {error}")
}

fn failure(exit: ExitStatus, spec: &Spec) -> Option<String> {
    match exit {
        exit if exit.is_success() => None,
        ExitStatus::Signal { signal: SIGXFSZ } => Some(too_much(spec.max_disk, spec)),
        exit => Some(format!("ended with {exit}")),
    }
}

fn too_much(bytes: u64, spec: &Spec) -> String {
    format!("took more of the disk than `maxDisk` allows ({bytes} bytes of {})", spec.max_disk)
}

/// A command that runs.
struct Watched<'a> {
    spec: &'a Spec,
    /// What it prints; none once that is closed.
    output: Option<io::PipeReader>,
    log: Log,
    /// When the disk was measured last.
    measured: Instant,
    pause: Duration,
}

impl Watched<'_> {
    fn wait(&mut self, pid: Pid, started: Instant, limit: Duration, arrivals: &mut Arrivals) -> io::Result<Stop> {
        loop {
            let left = limit.saturating_sub(started.elapsed());
            if left.is_zero() {
                return Ok(Stop::TookTooLong);
            }
            if self.measured.elapsed() >= self.pause
                && let Some(bytes) = self.measure()
            {
                return Ok(Stop::TooMuchDisk(bytes));
            }
            let nap = left.min(self.pause.saturating_sub(self.measured.elapsed()));
            let (is_printing, is_signalled) = self.nap(nap, arrivals)?;
            if is_printing {
                self.copy()?;
            }
            for signal in if is_signalled { arrivals.take() } else { Vec::new() } {
                match signal {
                    SIGCHLD => {
                        if let Some(exit) = reap(Some(pid)).program {
                            return Ok(Stop::Exited(exit));
                        }
                    }
                    SIGTERM | SIGHUP | SIGINT => return Ok(Stop::Cancelled),
                    _ => {}
                }
            }
        }
    }

    /// Waits until something is printed or a signal arrives.
    fn nap(&self, limit: Duration, arrivals: &Arrivals) -> io::Result<(bool, bool)> {
        let limit = Timespec::try_from(limit).map_err(io::Error::other)?;
        let mut descriptors = vec![PollFd::new(arrivals, PollFlags::IN)];
        descriptors.extend(self.output.as_ref().map(|output| PollFd::new(output, PollFlags::IN)));
        match poll(&mut descriptors, Some(&limit)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let is_ready = |index: usize| descriptors.get(index).is_some_and(|found| !found.revents().is_empty());
        Ok((is_ready(1), is_ready(0)))
    }

    /// Takes over what was printed, one piece of it. Whether there was any.
    fn copy(&mut self) -> io::Result<bool> {
        let Some(output) = &mut self.output else { return Ok(false) };
        let mut chunk = [0; CHUNK];
        match output.read(&mut chunk) {
            Ok(0) => {
                // There is nothing to wait for any more but its end.
                self.output = None;
                Ok(false)
            }
            Ok(count) => self.log.add(&chunk[..count]).map(|()| true),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Takes over what is left to read. Nobody prints any more but what a daemon does that was asked to, and for that nobody
    /// waits.
    fn drain(&mut self) -> io::Result<()> {
        let began = Instant::now();
        while self.copy()? && began.elapsed() < GRACE {}
        Ok(())
    }

    /// How much there is, if that is too much.
    fn measure(&mut self) -> Option<u64> {
        let before = Instant::now();
        let bytes = weigh(&self.spec.work, &[]).bytes;
        self.measured = Instant::now();
        self.pause = MEASURE.max(before.elapsed() * SHARE);
        Some(bytes).filter(|bytes| *bytes > self.spec.max_disk)
    }
}
