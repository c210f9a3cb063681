//! `ao status`: every session, and what is known of it.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
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

use crate::edge::{Edge, block_on};
use crate::failure::{Failure, Outcome};
use crate::following::{SLOW_LOOK, follow};
use crate::host_view::HostView;
use crate::notice_view::{self, NoticeCounts};
use crate::output::{self, Page};
use crate::refresh::refresh;
use crate::screen::Screen;
use crate::session_view::{Full, Row, age, decided_by, is_over, status_word};
use crate::usage_view::{ProjectUsage, SpentView, Tariffs};
use crate::view::{Format, View};
use crate::{completion, manager};

/// The most of an issue's name that a row shows, in characters.
const NAME_COLUMNS: usize = 40;

/// The most of a reason that a line of a change shows, in characters.
const REASON_COLUMNS: usize = 200;

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
    /// Go on with what changes, until interrupted: redrawn on a terminal, else a line for each change
    #[arg(short, long, conflicts_with = "json")]
    watch: bool,
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
    /// What the sessions of each project have used together, ended ones too; left out where that is nothing, or cannot be told.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    projects: Vec<ProjectUsage>,
    /// What somebody was told, or should have been, and has not acknowledged; left out where there is nothing.
    #[serde(skip_serializing_if = "NoticeCounts::is_none")]
    notices: NoticeCounts,
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
        if self.refresh {
            refresh(edge, &self.filter())?;
        }
        if self.watch {
            return self.keep_watching(edge);
        }
        let view = self.look(edge)?;
        if !self.format.is_json() {
            manager::warn_of_lost(edge)?;
            view.plugins.iter().filter_map(Condition::complaint).for_each(output::warning);
            view.complaint().into_iter().for_each(output::note);
        }
        self.format.show(&view)?;
        Ok(ExitCode::SUCCESS)
    }

    fn filter(&self) -> SessionFilter {
        SessionFilter { project: self.project.clone(), ..SessionFilter::default() }
    }

    fn look(&self, edge: &Edge) -> Result<StatusView, Failure> {
        let world = World::system();
        let reader = manager::reader(edge)?;
        let stored = reader.sessions(&self.filter()).map_err(ao_core::Error::from)?;
        let mut tariffs = Tariffs::new(edge);
        let mut row = |session| Row { usage: tariffs.session(session), ..Full::now(session, &world).row() };
        let rows: Vec<_> = stored.iter().map(&mut row).collect();
        let projects = tariffs.projects(&stored);
        let total = rows.len();
        let sessions: Vec<_> = rows.into_iter().filter(|row| self.all || !is_over(row.status.name)).collect();
        let hidden = total - sessions.len();
        let plugins = manager::plugin_conditions(edge)?;
        let notices = NoticeCounts::of(&notice_view::waiting(&reader, self.project.as_ref())?);
        let host = HostView::now(edge, &reader)?;
        Ok(StatusView { sessions, hidden, projects, notices, plugins, host, at: world.now() })
    }

    /// Shows each change, until it is interrupted.
    fn keep_watching(self, edge: &Edge) -> Outcome {
        let mut watch = Watch::begin()?;
        let watched = block_on(follow(edge, SLOW_LOOK, async || {
            watch.show(&self.look(edge)?)?;
            Ok(ControlFlow::Continue(()))
        }))?;
        drop(watch);
        watched?;
        Ok(ExitCode::SUCCESS)
    }
}

/// What stands in one column of a row, now.
type Cell = fn(&Row, Timestamp) -> String;

impl StatusView {
    /// The columns, with their headings. One that nothing stands in is left out.
    fn columns(&self) -> Vec<(&'static str, Cell)> {
        let has_issues = self.sessions.iter().any(|row| row.issue_facts.is_some());
        let has_used = self.sessions.iter().any(|row| row.usage.is_some());
        let mut columns: Vec<(&str, Cell)> = vec![
            ("SESSION", |row, _| row.name()),
            ("STATUS", |row, _| status_word(&row.status)),
            ("SINCE", |row, now| age(now, row.status.since)),
        ];
        if has_issues {
            columns.push(("ISSUE", |row, _| {
                let name = row.issue_facts.as_ref().map(IssueFacts::name).unwrap_or_default();
                one_line(&name, NAME_COLUMNS)
            }));
        }
        columns.push(("AGENT", |row, _| row.agent.clone().unwrap_or_default()));
        columns.push(("BRANCH", |row, _| row.branch.clone().unwrap_or_default()));
        if has_used {
            columns.push(("USED", |row, _| row.usage.as_ref().map(SpentView::short).unwrap_or_default()));
        }
        columns.push(("DECIDED BY", |row, now| decided_by(&row.status, now)));
        columns.push(("WHY", |row, _| row.status.reason.clone()));
        columns
    }

    /// What there is to say where nobody keeps looking at sessions that live.
    fn complaint(&self) -> Option<String> {
        let alive = |row: &Row| !is_over(row.status.name) && !has_ended(row.status.name);
        self.host.complaint(self.at).filter(|_| self.sessions.iter().any(alive))
    }
}

/// How changes are shown: on a terminal as the table, again and again; else as a line for each.
enum Watch {
    Screen(Screen),
    Lines {
        /// What was last told of each session.
        told: BTreeMap<String, (StatusName, Timestamp)>,
    },
}

impl Watch {
    fn begin() -> Result<Self, Failure> {
        Ok(Screen::open()?.map_or_else(|| Self::Lines { told: BTreeMap::new() }, Self::Screen))
    }

    fn show(&mut self, view: &StatusView) -> Result<(), Failure> {
        match self {
            Self::Screen(screen) => {
                let mut page = Page::for_stdout();
                view.write(&mut page);
                page.gap();
                view.plugins.iter().filter_map(Condition::complaint).for_each(|complaint| page.line(complaint));
                view.complaint().into_iter().for_each(|complaint| page.line(complaint));
                page.line(format_args!("{}; Ctrl-C ends this", view.at));
                screen.draw(&page)
            }
            Self::Lines { told } => {
                let mut page = Page::default();
                let mut gone = std::mem::take(told);
                for row in &view.sessions {
                    let now = (row.status.name, row.status.since);
                    let before = gone.remove(&row.id);
                    if before != Some(now) {
                        let was = before.map(|(name, _)| format!(", was {name}")).unwrap_or_default();
                        let (id, reason) = (&row.id, one_line(&row.status.reason, REASON_COLUMNS));
                        page.line(format_args!("{}  {id}  {}{was}: {reason}", view.at, row.status.name));
                    }
                    told.insert(row.id.clone(), now);
                }
                for (id, (name, _)) in gone {
                    page.line(format_args!("{}  {id}  ended, was {name}", view.at));
                }
                page.print()
            }
        }
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
            let (headings, cells): (Vec<_>, Vec<_>) = self.columns().into_iter().unzip();
            let cells_of = |row| cells.iter().map(|cell| cell(row, self.at)).collect::<Vec<_>>();
            page.columns(&headings, &self.sessions.iter().map(cells_of).collect::<Vec<_>>());
        }
        if self.hidden > 0 {
            page.line(format_args!("{} ended; `ao status --all` shows them", self.hidden));
        }
        self.projects.iter().for_each(|project| page.line(project.line()));
        self.notices.write(page);
    }
}
