//! What is to be done, and what was done before: intents, each with what became of it, and the ledgers that they come of.
//! Both change in one transaction, so that nothing is decided twice and nothing that was decided is lost.

use std::fmt;

use ao_core::lifecycle::decide::{Intent, Ledger, Outcome};
use ao_core::model::event::Event;
use ao_core::model::facts::Session;
use ao_core::model::{ProjectName, SessionId, Timestamp};
use camino::{Utf8Path, Utf8PathBuf};
use rusqlite::{OptionalExtension, Params, Row, params};
use serde::{Deserialize, Serialize};

use super::sqlite::Context;
use super::{Result, StoreError, events};

/// How many entries that nothing more comes of are kept of a session, or of a project.
const MOST_ENDED: u32 = 200;

/// Whose conditions a ledger is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scope(String);

impl Scope {
    /// A session's.
    #[must_use]
    pub fn session(id: &SessionId) -> Self {
        Self(id.to_string())
    }

    /// A project's. Two repositories may give one name to different projects.
    #[must_use]
    pub fn project(name: &ProjectName, directory: &Utf8Path) -> Self {
        // No session's id has a `*` in it.
        Self(format!("*{name}:{directory}"))
    }

    fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How far something is that is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OutboxState {
    /// It was decided.
    Planned,
    /// What is said with it is stored, and its effect may have happened.
    Begun,
    /// It was carried out.
    Done,
    /// It was not; another attempt may succeed.
    Failed,
    /// It was refused.
    Refused,
    /// It was not needed any more.
    Superseded,
    /// Nobody can tell.
    #[serde(other)]
    Uncertain,
}

impl OutboxState {
    /// Whether something is still to come of it.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Planned | Self::Begun)
    }

    /// The state that an outcome leads to.
    #[must_use]
    pub const fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Done => Self::Done,
            Outcome::Failed { .. } => Self::Failed,
            Outcome::Refused { .. } => Self::Refused,
            Outcome::Superseded { .. } => Self::Superseded,
            _ => Self::Uncertain,
        }
    }
}

/// What is said, as it was when it was put together: whoever goes on after a crash says the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rendered {
    /// The text.
    pub text: String,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
}

/// Something that is to be done, or was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxEntry {
    /// What is to be done.
    pub intent: Intent,
    /// Whose ledger it came of.
    pub scope: Scope,
    /// The configuration whose rule it came of; none for built-in settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_file: Option<Utf8PathBuf>,
    /// The directory of the project.
    pub project_path: Utf8PathBuf,
    /// How far it is.
    pub state: OutboxState,
    /// When it was decided.
    pub planned_at: Timestamp,
    /// When it got to where it is.
    pub changed_at: Timestamp,
    /// The event that tells of the decision: what comes of it is led to by this.
    pub event: String,
    /// What is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rendered: Option<Rendered>,
    /// What carries it out: the id of a message or of a notice, the file that a program's output goes to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<String>,
    /// Why it waits, or ended as it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// What was decided about a session or a project.
#[derive(Debug, Default)]
pub struct Decision {
    /// What is to be done from now on.
    pub planned: Vec<OutboxEntry>,
    /// What tells of it.
    pub events: Vec<Event>,
}

pub(super) fn ledger(context: &Context<'_>, scope: &Scope) -> Result<Ledger> {
    let facts: Option<String> = context.run(|connection| {
        // A reader may find a database that no writer has brought up to date yet.
        if !connection.table_exists(None, "ledgers")? {
            return Ok(None);
        }
        let sql = "SELECT facts FROM ledgers WHERE scope = ?";
        connection.prepare_cached(sql)?.query_row([scope.as_str()], |row| row.get(0)).optional()
    })?;
    let read = |facts: String| {
        serde_json::from_str(&facts).map_err(|error| StoreError::unreadable(format!("the ledger of `{scope}`"), error))
    };
    facts.map_or_else(|| Ok(Ledger::default()), read)
}

fn put_ledger(context: &Context<'_>, scope: &Scope, ledger: &Ledger) -> Result<()> {
    let facts = serde_json::to_string(ledger)
        .map_err(|error| StoreError::unreadable(format!("the ledger of `{scope}`"), error))?;
    context.run(|connection| {
        let sql = "INSERT INTO ledgers (scope, facts) VALUES (?, ?) \
                   ON CONFLICT (scope) DO UPDATE SET facts = excluded.facts";
        connection.prepare_cached(sql)?.execute([scope.as_str(), facts.as_str()])
    })?;
    Ok(())
}

/// One entry, by its key.
pub(super) fn get(context: &Context<'_>, key: &str) -> Result<Option<OutboxEntry>> {
    Ok(select(context, "key = ?", [key])?.pop())
}

/// Those that something is still to come of. The condition is that of the index `outbox_open`.
pub(super) fn open(context: &Context<'_>) -> Result<Vec<OutboxEntry>> {
    select(context, "state IN ('planned', 'begun') ORDER BY number", [])
}

/// Those of a scope, oldest first.
pub(super) fn of_scope(context: &Context<'_>, scope: &Scope) -> Result<Vec<OutboxEntry>> {
    select(context, "scope = ? ORDER BY number", [scope.as_str()])
}

fn select(context: &Context<'_>, condition: &str, parameters: impl Params) -> Result<Vec<OutboxEntry>> {
    let rows: Vec<String> = context.run(|connection| {
        if !connection.table_exists(None, "outbox")? {
            return Ok(Vec::new());
        }
        let sql = format!("SELECT facts FROM outbox WHERE {condition}");
        connection.prepare_cached(&sql)?.query_map(parameters, |row: &Row<'_>| row.get(0))?.collect()
    })?;
    let unreadable = |error| StoreError::unreadable("something that is to be done", error);
    rows.iter().map(|facts| serde_json::from_str(facts).map_err(unreadable)).collect()
}

/// Writes down what was decided. An effect that was not needed when its turn came may be decided anew; any other is there
/// once.
fn plan(context: &Context<'_>, entry: &OutboxEntry) -> Result<()> {
    put(
        context,
        entry,
        "ON CONFLICT (key) DO UPDATE SET state = excluded.state, facts = excluded.facts \
                         WHERE outbox.state = 'superseded'",
    )
}

fn put(context: &Context<'_>, entry: &OutboxEntry, conflict: &str) -> Result<()> {
    let bad = |error| StoreError::unreadable(format!("the intent `{}`", entry.intent.key), error);
    let (state, facts) = (events::word(&entry.state).map_err(bad)?, serde_json::to_string(entry).map_err(bad)?);
    context.run(|connection| {
        let sql = format!("INSERT INTO outbox (key, scope, state, facts) VALUES (?, ?, ?, ?) {conflict}");
        connection.prepare_cached(&sql)?.execute(params![entry.intent.key, entry.scope.as_str(), state, facts])
    })?;
    Ok(())
}

/// Forgets what ended long ago of a scope.
fn forget_old(context: &Context<'_>, scope: &Scope) -> Result<()> {
    context.run(|connection| {
        let sql = "DELETE FROM outbox WHERE scope = ?1 AND state NOT IN ('planned', 'begun') AND number <= \
                   (SELECT number FROM outbox WHERE scope = ?1 ORDER BY number DESC LIMIT 1 OFFSET ?2)";
        connection.prepare_cached(sql)?.execute(params![scope.as_str(), MOST_ENDED])
    })?;
    Ok(())
}

/// Decides over a ledger as it stands now, and writes down what came of it.
fn decide_in(context: &Context<'_>, scope: &Scope, apply: &mut dyn FnMut(&mut Ledger) -> Decision) -> Result<()> {
    let mut known = ledger(context, scope)?;
    let before = known.clone();
    let Decision { planned, events: log } = apply(&mut known);
    if known != before {
        put_ledger(context, scope, &known)?;
    }
    planned.iter().try_for_each(|entry| plan(context, entry))?;
    if !planned.is_empty() {
        forget_old(context, scope)?;
    }
    events::append(context, &log)
}

/// Decides over sessions as they stand now. Those that are gone are passed over.
pub(super) fn decide(
    context: &Context<'_>,
    ids: &[SessionId],
    apply: &mut dyn FnMut(&Session, &mut Ledger) -> Decision,
) -> Result<()> {
    for id in ids {
        let Some(session) = super::sessions::get(context, id)? else { continue };
        decide_in(context, &Scope::session(id), &mut |ledger| apply(&session, ledger))?;
    }
    Ok(())
}

/// Decides over a project as it stands now.
pub(super) fn decide_project(
    context: &Context<'_>,
    project: &ProjectName,
    directory: &Utf8Path,
    apply: &mut dyn FnMut(&[Session], &mut Ledger) -> Decision,
) -> Result<()> {
    let filter = super::SessionFilter { project: Some(project.clone()), project_path: Some(directory.to_owned()) };
    let there = super::sessions::list(context, &filter)?;
    decide_in(context, &Scope::project(project, directory), &mut |ledger| apply(&there, ledger))
}

/// Changes an entry as it stands now, with the ledger that it came of.
pub(super) fn change(
    context: &Context<'_>,
    key: &str,
    apply: &mut dyn FnMut(&mut OutboxEntry, &mut Ledger) -> Vec<Event>,
) -> Result<Option<OutboxEntry>> {
    let Some(mut entry) = get(context, key)? else { return Ok(None) };
    let mut known = ledger(context, &entry.scope)?;
    let before = (entry.clone(), known.clone());
    let log = apply(&mut entry, &mut known);
    if entry != before.0 {
        put(context, &entry, "ON CONFLICT (key) DO UPDATE SET state = excluded.state, facts = excluded.facts")?;
    }
    if known != before.1 {
        put_ledger(context, &entry.scope, &known)?;
    }
    events::append(context, &log)?;
    Ok(Some(entry))
}
