//! `ao status`: every session, and what is known of it.

use std::collections::BTreeMap;
use std::process::ExitCode;

use ao_core::lifecycle::StatusName;
use ao_core::model::facts::{IssueFacts, Session};
use ao_core::model::{ProjectName, Timestamp};
use ao_core::text::one_line;
use ao_host::host::{HostState, look};
use ao_host::registry::Condition;
use ao_host::sessions::{Crew, Sessions};
use ao_host::store::{Reader, SessionFilter};
use ao_host::world::World;
use schemars::JsonSchema;
use serde::Serialize;

use crate::edge::{Edge, block_on};
use crate::failure::{Failure, Outcome};
use crate::output::{self, Page};
use crate::session_view::{Full, Row, age, is_over, status_word};
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
    /// Ask the runtimes and agents first
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

/// The host, as its lock shows it.
#[derive(Serialize, JsonSchema)]
pub(crate) struct HostView {
    /// Whether one runs; absent when that cannot be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    running: Option<bool>,
    /// Its process, if it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    /// Since when it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Timestamp>,
    /// When a host looked last.
    #[serde(skip_serializing_if = "Option::is_none")]
    looked_at: Option<Timestamp>,
}

impl HostView {
    fn now(edge: &Edge) -> Self {
        let (running, record) = match look(&edge.places) {
            HostState::Running(record) => (Some(true), record),
            HostState::NotRunning(_) => (Some(false), None),
            HostState::Unknown { .. } => (None, None),
        };
        let record = record.as_ref();
        Self {
            running,
            pid: record.map(|record| record.process.pid),
            since: record.map(|record| record.started_at),
            looked_at: None,
        }
    }
}

impl Arguments {
    pub(crate) fn run(self, edge: &Edge) -> Outcome {
        let filter = SessionFilter { project: self.project.clone(), ..SessionFilter::default() };
        if self.refresh {
            refresh(edge, &filter)?;
        }
        let world = World::system();
        let stored = manager::reader(edge)?.sessions(&filter).map_err(ao_core::Error::from)?;
        let rows: Vec<_> = stored.iter().map(|session| Full::now(session, &world).row()).collect();
        let total = rows.len();
        let sessions: Vec<_> = rows.into_iter().filter(|row| self.all || !is_over(row.status.name)).collect();
        let hidden = total - sessions.len();
        let plugins = manager::plugin_conditions(edge)?;
        if !self.format.is_json() {
            plugins.iter().filter_map(Condition::complaint).for_each(output::warning);
        }
        let host = HostView::now(edge);
        let alive = |row: &Row| !is_over(row.status.name) && !has_ended(row.status.name);
        if !self.format.is_json() && host.running == Some(false) && sessions.iter().any(alive) {
            output::note("no host runs, so nobody keeps looking at these; `ao start` does");
        }
        self.format.show(&StatusView { sessions, hidden, plugins, host, at: world.now() })?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Whether there is nothing more to see.
fn has_ended(name: StatusName) -> bool {
    matches!(name, StatusName::Done | StatusName::Dead | StatusName::Errored)
}

/// Sessions of one configuration file and agent are asked about together.
fn refresh(edge: &Edge, filter: &SessionFilter) -> Result<(), Failure> {
    let sessions = manager::open(edge)?;
    let mut groups: BTreeMap<String, Vec<Session>> = BTreeMap::new();
    for session in sessions.store.sessions(filter).map_err(ao_core::Error::from)? {
        if session.end.is_none() && session.runtime.is_some() {
            groups.entry(crew_key(&session)).or_default().push(session);
        }
    }
    for group in groups.values() {
        if let Err(failure) = ask(edge, &sessions, group) {
            let ids: Vec<_> = group.iter().map(|session| session.id.as_str()).collect();
            output::warning(format_args!("nothing new is known of {}: {}", ids.join(", "), failure.message()));
        }
    }
    Ok(())
}

fn ask(edge: &Edge, sessions: &Sessions, group: &[Session]) -> Result<(), Failure> {
    let Some(first) = group.first() else { return Ok(()) };
    let crew = Crew::for_session(&manager::setup_for(edge, first)?, first)?;
    Ok(block_on(sessions.refresh(group, &crew))??)
}

fn crew_key(session: &Session) -> String {
    let runtime = session.runtime.as_ref().map(|runtime| &runtime.handle.plugin);
    let agent = session.agent.as_ref().map(|agent| &agent.name);
    format!("{:?} {} {runtime:?} {agent:?}", session.config_file, session.project)
}

impl View for StatusView {
    fn write(&self, page: &mut Page) {
        if self.sessions.is_empty() {
            page.line("no session is running; `ao spawn --prompt \"…\"` starts one");
        } else {
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            let since = |row: &Row| age(self.at, row.status.since);
            let start = |row: &Row| [row.id.clone(), status_word(&row.status), since(row)];
            let end = |row: &Row| [text(&row.agent), text(&row.branch), row.status.reason.clone()];
            // Without a single issue, there is nothing to fill their column with.
            if self.sessions.iter().any(|row| row.issue_facts.is_some()) {
                let rows = self.sessions.iter().map(|row| {
                    let ([id, status, since], [agent, branch, why]) = (start(row), end(row));
                    let name = row.issue_facts.as_ref().map(IssueFacts::name).unwrap_or_default();
                    [id, status, since, one_line(&name, NAME_COLUMNS), agent, branch, why]
                });
                let headings = ["SESSION", "STATUS", "SINCE", "ISSUE", "AGENT", "BRANCH", "WHY"];
                page.table(headings, &rows.collect::<Vec<_>>());
            } else {
                let rows = self.sessions.iter().map(|row| {
                    let ([id, status, since], [agent, branch, why]) = (start(row), end(row));
                    [id, status, since, agent, branch, why]
                });
                page.table(["SESSION", "STATUS", "SINCE", "AGENT", "BRANCH", "WHY"], &rows.collect::<Vec<_>>());
            }
        }
        if self.hidden > 0 {
            page.line(format_args!("{} ended; `ao status --all` shows them", self.hidden));
        }
    }
}
