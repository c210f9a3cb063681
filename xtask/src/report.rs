//! The summary at the end of a task: its stages, how each ended, and the minutes it took.

#![expect(clippy::disallowed_methods, reason = "stages are timed here and nowhere else")]

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::process::Failure;

/// How a stage ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It did its work.
    Passed,
    /// It was not, or not wholly, done; with the reason.
    Skipped(String),
    /// It found a fault; with what it is.
    Failed(String),
}

impl From<Result<(), Failure>> for Outcome {
    fn from(result: Result<(), Failure>) -> Self {
        match result {
            Ok(()) => Self::Passed,
            Err(failure) => Self::Failed(failure.to_string()),
        }
    }
}

#[derive(Debug)]
struct Stage {
    name: &'static str,
    outcome: Outcome,
    took: Duration,
}

/// Whether a task may go on after a stage that others build upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// The stage did not fail.
    Go,
    /// The stage failed: what follows would only repeat its error.
    Stop,
}

/// What a task did so far.
#[derive(Debug, Default)]
pub(crate) struct Report {
    stages: Vec<Stage>,
}

impl Report {
    /// Runs one stage, shows its name, and keeps its outcome and time.
    pub(crate) fn stage<T: Into<Outcome>>(&mut self, name: &'static str, work: impl FnOnce() -> T) -> Next {
        anstream::eprintln!("\x1b[1;36m== {name} ==\x1b[0m");
        let start = Instant::now();
        let outcome = work().into();
        let took = start.elapsed();
        match &outcome {
            Outcome::Passed => {}
            Outcome::Skipped(why) => anstream::eprintln!("\x1b[33mSKIPPED\x1b[0m {name}: {why}"),
            Outcome::Failed(why) => anstream::eprintln!("\x1b[31mFAILED\x1b[0m {name}: {why}"),
        }
        let next = if matches!(outcome, Outcome::Failed(_)) { Next::Stop } else { Next::Go };
        self.stages.push(Stage { name, outcome, took });
        next
    }

    /// Says whether any stage failed.
    pub(crate) fn failed(&self) -> bool {
        self.stages.iter().any(|stage| matches!(stage.outcome, Outcome::Failed(_)))
    }

    /// Returns the summary: a line a stage, then the totals.
    pub(crate) fn summary(&self) -> String {
        let (mut passed, mut failed, mut skipped, mut total) = (0, 0, 0, Duration::ZERO);
        let mut text = String::from("\n\x1b[1msummary\x1b[0m\n");
        for Stage { name, outcome, took } in &self.stages {
            total += *took;
            let (word, why) = match outcome {
                Outcome::Passed => {
                    passed += 1;
                    ("\x1b[32mpassed \x1b[0m", "")
                }
                Outcome::Skipped(why) => {
                    skipped += 1;
                    ("\x1b[33mSKIPPED\x1b[0m", why.as_str())
                }
                Outcome::Failed(why) => {
                    failed += 1;
                    ("\x1b[31mFAILED \x1b[0m", why.as_str())
                }
            };
            let line = format!("  {word} {:>6.2} min  {name:<12} {why}", minutes(*took));
            writeln!(text, "{}", line.trim_end()).expect("writing to a string cannot fail");
        }
        let total = minutes(total);
        write!(text, "stages: {passed} passed, {failed} failed, {skipped} skipped in {total:.2} min")
            .expect("writing to a string cannot fail");
        text
    }
}

fn minutes(took: Duration) -> f64 {
    took.as_secs_f64() / 60.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(stages: impl IntoIterator<Item = (&'static str, Outcome, u64)>) -> Report {
        let stage = |(name, outcome, seconds)| Stage { name, outcome, took: Duration::from_secs(seconds) };
        Report { stages: stages.into_iter().map(stage).collect() }
    }

    #[test]
    fn the_summary_counts_stages_and_minutes() {
        let report = report([
            ("format", Outcome::Passed, 3),
            ("cargo-deny", Outcome::Skipped("not installed".into()), 0),
            ("clippy", Outcome::Failed("two warnings".into()), 87),
        ]);
        let summary = report.summary();
        assert!(summary.contains("  0.05 min  format\n"), "{summary}");
        assert!(summary.contains("  0.00 min  cargo-deny   not installed\n"), "{summary}");
        assert!(summary.contains("  1.45 min  clippy       two warnings\n"), "{summary}");
        assert!(summary.ends_with("stages: 1 passed, 1 failed, 1 skipped in 1.50 min"), "{summary}");
        assert!(report.failed());
    }

    #[test]
    fn only_a_failure_stops_what_builds_upon_a_stage() {
        let mut report = Report::default();
        assert_eq!(report.stage("one", || Ok(())), Next::Go);
        assert_eq!(report.stage("two", || Outcome::Skipped("why".into())), Next::Go);
        assert!(!report.failed());
        assert_eq!(report.stage("three", || Err(Failure::new("broken"))), Next::Stop);
        assert!(report.failed());
    }
}
