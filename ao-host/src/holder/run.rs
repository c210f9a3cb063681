//! The holder's life: claim, launch, wait, record.

use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitCode, Stdio};

use ao_core::model::Timestamp;
use ao_core::model::process::{ExitRecord, ExitStatus, HOLDER_VERSION, HoldSpec, HoldStdio, HolderRecord};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGTERM};

use super::signals::Arrivals;
use super::terminal::{Plan, Terminal};
use super::{HoldError, records};

pub(super) fn hold(spec: &HoldSpec, now: &dyn Fn() -> Timestamp) -> Result<ExitCode, HoldError> {
    let kernel = |what| move |source| HoldError::Kernel { what, source };
    let mut arrivals = Arrivals::new().map_err(kernel("handle signals"))?;
    if spec.stdio != HoldStdio::Inherit {
        // Away from the caller's terminal. Refused to one that leads a group, which then was moved away already.
        let _ = rustix::process::setsid();
    }
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
        .map_err(|errno| kernel("become a subreaper")(errno.into()))?;

    let mut record = HolderRecord::new(HOLDER_VERSION, records::identify(std::process::id())?, now());
    records::claim(&spec.directory, &record)?;
    let launched = match launch(spec) {
        Ok(launched) => launched,
        Err(error) => return unstartable(spec, &error, now()),
    };
    let recorded = records::identify(launched.pid.as_raw_pid().cast_unsigned()).and_then(|child| {
        record.child = Some(child);
        records::update(&spec.directory, &record)
    });
    if let Err(error) = recorded {
        // Nobody would find a program that is not written down.
        let _ = rustix::process::kill_process(launched.pid, Signal::KILL);
        return Err(error);
    }
    Held { spec, now, terminal: launched.terminal, running: Some(launched.pid), _input: launched.input }
        .wait(&mut arrivals)
}

/// The program, started.
struct Launched {
    pid: Pid,
    /// Keeps a writer on the program's input, so that it never reads an end of file.
    input: Option<File>,
    terminal: Option<Terminal>,
}

#[expect(clippy::disallowed_methods, reason = "the holder is what starts the agent; its spec carries the environment")]
fn launch(spec: &HoldSpec) -> io::Result<Launched> {
    let (program, arguments) = spec.argv.split_first().ok_or_else(|| io::Error::other("`argv` is empty"))?;
    if let Some(plan) = Plan::of(&spec.stdio) {
        return launch_in_terminal(spec, plan, program, arguments);
    }
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(&spec.env).current_dir(&spec.cwd);
    let mut held = None;
    match &spec.stdio {
        HoldStdio::Files { input, output } => {
            // Open for both: the program holds a writer of its own input, and outlives even the holder's death.
            let input = File::options().read(true).write(true).open(input)?;
            let output = File::options().append(true).create(true).open(output)?;
            command.stdin(input.try_clone()?).stdout(output.try_clone()?).stderr(output);
            // Of its own group, so that a program that signals its whole group does not hit the holder.
            command.process_group(0);
            held = Some(input);
        }
        HoldStdio::Inherit => {
            command.stdin(Stdio::inherit()).stdout(Stdio::inherit()).stderr(Stdio::inherit());
        }
        _ => {
            return Err(io::Error::other("its standard streams are of a kind that a newer `ao` knows"));
        }
    }
    let child = command.spawn()?;
    Ok(Launched { pid: pid_of(&child)?, input: held, terminal: None })
}

/// The program leads a session of its own, whose terminal this is.
fn launch_in_terminal(spec: &HoldSpec, plan: Plan, program: &str, arguments: &[String]) -> io::Result<Launched> {
    let (terminal, pid) = Terminal::open(plan, |pts| {
        let command = pty_process::blocking::Command::new(program).args(arguments);
        let command = command.env_clear().envs(&spec.env).current_dir(&spec.cwd);
        pid_of(&command.spawn(pts).map_err(super::terminal::plain)?)
    })?;
    Ok(Launched { pid, input: None, terminal: Some(terminal) })
}

pub(crate) fn pid_of(child: &Child) -> io::Result<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or_else(|| io::Error::other("pid 0"))
}

/// Records a program that never ran.
fn unstartable(spec: &HoldSpec, error: &io::Error, at: Timestamp) -> Result<ExitCode, HoldError> {
    let code = if error.kind() == io::ErrorKind::NotFound { 127 } else { 126 };
    let mut record = ExitRecord::new(HOLDER_VERSION, ExitStatus::Code { code: i32::from(code) }, at);
    record.error = Some(why_unstartable(spec, error));
    records::write_exit(&spec.directory, &record)?;
    Ok(ExitCode::from(code))
}

/// Says what the kernel's "no such file" is about: the program, its interpreter, or where it was to run.
fn why_unstartable(spec: &HoldSpec, error: &io::Error) -> String {
    let program = spec.argv.first().map_or("", String::as_str);
    if error.kind() != io::ErrorKind::NotFound || !spec.cwd.is_dir() {
        return format!("cannot start `{program}` in `{}`: {error}", spec.cwd);
    }
    if spec.cwd.join(program).is_file() && program.contains('/') {
        return format!("cannot start `{program}`: the interpreter that its first line names was not found");
    }
    let path = spec.env.get("PATH").map_or("not set", String::as_str);
    format!("the program `{program}` was not found (PATH of the session: {path})")
}

/// A program that is held.
struct Held<'a> {
    spec: &'a HoldSpec,
    now: &'a dyn Fn() -> Timestamp,
    terminal: Option<Terminal>,
    /// Until it has ended.
    running: Option<Pid>,
    _input: Option<File>,
}

impl Held<'_> {
    /// Waits for the program, then for what it left behind.
    fn wait(mut self, arrivals: &mut Arrivals) -> Result<ExitCode, HoldError> {
        let mut code = ExitCode::FAILURE;
        loop {
            for signal in arrivals.take() {
                match (signal, self.running) {
                    (SIGCHLD, running) => {
                        let reaped = reap(running);
                        if let Some(status) = reaped.program {
                            code = exit_code(status);
                            self.ended(status)?;
                        }
                        if reaped.childless {
                            return Ok(self.leave(code));
                        }
                    }
                    (SIGTERM | SIGHUP, Some(program)) => forward(program, signal),
                    // The program's exit is recorded; whoever wants the holder gone too may have it.
                    (SIGTERM | SIGHUP, None) => return Ok(self.leave(code)),
                    // A key pressed in the terminal reaches the program by itself.
                    _ => {}
                }
            }
            let waited = match &mut self.terminal {
                Some(terminal) => terminal.serve(arrivals, self.now),
                None => wait_for_signal(arrivals),
            };
            waited.map_err(|source| HoldError::Kernel { what: "wait for events", source })?;
        }
    }

    /// Writes down how the program ended. What it printed last is on the disk before.
    fn ended(&mut self, status: ExitStatus) -> Result<(), HoldError> {
        self.running = None;
        if let Some(terminal) = &mut self.terminal {
            terminal.take_last_words(self.now);
        }
        records::write_exit(&self.spec.directory, &ExitRecord::new(HOLDER_VERSION, status, (self.now)()))?;
        if let Some(terminal) = &mut self.terminal {
            terminal.tell_end(status);
        }
        Ok(())
    }

    fn leave(self, code: ExitCode) -> ExitCode {
        if let Some(terminal) = self.terminal {
            terminal.close(self.now);
        }
        code
    }
}

fn wait_for_signal(arrivals: &Arrivals) -> io::Result<()> {
    match poll(&mut [PollFd::new(arrivals, PollFlags::IN)], None) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

fn forward(pid: Pid, signal: i32) {
    let signal = if signal == SIGHUP { Signal::HUP } else { Signal::TERM };
    // It is our child and not reaped yet, so the pid is its own; it may have ended.
    let _ = rustix::process::kill_process(pid, signal);
}

/// What one round of reaping found.
pub(crate) struct Reaped {
    pub(crate) program: Option<ExitStatus>,
    pub(crate) childless: bool,
}

/// Reaps every child that has ended; orphans of the program are children too.
pub(crate) fn reap(program: Option<Pid>) -> Reaped {
    let mut reaped = Reaped { program: None, childless: false };
    loop {
        match rustix::process::wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) if Some(pid) == program => reaped.program = Some(exit_status(status)),
            Ok(Some(_)) | Err(rustix::io::Errno::INTR) => {}
            Ok(None) => return reaped,
            Err(_) => return Reaped { childless: true, ..reaped },
        }
    }
}

fn exit_status(status: WaitStatus) -> ExitStatus {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => ExitStatus::Code { code },
        (None, Some(signal)) => ExitStatus::Signal { signal },
        (None, None) => ExitStatus::Unknown,
    }
}

/// The program's own code, or 128 + the signal's number as shells have it.
fn exit_code(status: ExitStatus) -> ExitCode {
    let code = match status {
        ExitStatus::Code { code } => code,
        ExitStatus::Signal { signal } => 128 + signal,
        ExitStatus::Unknown => 1,
    };
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}
