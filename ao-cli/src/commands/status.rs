//! `ao status`: every session, and what is known of it.

use std::process::ExitCode;

use ao_core::lifecycle::StatusName;
use ao_core::model::facts::IssueFacts;
use ao_core::model::{ProjectName, Timestamp};
use ao_core::text::one_line;
use ao_host::registry::Condition;
use ao_host::store::{Reader, SessionFilter};
use ao_host::world::World;
use schemars::JsonSchema;
use serde::Serialize;

use crate::edge::Edge;
use crate::failure::Outcome;
use crate::host_view::HostView;
use crate::output::{self, Page};
use crate::refresh::refresh;
use crate::session_view::{Full, Row, age, decided_by, is_over, status_word};
use crate::view::{Format, View};
use crate::{completion, manager};

/// The most of an issue's name that a row shows, in characters.
const NAME_COLUMNS: usize = 40;

/// Show sessions and what each is doing, from the records and the process table
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only this project's
    #[arg(short, long, value_name = "NAME", add = completion::projects())]
    project: Option<ProjectName>,
    /// Those that were ended, too
    #[arg(short, long)]
    all: bool,
    /// Have every session looked at first, by the host if one runs
    #[arg(long)]
    refresh: bool,
    #[command(flatten)]
    format: Format,
}

/// Every session.
#[derive(Serialize, JsonSchema)]
pub(crate) struct StatusView {
    /// In the order of their creation.
    sessions: Vec<Row>,
    /// How many were ended and are left out.
    hidden: usize,
    /// Plugins that are not called as usual; elsewhere nothing is wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    plugins: Vec<Condition>,
    /// Whether somebody keeps looking.
    host: HostView,
    /// When this was put together.
    at: Timestamp,
}

impl Arguments {
    pub(crate) fn run(self, edge: &Edge) -> Outcome {
        let filter = SessionFilter { project: self.project.clone(), ..SessionFilter::default() };
        if self.refresh {
            refresh(edge, &filter)?;
        }
        let world = World::system();
        let reader = manager::reader(edge)?;
        let stored = reader.sessions(&filter).map_err(ao_core::Error::from)?;
        let rows: Vec<_> = stored.iter().map(|session| Full::now(session, &world).row()).collect();
        let total = rows.len();
        let sessions: Vec<_> = rows.into_iter().filter(|row| self.all || !is_over(row.status.name)).collect();
        let hidden = total - sessions.len();
        let plugins = manager::plugin_conditions(edge)?;
        if !self.format.is_json() {
            manager::warn_of_lost(edge)?;
            plugins.iter().filter_map(Condition::complaint).for_each(output::warning);
        }
        let (host, at) = (HostView::now(edge, &reader)?, world.now());
        let alive = |row: &Row| !is_over(row.status.name) && !has_ended(row.status.name);
        if !self.format.is_json() && sessions.iter().any(alive) {
            host.complaint(at).into_iter().for_each(output::note);
        }
        self.format.show(&StatusView { sessions, hidden, plugins, host, at })?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Whether there is nothing more to see.
fn has_ended(name: StatusName) -> bool {
    matches!(name, StatusName::Done | StatusName::Dead | StatusName::Errored)
}

impl View for StatusView {
    fn write(&self, page: &mut Page) {
        if self.sessions.is_empty() {
            page.line("no session is running; `ao spawn --prompt \"…\"` starts one");
        } else {
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            let since = |row: &Row| age(self.at, row.status.since);
            let start = |row: &Row| [row.id.clone(), status_word(&row.status), since(row)];
            let by = |row: &Row| decided_by(&row.status, self.at);
            let end = |row: &Row| [text(&row.agent), text(&row.branch), by(row), row.status.reason.clone()];
            // Without a single issue, there is nothing to fill their column with.
            if self.sessions.iter().any(|row| row.issue_facts.is_some()) {
                let rows = self.sessions.iter().map(|row| {
                    let ([id, status, since], [agent, branch, by, why]) = (start(row), end(row));
                    let name = row.issue_facts.as_ref().map(IssueFacts::name).unwrap_or_default();
                    [id, status, since, one_line(&name, NAME_COLUMNS), agent, branch, by, why]
                });
                let headings = ["SESSION", "STATUS", "SINCE", "ISSUE", "AGENT", "BRANCH", "DECIDED BY", "WHY"];
                page.table(headings, &rows.collect::<Vec<_>>());
            } else {
                let rows = self.sessions.iter().map(|row| {
                    let ([id, status, since], [agent, branch, by, why]) = (start(row), end(row));
                    [id, status, since, agent, branch, by, why]
                });
                let headings = ["SESSION", "STATUS", "SINCE", "AGENT", "BRANCH", "DECIDED BY", "WHY"];
                page.table(headings, &rows.collect::<Vec<_>>());
            }
        }
        if self.hidden > 0 {
            page.line(format_args!("{} ended; `ao status --all` shows them", self.hidden));
        }
    }
}
