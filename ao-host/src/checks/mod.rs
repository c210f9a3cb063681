//! Checks of pull requests that the host runs itself.
//!
//! A *run* is some checks of a project at one commit. Everything of it stands in one directory, with a part for each
//! attempt. The host makes a clean copy of the commit, writes down what to run ([`Spec`]) and starts
//! `ao __check` ([`check`]), which runs the commands one after the other, writes what each found into the attempt's
//! directory, whole or not at all, and ends everything that a command has left behind. The host reads these files
//! and writes them into its store, which alone counts.
//!
//! Like an agent's holder, the process belongs to no host: it goes on when its host ends, and the next one finds it by
//! what it wrote down of itself. One that ended without a result is started again, at most twice.
//!
//! The commands come from the configuration in force, never from the commit. They see a home and a directory for
//! temporary files of their own, `PATH`, the language, what the configuration says, `CI=true` and `AO_CHECK=1`. Without a
//! sandbox that keeps accidents apart, and no attacker: they run as the same user.

mod cache;
mod child;
mod command;
mod place;
pub(crate) mod retire;
mod spec;
pub(crate) mod start;

pub use child::{CheckError, check};
pub use spec::{CHECK_VERSION, Spec};

use ao_core::config::Checks;
use ao_core::lifecycle::{CheckPlan, shown_checks};
use ao_core::model::{CheckName, CheckRun};
use ao_core::slots::scm::Check;
use camino::{Utf8Path, Utf8PathBuf};

use crate::hash::sha256;
use crate::store::Reader;
use crate::world::Places;

/// The hidden command that runs checks: `ao __check <spec file>`.
pub const CHECK_COMMAND: &str = "__check";

/// What checks are told apart by, and which of them a merge needs.
#[must_use]
pub fn plan(checks: &Checks) -> CheckPlan {
    let required = checks.commands.iter().map(|(name, command)| (name.clone(), command.required));
    CheckPlan { definition: sha256(checks.canonical().as_bytes()), required: required.collect() }
}

/// How the checks of the project in this directory stand at a commit, by what the store has of them.
pub fn gate(reader: &dyn Reader, directory: &Utf8Path, commit: &str, checks: &Checks) -> ao_core::Result<Vec<Check>> {
    Ok(shown_checks(&plan(checks), &reader.check_runs_of(directory, commit)?))
}

/// Where the output of a run's check is, or will be; none where it never ran.
#[must_use]
pub fn log_of(places: &Places, run: &CheckRun, name: &CheckName) -> Option<Utf8PathBuf> {
    match run.result(name) {
        Some(result) => result.log.clone(),
        None => Some(place::log_file(&place::Place::of(places, run).directory, &format!("check-{name}"))),
    }
}

/// How many commits are checked at once when nothing is said: half as many as there are processors, and at least 1.
#[must_use]
pub fn default_limit() -> usize {
    std::thread::available_parallelism().map_or(1, |processors| (processors.get() / 2).max(1))
}
