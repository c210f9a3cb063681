//! Runs other programs: the one module here that starts processes.

#![expect(clippy::disallowed_methods, reason = "the module that starts processes for all the others")]

use std::ffi::OsString;
use std::fmt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::environment;

/// Why a step did not do its work: a fragment that says what failed and what to do next.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Failure {
    /// Makes a failure of its text.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A program with its arguments, run at the root of the workspace and without anything to read on its stdin.
#[derive(Debug)]
pub(crate) struct Program {
    name: OsString,
    arguments: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
    surroundings: Surroundings,
}

/// What a program sees of the environment of this task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Surroundings {
    /// All of it.
    Ours,
    /// `PATH` alone.
    Nothing,
}

impl Program {
    /// Describes a program found in `PATH`.
    pub(crate) fn new(name: impl Into<OsString>) -> Self {
        Self { name: name.into(), arguments: Vec::new(), variables: Vec::new(), surroundings: Surroundings::Ours }
    }

    /// Describes the cargo that runs this task.
    pub(crate) fn cargo() -> Self {
        Self::new(environment::cargo())
    }

    /// Adds arguments.
    pub(crate) fn args<T: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = T>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Adds an environment variable.
    pub(crate) fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// Hides the environment, and so the user's settings, from it; `home` is its own.
    pub(crate) fn alone(mut self, home: &Path) -> Self {
        self.surroundings = Surroundings::Nothing;
        self.env("HOME", home)
    }

    /// Runs it with its output shown as it comes.
    pub(crate) fn run(&self) -> Result<(), Failure> {
        anstream::eprintln!("\x1b[1m$ {self}\x1b[0m");
        let status = self.command().status().map_err(|error| self.not_started(&error))?;
        if status.success() { Ok(()) } else { Err(Failure::new(format!("`{self}` ended with {status}"))) }
    }

    /// Runs it and returns what it wrote to stdout; stderr is shown.
    pub(crate) fn capture(&self) -> Result<String, Failure> {
        let output = self.command().stderr(Stdio::inherit()).output().map_err(|error| self.not_started(&error))?;
        if !output.status.success() {
            return Err(Failure::new(format!("`{self}` ended with {}", output.status)));
        }
        String::from_utf8(output.stdout)
            .map_err(|_| Failure::new(format!("`{self}` wrote something that is not UTF-8")))
    }

    /// Runs it quietly and returns its stdout, or nothing when it is absent or fails: for asking what is installed.
    pub(crate) fn probe(&self) -> Option<String> {
        let output = self.command().stderr(Stdio::null()).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.name);
        command.args(&self.arguments).current_dir(environment::root()).stdin(Stdio::null());
        match self.surroundings {
            Surroundings::Ours => {
                for name in environment::package_variables() {
                    command.env_remove(name);
                }
            }
            Surroundings::Nothing => {
                command.env_clear().envs(environment::path().map(|path| ("PATH", path)));
            }
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    fn not_started(&self, error: &std::io::Error) -> Failure {
        Failure::new(format!("`{}` could not be started: {error}", self.name.display()))
    }
}

impl fmt::Display for Program {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (variable, value) in &self.variables {
            write!(formatter, "{}={} ", variable.display(), value.display())?;
        }
        let name = Path::new(&self.name).file_name().unwrap_or(&self.name);
        write!(formatter, "{}", name.display())?;
        self.arguments.iter().try_for_each(|argument| write!(formatter, " {}", argument.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_absent_says_its_name() {
        let failure = Program::new("ao-no-such-program").run().unwrap_err();
        assert!(failure.to_string().starts_with("`ao-no-such-program` could not be started"), "{failure}");
        assert_eq!(Program::new("ao-no-such-program").probe(), None);
    }

    #[test]
    fn a_program_that_fails_is_a_failure_and_not_an_answer() {
        let program = Program::new("git").args(["no-such-subcommand-of-git"]);
        assert_eq!(program.probe(), None);
        assert!(program.capture().unwrap_err().to_string().contains("ended with"));
    }

    #[test]
    fn a_step_reads_nothing_and_shows_as_it_would_be_typed() {
        assert_eq!(Program::new("cat").probe().as_deref(), Some(""));
        let program = Program::new("/usr/bin/env").args(["a", "b"]).env("KEY", "value");
        assert_eq!(program.to_string(), "KEY=value env a b");
    }
}
