//! `ao session list`: every session that there ever was.

use std::process::ExitCode;

use ao_core::model::{ProjectName, Timestamp};
use ao_host::store::{Reader, SessionFilter};
use ao_host::world::World;
use schemars::JsonSchema;
use serde::Serialize;

use crate::edge::Edge;
use crate::failure::Outcome;
use crate::output::Page;
use crate::session_view::{Full, Row, decided_by, status_word};
use crate::view::{Format, View};
use crate::{completion, manager};

/// List every session with its branch and worktree, ended ones too
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only this project's
    #[arg(short, long, value_name = "NAME", add = completion::projects())]
    project: Option<ProjectName>,
    #[command(flatten)]
    format: Format,
}

/// Every session.
#[derive(Serialize, JsonSchema)]
pub(crate) struct SessionList {
    /// In the order of their creation.
    sessions: Vec<Row>,
    /// When this was put together.
    at: Timestamp,
}

impl Arguments {
    pub(super) fn run(self, edge: &Edge) -> Outcome {
        let filter = SessionFilter { project: self.project.clone(), ..SessionFilter::default() };
        let world = World::system();
        let stored = manager::reader(edge)?.sessions(&filter).map_err(ao_core::Error::from)?;
        let sessions = stored.iter().map(|session| Full::now(session, &world).row()).collect();
        self.format.show(&SessionList { sessions, at: world.now() })?;
        Ok(ExitCode::SUCCESS)
    }
}

impl View for SessionList {
    fn write(&self, page: &mut Page) {
        if self.sessions.is_empty() {
            return page.line("no sessions");
        }
        let row = |row: &Row| {
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            let (status, by) = (status_word(&row.status), decided_by(&row.status, self.at));
            [row.name(), row.project.clone(), status, by, text(&row.branch), text(&row.worktree)]
        };
        let rows: Vec<_> = self.sessions.iter().map(row).collect();
        page.table(["SESSION", "PROJECT", "STATUS", "DECIDED BY", "BRANCH", "WORKTREE"], &rows);
    }
}
