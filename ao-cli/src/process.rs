//! The programs that a command starts itself: git, and this program again to look at a library that may crash.

#![expect(clippy::disallowed_methods, reason = "the one module that starts programs sets group, limit and environment")]

use std::collections::BTreeMap;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use ao_core::{Code, Error};
use camino::{Utf8Path, Utf8PathBuf};
use tokio::process::Command;

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

    async fn wait(&self, mut command: Command) -> Result<Ended, Error> {
        let name = &self.path;
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => Error::not_found(format!("cannot start `{name}`: there is no such program")),
            _ => Error::wrap(Code::OTHER, format!("cannot start `{name}`"), &error),
        };
        let child = command.spawn().map_err(failed)?;
        let group = child.id().and_then(|pid| rustix::process::Pid::from_raw(pid.cast_signed()));
        let mut end = pin!(child.wait_with_output());
        let Ok(output) = tokio::time::timeout(self.limit, &mut end).await else {
            // Nobody has waited for the program yet, so its pid is still its own.
            let _ = group.map(|group| rustix::process::kill_process_group(group, rustix::process::Signal::KILL));
            return Err(Error::new(Code::TIMEOUT, format!("`{name}` did not end within {} s", self.limit.as_secs())));
        };
        let output = output.map_err(failed)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(Ended { status: output.status, stdout: text(&output.stdout), stderr: text(&output.stderr) })
    }
}
