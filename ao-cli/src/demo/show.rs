//! How the demo is shown: a table that lives on a terminal, lines elsewhere, or the events as they are written.

use std::collections::{BTreeMap, VecDeque};

use ao_core::Error;
use ao_core::lifecycle::StatusName;
use ao_core::model::SessionId;
use ao_core::model::facts::Session;
use ao_core::slots::Runtime;
use ao_core::slots::scm::CheckState;
use ao_core::text::one_line;
use ao_host::sessions::{Bound, Sessions};
use ao_host::store::{EventFilter, EventPage, Reader};

use super::Stage;
use crate::event_line;
use crate::failure::Failure;
use crate::manager;
use crate::output::{self, Page};
use crate::screen::Screen;
use crate::session_view::Full;

/// How many of the last lines stand below the table.
const LINES: usize = 12;
/// How much of an agent's new output is read at a look, in bytes.
const LOG_BYTES: u64 = 64 * 1024;
/// What a cell or a line may take, in characters.
const COLUMNS: usize = 160;

/// How it is shown.
pub(crate) enum Show {
    /// A table with the last lines below it.
    Table {
        /// Where it is drawn.
        screen: Screen,
        /// The last lines.
        lines: VecDeque<String>,
    },
    /// Everything that is said, line by line.
    Lines,
    /// Every event, as JSON.
    Events {
        /// The place in the log of the last one that was shown.
        after: u64,
    },
}

/// What was told of a session.
#[derive(Default)]
struct Told {
    status: Option<StatusName>,
    cursor: Option<u64>,
}

/// What was told.
#[derive(Default)]
pub(super) struct Memory {
    sessions: BTreeMap<SessionId, Told>,
    /// The place in the log of the last event that was read.
    read: u64,
}

impl Show {
    /// As a table where stdout is a terminal, else as lines.
    pub(crate) fn for_people() -> Result<Self, Failure> {
        Ok(Screen::open()?.map_or(Self::Lines, |screen| Self::Table { screen, lines: VecDeque::new() }))
    }

    /// As events.
    pub(crate) const fn events() -> Self {
        Self::Events { after: 0 }
    }

    /// Says a line.
    pub(super) fn say(&mut self, line: &str) -> Result<(), Failure> {
        match self {
            Self::Table { lines, .. } => {
                lines.extend(line.lines().map(|line| one_line(line, COLUMNS)));
                lines.drain(..lines.len().saturating_sub(LINES));
                Ok(())
            }
            Self::Lines => output::text(&format!("{}\n", output::printable(line))),
            Self::Events { .. } => Ok(()),
        }
    }

    /// Shows what has changed.
    pub(super) async fn look(
        &mut self,
        stage: &Stage,
        manager: &Sessions,
        lines: Option<&Bound<dyn Runtime>>,
        memory: &mut Memory,
        sessions: &[Session],
    ) -> Result<(), Failure> {
        if let Self::Events { after } = self {
            return events(stage, after);
        }
        for session in sessions {
            let told =
                memory.sessions.entry(session.id.clone()).or_insert_with(|| Told { cursor: Some(0), status: None });
            let status = Full::now(session, &manager.world).status;
            if let Some(runtime) = lines.filter(|_| session.runtime.is_some() && session.end.is_none()) {
                let logs = match manager.logs(session, runtime, told.cursor, LOG_BYTES).await {
                    Ok(logs) => logs,
                    // The host puts it away just now, and its terminal is gone.
                    Err(_) if is_ending(manager, &session.id)? => continue,
                    Err(error) => return Err(error.into()),
                };
                told.cursor = logs.cursor;
                for line in logs.text.lines().filter(|line| !line.trim().is_empty()) {
                    self.say(&format!("{:8} | {line}", session.id))?;
                }
            }
            if told.status != Some(status.name) {
                told.status = Some(status.name);
                self.say(&format!("{:8} is {}: {}", session.id, status.name, one_line(&status.reason, COLUMNS)))?;
                if status.name == StatusName::NeedsInput {
                    let id = &session.id;
                    self.say(&format!(
                        "{id:8} waits for you: {}, or `session attach {id}`",
                        stage.typed(&["answer", id.as_str()])
                    ))?;
                }
            }
        }
        self.tell_of_reactions(manager, &mut memory.read)?;
        self.draw(manager, sessions)
    }

    /// What was done by itself, and why.
    fn tell_of_reactions(&mut self, manager: &Sessions, read: &mut u64) -> Result<(), Failure> {
        let kinds = ["intent.done", "intent.failed"].into_iter().filter_map(|kind| kind.parse().ok());
        let filter = EventFilter { after: *read, kinds: kinds.collect(), ..EventFilter::default() };
        for event in manager.store.events(&filter).map_err(Error::from)? {
            *read = event.sequence;
            let session = event.session.as_ref().map_or("ao", SessionId::as_str);
            self.say(&format!("{session:8} > {}", event_line::details(&event)))?;
        }
        Ok(())
    }

    fn draw(&mut self, manager: &Sessions, sessions: &[Session]) -> Result<(), Failure> {
        let Self::Table { screen, lines } = self else { return Ok(()) };
        let mut page = Page::for_stdout();
        let rows: Vec<_> = sessions.iter().map(|session| row(session, manager)).collect();
        page.table(["SESSION", "ISSUE", "PR", "CHECKS", "STATUS", "WHY"], &rows);
        page.gap();
        for line in lines {
            page.line(line);
        }
        screen.draw(&page)
    }
}

fn row(session: &Session, manager: &Sessions) -> [String; 6] {
    let status = Full::now(session, &manager.world).status;
    let pull = session.pull.as_ref().map(|pull| &pull.snapshot);
    let issue = session.issue_facts.as_ref().map(|issue| issue.title.clone()).unwrap_or_default();
    let checks: Vec<_> =
        pull.map(|pull| pull.checks.iter().map(|check| word(check.state)).collect()).unwrap_or_default();
    let number = pull.map(|pull| format!("#{}", pull.pull.number)).unwrap_or_default();
    [
        session.id.to_string(),
        issue,
        number,
        checks.join(" "),
        status.name.to_string(),
        one_line(&status.reason, COLUMNS),
    ]
}

const fn word(state: CheckState) -> &'static str {
    match state {
        CheckState::Passed | CheckState::Skipped => "passed",
        CheckState::Failed => "FAILED",
        _ => "…",
    }
}

/// Whether somebody ends a session by now, or has.
fn is_ending(manager: &Sessions, id: &SessionId) -> Result<bool, Error> {
    let session = manager.get(id)?;
    Ok(session.end.is_some() || session.op.is_some())
}

/// Prints every event that was written since.
fn events(stage: &Stage, after: &mut u64) -> Result<(), Failure> {
    let filter = EventFilter { after: *after, limit: u32::MAX, page: EventPage::Oldest, ..EventFilter::default() };
    let mut text = String::new();
    for event in manager::reader(&stage.edge)?.events(&filter).map_err(Error::from)? {
        *after = event.sequence;
        text.push_str(&serde_json::to_string(&event).unwrap_or_default());
        text.push('\n');
    }
    if text.is_empty() { Ok(()) } else { output::text(&text) }
}
