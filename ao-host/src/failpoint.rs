//! Named places at which a test makes the program fail or die, to see what is left. Empty unless a test fills them.

use std::collections::BTreeMap;

use ao_core::{Error, Result};

/// What happens at a failpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The step fails.
    Error,
    /// The process is killed, as by `kill -9`.
    Kill,
    /// What runs never comes back from the step, and the process goes on: a crash for hosts that share a process with others.
    Unwind,
}

/// What a step unwinds with that is made to.
#[derive(Debug)]
pub struct Unwound;

/// The failpoints that are set.
#[derive(Clone, Debug, Default)]
pub struct Failpoints(BTreeMap<String, Failure>);

impl Failpoints {
    /// None: what everybody has outside of tests.
    #[must_use]
    pub const fn none() -> &'static Self {
        const NONE: &Failpoints = &Failpoints(BTreeMap::new());
        NONE
    }

    /// Reads `label=error`, `label=kill` or `label=unwind`, separated by commas.
    pub fn parse(text: &str) -> Result<Self> {
        let set = text.split(',').filter(|item| !item.is_empty()).map(|item| match item.split_once('=') {
            Some((label, "error")) => Ok((label.to_owned(), Failure::Error)),
            Some((label, "kill")) => Ok((label.to_owned(), Failure::Kill)),
            Some((label, "unwind")) => Ok((label.to_owned(), Failure::Unwind)),
            _ => Err(Error::invalid_input(format!(
                "`{item}` is no failpoint; write `label=error`, `label=kill` or `label=unwind`"
            ))),
        });
        set.collect::<Result<_>>().map(Self)
    }

    /// Passes a failpoint, or fails at it.
    pub fn pass(&self, label: &str) -> Result<()> {
        match self.0.get(label) {
            None => Ok(()),
            Some(Failure::Error) => Err(Error::other(format!("the failpoint `{label}` is set"))),
            // No hook of panics hears of it.
            Some(Failure::Unwind) => std::panic::resume_unwind(Box::new(Unwound)),
            Some(Failure::Kill) => {
                let own = rustix::process::getpid();
                let _ = rustix::process::kill_process(own, rustix::process::Signal::KILL);
                Err(Error::other(format!("the failpoint `{label}` did not end the process")))
            }
        }
    }
}
