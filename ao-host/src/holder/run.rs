//! The holder's life: claim, launch, wait, record.

use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};

use ao_core::model::Timestamp;
use ao_core::model::process::{ExitRecord, ExitStatus, HOLDER_VERSION, HoldSpec, HoldStdio, HolderRecord};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus};
use signal_hook::consts::{
    SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU, SIGUSR1, SIGUSR2, SIGXFSZ,
};
use signal_hook::iterator::Signals;

use super::{HoldError, records};

/// The signals that the holder takes itself.
///
/// They are *handled*, never ignored: exec resets a handler to the default, so that the program starts with default
/// dispositions even when the caller ignored some of them, as `nohup`, background jobs, tmux and Python do.
const HANDLED: [i32; 11] =
    [SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU, SIGXFSZ, SIGUSR1, SIGUSR2];

pub(super) fn hold(spec: &HoldSpec, now: &dyn Fn() -> Timestamp) -> Result<ExitCode, HoldError> {
    let kernel = |what| move |source| HoldError::Kernel { what, source };
    let mut signals = Signals::new(HANDLED).map_err(kernel("handle signals"))?;
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
    wait(spec, &mut signals, launched, now)
}

/// The program, running.
struct Launched {
    pid: Pid,
    /// Keeps a writer on the program's input, so that it never reads an end of file.
    _input: Option<File>,
}

#[expect(clippy::disallowed_methods, reason = "the holder is what starts the agent; its spec carries the environment")]
fn launch(spec: &HoldSpec) -> io::Result<Launched> {
    let (program, arguments) = spec.argv.split_first().ok_or_else(|| io::Error::other("`argv` is empty"))?;
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
        HoldStdio::Unknown => {
            return Err(io::Error::other("its standard streams are of a kind that a newer `ao` knows"));
        }
    }
    let child = command.spawn()?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or_else(|| io::Error::other("pid 0"))?;
    Ok(Launched { pid, _input: held })
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

/// Waits for the program, then for what it left behind.
fn wait(
    spec: &HoldSpec,
    signals: &mut Signals,
    launched: Launched,
    now: &dyn Fn() -> Timestamp,
) -> Result<ExitCode, HoldError> {
    let mut running = Some(launched);
    let mut code = ExitCode::FAILURE;
    for signal in signals.forever() {
        match (signal, &running) {
            (SIGCHLD, _) => {
                let reaped = reap(running.as_ref().map(|launched| launched.pid));
                if let Some(status) = reaped.program {
                    running = None;
                    code = exit_code(status);
                    records::write_exit(&spec.directory, &ExitRecord::new(HOLDER_VERSION, status, now()))?;
                }
                if reaped.childless {
                    return Ok(code);
                }
            }
            (SIGTERM | SIGHUP, Some(launched)) => forward(launched.pid, signal),
            // The program's exit is recorded; whoever wants the holder gone too may have it.
            (SIGTERM | SIGHUP, None) => return Ok(code),
            // A key pressed in the terminal reaches the program by itself.
            _ => {}
        }
    }
    Ok(code)
}

fn forward(pid: Pid, signal: i32) {
    let signal = if signal == SIGHUP { Signal::HUP } else { Signal::TERM };
    // It is our child and not reaped yet, so the pid is its own; it may have ended.
    let _ = rustix::process::kill_process(pid, signal);
}

/// What one round of reaping found.
struct Reaped {
    program: Option<ExitStatus>,
    childless: bool,
}

/// Reaps every child that has ended; orphans of the program are children too.
fn reap(program: Option<Pid>) -> Reaped {
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
