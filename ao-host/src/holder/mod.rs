//! `ao __hold`: the small process above every agent, which writes down who runs and how it ended.
//!
//! It lives as long as its program does, and longer while orphans of the program are left: as their subreaper it is
//! the root from which a session's whole tree is found. It knows nothing of the host, has one thread, and speaks to the
//! world in three files, so that any later host can read what an older holder writes; and at a socket, where the program's
//! terminal is its own.

pub(crate) mod records;
pub(crate) mod run;
pub(crate) mod signals;
mod terminal;

use std::io;
use std::process::ExitCode;

use ao_core::model::Timestamp;
use ao_core::model::process::HOLDER_VERSION;
use camino::{Utf8Path, Utf8PathBuf};
use thiserror::Error;

/// Why nothing could be held, or not be written down.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HoldError {
    /// The file that says what to run.
    #[error("cannot read what to hold from `{path}`")]
    Spec {
        /// The file.
        path: Utf8PathBuf,
        /// What is wrong with it.
        source: io::Error,
    },
    /// It was written by a newer `ao` than this.
    #[error("`{path}` is of version {version}, and this `ao` holds up to version {HOLDER_VERSION}: use the newer `ao`")]
    Version {
        /// The file.
        path: Utf8PathBuf,
        /// Its version.
        version: u32,
    },
    /// Two holders of one directory would overwrite each other's records.
    #[error("`{directory}` has a holder already")]
    AlreadyHeld {
        /// The session's directory.
        directory: Utf8PathBuf,
    },
    /// A record.
    #[error("cannot write `{path}`")]
    Record {
        /// The file.
        path: Utf8PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The kernel refused what a holder is made of: signal handlers, a subreaper, an identity.
    #[error("cannot {what}")]
    Kernel {
        /// What it refused.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
}

/// Runs the program that `spec_file` names, until it and what it left behind have ended, and returns its exit code.
///
/// A program that cannot be started is not an error of this function: the exit record says so, and the code is the
/// shell's (127 not found, 126 not executable). `now` is the wall clock of the records. The file goes once it is read:
/// it holds the program's environment, which nobody needs any more.
pub fn hold(spec_file: &Utf8Path, now: &dyn Fn() -> Timestamp) -> Result<ExitCode, HoldError> {
    let spec = records::read_spec(spec_file)?;
    // It is private all the same; one that cannot be removed stays.
    let _ = std::fs::remove_file(spec_file);
    run::hold(&spec, now)
}
