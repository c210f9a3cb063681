//! `ao session cleanup`: the workspaces of ended sessions go into the trash.

use ao_core::model::SessionId;
use schemars::JsonSchema;
use serde::Serialize;

use crate::edge::Edge;
use crate::failure::Outcome;
use crate::output::Page;
use crate::tidying::{self, Mode, Tidied};
use crate::view::{Format, View};
use crate::{completion, expiring, manager};

/// Move the worktrees of ended sessions into the trash
///
/// Without names, those whose work is all merged or where there was none. A session that is named is moved whatever is
/// in it; where its pull request is merged, its agent is ended first. `ao trash restore` brings it back, byte for byte, for
/// 30 days.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// These, whatever is in them
    #[arg(value_name = "SESSION", add = completion::sessions())]
    sessions: Vec<SessionId>,
    /// Show what would be moved, and move nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    format: Format,
}

/// What was moved, and what stays.
#[derive(Serialize, JsonSchema)]
pub(crate) struct CleanupView {
    /// By session.
    sessions: Vec<Tidied>,
    /// Whether nothing was done.
    dry_run: bool,
}

impl Arguments {
    pub(super) fn run(self, edge: &Edge) -> Outcome {
        let mode = if self.dry_run { Mode::DryRun } else { Mode::Do };
        let sessions = manager::open(edge)?;
        let tidied = if self.sessions.is_empty() {
            tidying::finished(edge, &sessions, mode)?
        } else {
            let mut tidied = Vec::new();
            for id in &self.sessions {
                let session = manager::session(&sessions, id)?;
                tidied.push(match mode {
                    Mode::DryRun => tidying::would_go(&session),
                    Mode::Do => tidying::one(edge, &sessions, &session),
                });
            }
            tidied
        };
        let code = tidying::exit_code(&tidied);
        self.format.show(&CleanupView { sessions: tidied, dry_run: self.dry_run })?;
        if mode == Mode::Do {
            expiring::one_more(edge, &sessions);
        }
        Ok(code)
    }
}

impl View for CleanupView {
    fn write(&self, page: &mut Page) {
        if self.sessions.is_empty() {
            return page.line("there is nothing to clean up");
        }
        tidying::write(page, if self.dry_run { Mode::DryRun } else { Mode::Do }, &self.sessions);
    }
}
