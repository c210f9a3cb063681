//! Running the checks of a slot against a plugin.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use ao_core::Result;
use ao_core::slots::Slot;
use serde_json::Value;

use super::bench::{Bench, Noticed};
use super::check::{Check, Doors, Stop};
use super::sample::Samples;
use super::{Door, Outcome, Record, Report, Subject, clock};

/// How long a check may take, unless the author says otherwise.
const LIMIT: Duration = Duration::from_secs(30);

/// Says why a configuration's schema is not valid.
pub(super) type Validator = fn(&Value) -> Result<(), String>;

/// The checks of one slot, ready to run against one plugin.
#[derive(Clone)]
pub struct Kit {
    subject: Subject,
    config: Value,
    samples: Samples,
    limit: Duration,
    validator: Validator,
}

/// Learns what a run is doing, so that a process that dies of the plugin is known to have died of this check.
pub trait Progress {
    /// A check begins.
    fn begins(&mut self, check: &str, door: Door);

    /// It ended.
    fn ended(&mut self, record: &Record);
}

/// A run that nobody follows.
struct Unfollowed;

impl Progress for Unfollowed {
    fn begins(&mut self, _check: &str, _door: Door) {}

    fn ended(&mut self, _record: &Record) {}
}

impl Kit {
    /// The checks of the subject's slot, with instances of this configuration.
    #[must_use]
    pub fn new(subject: Subject, config: Value) -> Self {
        Self { subject, config, samples: Samples::default(), limit: LIMIT, validator: super::schema::check }
    }

    /// Gives a sample as it is written on a command line; one that the slot does not have is refused.
    pub fn sample(mut self, name: &str, text: &str) -> Result<Self> {
        self.samples.parse(self.subject.slot(), name, text)?;
        Ok(self)
    }

    /// Ends a check that takes longer than this. 30 s by itself.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Checks the configuration's schema with a validator of the whole standard, in place of the kit's own, which knows
    /// the keywords that derived schemas have.
    pub fn schema_validator(mut self, validator: Validator) -> Self {
        self.validator = validator;
        self
    }

    pub(super) fn put(&mut self, name: &str, value: impl Into<Value>) {
        self.samples.put(name, value);
    }

    /// The slot.
    #[must_use]
    pub fn slot(&self) -> Slot {
        self.subject.slot()
    }

    /// Every check and door that a run goes through, in order.
    #[must_use]
    pub fn plan(&self) -> Vec<(&'static str, Door)> {
        self.steps().map(|(check, door)| (check.id, door)).collect()
    }

    /// Runs every check.
    #[must_use]
    pub fn run(&self) -> Report {
        self.run_following(&BTreeSet::new(), &mut Unfollowed)
    }

    /// Runs every check and panics with a table of what failed.
    pub fn check(&self) {
        let report = self.run();
        assert!(report.is_kept(), "\n{report}\n");
    }

    /// Runs every check that was not done before, and tells how it goes.
    #[must_use]
    pub fn run_following(&self, done: &BTreeSet<(String, Door)>, progress: &mut dyn Progress) -> Report {
        let mut report = Report::new(self.subject.slot(), self.subject.name());
        for (check, door) in self.steps() {
            if done.contains(&(check.id.to_owned(), door)) {
                continue;
            }
            progress.begins(check.id, door);
            let record = self.step(check, door);
            progress.ended(&record);
            report.checks.push(record);
        }
        report
    }

    /// The record of a check that could not be run to its end, as when the process that ran it died.
    #[must_use]
    pub fn interrupted(&self, check: &str, door: Door, came: impl Into<String>) -> Record {
        let (demands, remedy) = self.steps().find(|(known, _)| known.id == check).map_or(("", ""), |(known, _)| {
            (known.demands, "find what ends or blocks the process: a plugin never exits, aborts or loops for ever")
        });
        let expected = "the check runs to its end".to_owned();
        let outcome = Outcome::Failed { expected, came: came.into(), remedy: remedy.to_owned() };
        Record::new(check, door, demands, outcome, 0)
    }

    fn steps(&self) -> impl Iterator<Item = (&'static Check, Door)> {
        let doors = self.subject.doors();
        super::all_checks(self.subject.slot()).flat_map(move |check| {
            let count = if check.doors == Doors::Every { doors.len() } else { 1 };
            doors[..count].iter().map(move |door| (check, *door))
        })
    }

    fn step(&self, check: &'static Check, door: Door) -> Record {
        let began = clock::now();
        let outcome = match tempfile::Builder::new().prefix("ao-kit-").tempdir() {
            Ok(scratch) => self.outcome(check, door, scratch),
            Err(error) => Outcome::Skipped { why: format!("the kit cannot make a scratch directory: {error}") },
        };
        let millis = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Record::new(check.id, door, check.demands, outcome, millis)
    }

    /// Runs a check on threads of its own, so that a plugin that never gives its thread back costs only those.
    fn outcome(&self, check: &'static Check, door: Door, scratch: tempfile::TempDir) -> Outcome {
        let failed =
            |expected: String, came: String| Outcome::Failed { expected, came, remedy: check.remedy.to_owned() };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("conformance")
            .enable_all()
            .build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => return Outcome::Skipped { why: format!("the kit cannot start its threads: {error}") },
        };
        let noticed = Noticed::default();
        let bench = Bench {
            subject: self.subject.clone(),
            door,
            config: self.config.clone(),
            samples: self.samples.clone(),
            // A call that never ends is reported as such, before the check is.
            limit: self.limit * 9 / 10,
            validator: self.validator,
            scratch: Arc::new(scratch),
            noticed: noticed.clone(),
        };
        let (tell, told) = mpsc::channel();
        let run = check.run;
        let task = runtime.spawn(async move { run(bench).await });
        runtime.spawn(async move {
            // Nobody listens any more once the time is over.
            let _ = tell.send(task.await);
        });
        let verdict = told.recv_timeout(self.limit);
        runtime.shutdown_background();
        let outcome = match verdict {
            Ok(Ok(Ok(()))) => Outcome::Passed,
            Ok(Ok(Err(Stop::Failed { expected, came }))) => failed(expected, came),
            Ok(Ok(Err(Stop::Skipped(why)))) => Outcome::Skipped { why },
            Ok(Err(error)) => failed("no panic".to_owned(), error.to_string()),
            Err(_) => {
                let limit = format!("the check ends within {} s", self.limit.as_secs_f32());
                failed(limit, "it did not: a call blocks its thread or never ends".to_owned())
            }
        };
        match (noticed.take(), outcome) {
            (Some(noticed), Outcome::Passed | Outcome::Skipped { .. }) => {
                failed("no panic, no garbage, and errors with a code of the table and a message".to_owned(), noticed)
            }
            (Some(noticed), Outcome::Failed { expected, came, .. }) => failed(expected, format!("{came}\n{noticed}")),
            (None, outcome) => outcome,
        }
    }
}

impl fmt::Debug for Kit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kit({:?})", self.subject)
    }
}
