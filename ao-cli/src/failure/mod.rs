//! Why a command ended without success: a report on stderr and an exit code.

mod excerpt;
mod report;

use std::process::ExitCode;

use ao_core::Error;
use ao_core::config::Diagnostics;
use ao_host::setup::SetupError;

use crate::output;

/// How a command ends: with an exit code of its own choice, or with a failure that is still to be told.
pub(crate) type Outcome = Result<ExitCode, Failure>;

/// An exit code, for the reference.
pub(crate) struct Exit {
    /// The number.
    pub(crate) code: u8,
    /// When it is used.
    pub(crate) about: &'static str,
}

/// Everything that `ao` exits with, but for what it hands on from an agent that it holds.
pub(crate) const EXITS: &[Exit] = &[
    Exit { code: 0, about: "done" },
    Exit { code: 1, about: "failed" },
    Exit { code: 2, about: "the command line or a name in it is wrong" },
    Exit { code: 75, about: "cannot be done now; the same command may succeed later" },
    Exit { code: CONFIGURATION, about: "the configuration is wrong, not trusted, or lacks a credential" },
];

/// The exit code of everything that has to be put right in a file (`EX_CONFIG` of `sysexits.h`).
const CONFIGURATION: u8 = 78;

/// Why a command ended without success.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Something failed.
    Error(Error),
    /// The configuration says something wrong.
    Config(Diagnostics),
    /// Whoever read our output has closed it, and needs no message.
    ReaderGone,
}

impl Failure {
    /// What went wrong, in one line.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Error(error) => error.to_string(),
            Self::Config(problems) => Error::from(problems.clone()).to_string(),
            Self::ReaderGone => "whoever read the output has closed it".to_owned(),
        }
    }

    /// Tells it on stderr, and says what to exit with.
    pub(crate) fn report(&self) -> ExitCode {
        match self {
            Self::Error(error) => output::note(report::error(error).trim_end()),
            Self::Config(problems) => diagnostics(problems),
            Self::ReaderGone => {}
        }
        self.exit_code().into()
    }

    /// What to exit with.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Error(error) => error.code.exit_code(),
            Self::Config(_) => CONFIGURATION,
            Self::ReaderGone => 0,
        }
    }
}

/// What to exit with when the configuration is at fault.
pub(crate) fn configuration() -> ExitCode {
    ExitCode::from(CONFIGURATION)
}

/// Tells every problem of a configuration on stderr, each with the text that caused it.
pub(crate) fn diagnostics(problems: &Diagnostics) {
    let reports: Vec<_> = problems.iter().map(report::diagnostic).collect();
    if !reports.is_empty() {
        output::note(reports.join("\n").trim_end());
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<Diagnostics> for Failure {
    fn from(problems: Diagnostics) -> Self {
        Self::Config(problems)
    }
}

impl From<SetupError> for Failure {
    fn from(error: SetupError) -> Self {
        match error {
            SetupError::Config(problems) => problems.into(),
            SetupError::Other(error) => error.into(),
        }
    }
}
