//! `ao gc`: everything that is finished goes into the trash, and what has been there for long enough goes for good.

use std::process::ExitCode;

use schemars::JsonSchema;
use serde::Serialize;

use crate::edge::Edge;
use crate::expiring::{self, Gone};
use crate::failure::Outcome;
use crate::manager;
use crate::output::Page;
use crate::tidying::{self, Mode, Tidied};
use crate::view::{Format, View};

/// Clean up finished sessions, and let go what is due in the trash
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Show what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    format: Format,
}

/// What was tidied up.
#[derive(Serialize, JsonSchema)]
pub(crate) struct GcView {
    /// What went into the trash, and what stays.
    sessions: Vec<Tidied>,
    /// What went out of it for good.
    trash: Vec<Gone>,
    /// Whether nothing was done.
    dry_run: bool,
}

impl Arguments {
    pub(crate) fn run(self, edge: &Edge) -> Outcome {
        let mode = if self.dry_run { Mode::DryRun } else { Mode::Do };
        let sessions = manager::open(edge)?;
        let tidied = tidying::finished(edge, &sessions, mode)?;
        let trash = expiring::let_go(edge, &sessions, &expiring::due(edge, &sessions)?, mode)?;
        let failed = trash.iter().any(|item| item.error.is_some());
        let code = tidying::exit_code(&tidied);
        self.format.show(&GcView { sessions: tidied, trash, dry_run: self.dry_run })?;
        Ok(if failed { ExitCode::FAILURE } else { code })
    }
}

impl View for GcView {
    fn write(&self, page: &mut Page) {
        let mode = if self.dry_run { Mode::DryRun } else { Mode::Do };
        if self.sessions.is_empty() && self.trash.is_empty() {
            return page.line("there is nothing to tidy up");
        }
        tidying::write(page, mode, &self.sessions);
        expiring::write(page, mode, &self.trash);
    }
}
