//! What the kit found: a record for each check and door, as a table, as JSON, and for readers of `JUnit` files.

use std::fmt::{self, Write};

use ao_core::slots::Slot;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Door;

/// What the kit found of one plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Report {
    /// The slot whose contract was checked.
    pub slot: Slot,
    /// The plugin.
    pub plugin: String,
    /// The checks, in the order in which they ran.
    pub checks: Vec<Record>,
}

/// What one check found by one door.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Record {
    /// Names the check, such as `tracker.get.missing_is_not_found`.
    pub check: String,
    /// How the plugin was reached.
    pub door: Door,
    /// What the contract demands, in one sentence.
    pub demands: String,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took, in milliseconds.
    pub millis: u64,
}

/// How a check ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// The plugin keeps this part of the contract.
    Passed,
    /// It does not.
    Failed {
        /// What was expected.
        expected: String,
        /// What came instead.
        came: String,
        /// What to do about it.
        remedy: String,
    },
    /// It could not be told.
    Skipped {
        /// Why, and how to enable the check where that is possible.
        why: String,
    },
}

impl Report {
    /// A report without checks.
    #[must_use]
    pub fn new(slot: Slot, plugin: impl Into<String>) -> Self {
        Self { slot, plugin: plugin.into(), checks: Vec::new() }
    }

    /// Whether nothing failed.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.failed().next().is_none()
    }

    /// The checks that passed.
    pub fn passed(&self) -> impl Iterator<Item = &Record> {
        self.checks.iter().filter(|record| record.outcome == Outcome::Passed)
    }

    /// The checks that failed.
    pub fn failed(&self) -> impl Iterator<Item = &Record> {
        self.checks.iter().filter(|record| matches!(record.outcome, Outcome::Failed { .. }))
    }

    /// The checks that were skipped.
    pub fn skipped(&self) -> impl Iterator<Item = &Record> {
        self.checks.iter().filter(|record| matches!(record.outcome, Outcome::Skipped { .. }))
    }

    /// The verdict in one line.
    #[must_use]
    pub fn verdict(&self) -> String {
        let (passed, failed, skipped) = (self.passed().count(), self.failed().count(), self.skipped().count());
        let verdict = if failed == 0 { "keeps" } else { "breaks" };
        let plugin = format!("the {} plugin `{}`", self.slot, self.plugin);
        format!("{plugin} {verdict} the contract: {passed} passed, {failed} failed, {skipped} skipped")
    }

    /// The report as JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a report is text, numbers and lists")
    }

    /// The report as a `JUnit` file, which most CI systems read.
    #[must_use]
    pub fn to_junit(&self) -> String {
        super::junit::write(std::slice::from_ref(self))
    }
}

impl Record {
    pub(super) fn new(check: &str, door: Door, demands: &str, outcome: Outcome, millis: u64) -> Self {
        Self { check: check.to_owned(), door, demands: demands.to_owned(), outcome, millis }
    }
}

impl fmt::Display for Report {
    /// Every failure with what was expected, what came and what to do; then what was skipped, then the verdict.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for record in self.failed() {
            let Outcome::Failed { expected, came, remedy } = &record.outcome else { continue };
            writeln!(f, "FAILED  {} (by {})", record.check, record.door)?;
            let rows = [("demand", &record.demands), ("expected", expected), ("came", came), ("to do", remedy)];
            for (name, text) in rows {
                writeln!(f, "  {name:<9} {}", text.replace('\n', "\n            "))?;
            }
        }
        let mut skipped = Vec::new();
        for record in self.skipped() {
            let Outcome::Skipped { why } = &record.outcome else { continue };
            let mut line = String::new();
            write!(line, "skipped {}: {why}", record.check)?;
            // The same check by another door says the same.
            if !skipped.contains(&line) {
                skipped.push(line);
            }
        }
        for line in skipped {
            writeln!(f, "{line}")?;
        }
        f.write_str(&self.verdict())
    }
}
