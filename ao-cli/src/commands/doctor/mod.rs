//! `ao doctor`: what is there, what is missing, and what to do about it.

mod host;
mod plugins;
mod rebuild;

use std::process::ExitCode;

use ao_core::slots::common::{Finding, FindingLevel};
use schemars::JsonSchema;
use serde::Serialize;

use crate::edge::Edge;
use crate::failure::{Failure, Outcome};
use crate::output::{Page, Tone};
use crate::view::{Format, View};

/// Check whether everything that `ao` and its plugins need is there
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Bring back the sessions that the state database has lost, from all that is left of them
    #[arg(long)]
    rebuild: bool,
    #[command(flatten)]
    format: Format,
}

/// What was found, or what was brought back.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum DoctorView {
    /// What was found.
    Checkup(Checkup),
    /// What was brought back.
    Rebuilt(rebuild::RebuildView),
}

/// What was found.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Checkup {
    /// Whether nothing failed.
    healthy: bool,
    /// What was looked at, one by one.
    checks: Vec<Check>,
}

/// One thing that was looked at.
#[derive(Serialize, JsonSchema)]
struct Check {
    /// Who looked: `ao`, or plugins such as `runtime/tmux`, separated by commas.
    by: String,
    /// What came of it.
    level: Level,
    /// What was looked at.
    subject: String,
    /// What was found.
    message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Level {
    /// As it should be.
    Pass,
    /// Works with less.
    Warn,
    /// Does not work.
    Fail,
}

impl Arguments {
    pub(crate) fn run(self, edge: &Edge) -> Outcome {
        if self.rebuild {
            self.format.show(&DoctorView::Rebuilt(rebuild::rebuild(edge)?))?;
            return Ok(ExitCode::SUCCESS);
        }
        let mut checks = host::checks(edge);
        checks.extend(merged(plugins::checks(edge)?));
        let healthy = checks.iter().all(|check| check.level != Level::Fail);
        self.format.show(&DoctorView::Checkup(Checkup { healthy, checks }))?;
        Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Plugins of one library look at the same things; what several found alike is said once.
fn merged(checks: Vec<Check>) -> Vec<Check> {
    let mut merged: Vec<Check> = Vec::new();
    for check in checks {
        let alike = merged.iter_mut().find(|known| known.findings() == check.findings());
        match alike {
            Some(known) => known.by = format!("{}, {}", known.by, check.by),
            None => merged.push(check),
        }
    }
    merged
}

impl Check {
    /// All of it but for who looked.
    fn findings(&self) -> (Level, &str, &str, Option<&str>) {
        (self.level, &self.subject, &self.message, self.remedy.as_deref())
    }

    fn new(by: &str, level: Level, subject: &str, message: impl Into<String>) -> Self {
        Self { by: by.to_owned(), level, subject: subject.to_owned(), message: message.into(), remedy: None }
    }

    fn remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }

    fn of_plugin(by: &str, finding: Finding) -> Self {
        let level = match finding.level {
            FindingLevel::Ok => Level::Pass,
            FindingLevel::Fail => Level::Fail,
            FindingLevel::Warn | FindingLevel::Unknown => Level::Warn,
        };
        Self { remedy: finding.remedy, ..Self::new(by, level, &finding.subject, finding.message) }
    }

    fn of_failure(by: &str, subject: &str, failure: &Failure) -> Self {
        Self::new(by, Level::Fail, subject, failure.message())
    }
}

impl View for DoctorView {
    fn write(&self, page: &mut Page) {
        match self {
            Self::Checkup(checkup) => checkup.write(page),
            Self::Rebuilt(rebuilt) => rebuilt.write(page),
        }
    }
}

impl Checkup {
    fn write(&self, page: &mut Page) {
        for check in &self.checks {
            let (tone, word) = match check.level {
                Level::Pass => (Tone::Good, "PASS"),
                Level::Warn => (Tone::Doubtful, "WARN"),
                Level::Fail => (Tone::Bad, "FAIL"),
            };
            let by = if check.by == host::BY { String::new() } else { format!("{}: ", check.by) };
            page.marked(tone, word, format_args!("{by}{}: {}", check.subject, check.message));
            if let Some(remedy) = &check.remedy {
                page.line(format_args!("      {remedy}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_several_plugins_found_is_said_once() {
        let found = |by: &str, message: &str| Check::new(by, Level::Pass, "tmux", message);
        let checks =
            merged(vec![found("runtime/tmux", "3.3"), found("agent/x", "else"), found("terminal/tmux", "3.3")]);
        let by: Vec<_> = checks.iter().map(|check| check.by.as_str()).collect();
        assert_eq!(by, ["runtime/tmux, terminal/tmux", "agent/x"]);
    }
}
