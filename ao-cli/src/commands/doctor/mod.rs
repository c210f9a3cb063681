//! `ao doctor`: what is there, what is missing, and what to do about it.

mod host;
mod mounts;
mod plugins;

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
    #[command(flatten)]
    format: Format,
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
    /// Who looked: `ao`, or a plugin such as `runtime/tmux`.
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
        let mut checks = host::checks(edge);
        checks.extend(plugins::checks(edge)?);
        let healthy = checks.iter().all(|check| check.level != Level::Fail);
        self.format.show(&Checkup { healthy, checks })?;
        Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

impl Check {
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
        let message = match failure {
            Failure::Error(error) => error.to_string(),
            Failure::Config(problems) => problems.to_string(),
            Failure::ReaderGone => "stdout was closed".to_owned(),
        };
        Self::new(by, Level::Fail, subject, message)
    }
}

impl View for Checkup {
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
