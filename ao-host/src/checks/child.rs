//! `ao __check`: the small process that runs the commands of one run.

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use ao_core::model::process::{HOLDER_VERSION, HolderRecord};
use ao_core::model::{CheckName, CheckResult, Timestamp};
use ao_core::slots::scm::CheckState;
use camino::{Utf8Path, Utf8PathBuf};
use rustix::process::{Resource, Rlimit, setpriority_process, setrlimit};
use thiserror::Error;

use super::cache;
use super::command::{self, Outcome, Then};
use super::place::{ENDED_FILE, log_file, result_file};
use super::spec::{CHECK_VERSION, Ended, Found, Spec};
use crate::holder::signals::Arrivals;
use crate::holder::{HoldError, records};
use crate::world::files;

/// How far the commands stand behind everybody else (nice(1)). At 19 a busy machine would hardly run them at all, and they
/// would all reach their time limits.
const NICENESS: i32 = 10;

/// Why checks could not be run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CheckError {
    /// The file that says what to run.
    #[error("cannot read what to check from `{path}`")]
    Spec {
        /// The file.
        path: Utf8PathBuf,
        /// What is wrong with it.
        source: io::Error,
    },
    /// It was written by a newer `ao` than this.
    #[error("`{path}` is of version {version}, and this `ao` knows up to version {CHECK_VERSION}")]
    Version {
        /// The file.
        path: Utf8PathBuf,
        /// Its version.
        version: u32,
    },
    /// Somebody else runs them, or it cannot be written down who does.
    #[error(transparent)]
    Claim(#[from] HoldError),
    /// Anything else.
    #[error("cannot {what}")]
    Io {
        /// What.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
}

fn failed(what: &'static str) -> impl Fn(io::Error) -> CheckError {
    move |source| CheckError::Io { what, source }
}

/// Runs the checks that `spec_file` names, one after the other, and writes down what each found. `now` is the wall clock of
/// what is written.
///
/// The file goes once it is read: it holds the commands' environment. A check that fails is no error of this function.
pub fn check(spec_file: &Utf8Path, now: &dyn Fn() -> Timestamp) -> Result<ExitCode, CheckError> {
    let spec = read(spec_file)?;
    // It is private all the same; one that cannot be removed stays.
    let _ = std::fs::remove_file(spec_file);
    let mut arrivals = Arrivals::new().map_err(failed("handle signals"))?;
    // Away from the caller's terminal; refused to one that leads a group, which then was moved away already.
    let _ = rustix::process::setsid();
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
        .map_err(|errno| failed("become a subreaper")(errno.into()))?;
    restrain(&spec);
    let own = records::identify(std::process::id())?;
    records::claim(&spec.directory, &HolderRecord::new(HOLDER_VERSION, own, now()))?;
    let mut run = Run { spec: &spec, now, arrivals: &mut arrivals, is_clean: true };
    let then = run.all().map_err(failed("run the checks"))?;
    let ended = Ended { at: now(), cancelled: then == Then::Cancelled };
    write(&spec.directory.join(ENDED_FILE), &ended).map_err(failed("write down the end"))?;
    Ok(ExitCode::SUCCESS)
}

fn read(path: &Utf8Path) -> Result<Spec, CheckError> {
    let refuse = |source| CheckError::Spec { path: path.to_owned(), source };
    let text = fs_err::read(path).map_err(refuse)?;
    let spec: Spec = serde_json::from_slice(&text).map_err(|error| refuse(error.into()))?;
    if spec.version > CHECK_VERSION {
        return Err(CheckError::Version { path: path.to_owned(), version: spec.version });
    }
    Ok(spec)
}

/// Takes second place, and bounds single files, which a measurement now and then would see too late. Where the system does
/// not let us, the rest still holds.
fn restrain(spec: &Spec) {
    let _ = setpriority_process(None, NICENESS);
    let most = Some(spec.max_disk.max(spec.max_log.saturating_add(1 << 20)));
    let _ = setrlimit(Resource::Fsize, Rlimit { current: most, maximum: most });
}

fn write(path: &Utf8Path, record: &impl serde::Serialize) -> io::Result<()> {
    files::write_atomic(path, &serde_json::to_vec(record)?, files::PRIVATE_FILE)
}

/// Says on stderr, which is a file beside the logs, that the cache is of no use.
fn complain<T: Default>(what: &str, error: &io::Error) -> T {
    tracing::warn!("cannot {what} what is kept between runs: {error}");
    T::default()
}

struct Run<'a> {
    spec: &'a Spec,
    now: &'a dyn Fn() -> Timestamp,
    arrivals: &'a mut Arrivals,
    /// Whether every command so far ended by itself.
    is_clean: bool,
}

impl Run<'_> {
    fn all(&mut self) -> io::Result<Then> {
        // Before any command may change the files that are its key.
        let entry = cache::entry(self.spec);
        // Without what was kept it takes longer, and that is all.
        let brought = cache::bring(self.spec, entry.as_deref()).unwrap_or_else(|error| complain("bring", &error));
        let then = self.commands(&brought)?;
        if then != Then::Cancelled && self.is_clean {
            cache::keep(self.spec, entry.as_deref()).unwrap_or_else(|error| complain("keep", &error));
        }
        Ok(then)
    }

    fn commands(&mut self, reused: &[Utf8PathBuf]) -> io::Result<Then> {
        let spec = self.spec;
        for (index, step) in spec.setup.iter().enumerate() {
            let log = log_file(&spec.directory, &format!("setup-{}", index + 1));
            let began = (self.now)();
            let outcome = self.step(step, &log)?;
            if outcome.then == Then::Cancelled {
                return Ok(Then::Cancelled);
            }
            let Some(why) = &outcome.why else { continue };
            let why = format!("its setup failed: `{}` {why}", step.argv.join(" "));
            for (name, _) in &spec.checks {
                let mut result = self.result(name, began, &outcome, &log, reused);
                (result.why, result.exit) = (Some(why.clone()), outcome.exit);
                self.tell(result)?;
            }
            return Ok(Then::GoOn);
        }
        for (name, step) in &spec.checks {
            let (log, began) = (log_file(&spec.directory, &format!("check-{name}")), (self.now)());
            let outcome = self.step(step, &log)?;
            if outcome.then == Then::Cancelled {
                return Ok(Then::Cancelled);
            }
            self.tell(self.result(name, began, &outcome, &log, reused))?;
        }
        Ok(Then::GoOn)
    }

    fn tell(&self, result: CheckResult) -> io::Result<()> {
        let file = result_file(&self.spec.directory, &result.name);
        write(&file, &Found { nonce: self.spec.nonce.clone(), result })
    }

    fn step(&mut self, step: &super::spec::Step, log: &Utf8Path) -> io::Result<Outcome> {
        let outcome = command::run(self.spec, step, log, self.arrivals)?;
        self.is_clean &= outcome.then == Then::GoOn;
        Ok(outcome)
    }

    fn result(
        &self,
        name: &CheckName,
        began: Timestamp,
        outcome: &Outcome,
        log: &Utf8Path,
        reused: &[Utf8PathBuf],
    ) -> CheckResult {
        let state = if outcome.why.is_none() { CheckState::Passed } else { CheckState::Failed };
        let mut result = CheckResult::new(name.clone(), state, began, (self.now)());
        result.attempt = self.spec.attempt;
        (result.exit, result.why) = (outcome.exit, outcome.why.clone());
        result.elapsed_ms = millis(outcome.elapsed);
        (result.log, result.dropped) = (Some(log.to_owned()), outcome.dropped);
        result.reused = reused.to_vec();
        result
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
