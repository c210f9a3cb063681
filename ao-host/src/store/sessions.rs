//! Sessions: reserving ids, reading and changing facts.

use ao_core::model::event::Event;
use ao_core::model::facts::Session;
use ao_core::model::{SessionId, SessionPrefix};
use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

use super::sqlite::Context;
use super::{Result, SessionFilter, StoreError, events};

const COLUMNS: &str = "id, row_version, facts";

/// A row as it is stored, before its JSON is read.
struct Stored {
    id: String,
    row_version: u64,
    facts: String,
}

impl Stored {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { id: row.get(0)?, row_version: row.get(1)?, facts: row.get(2)? })
    }

    fn read(self) -> Result<Session> {
        let mut session: Session = serde_json::from_str(&self.facts)
            .map_err(|source| StoreError::unreadable(format!("session `{}`", self.id), source))?;
        session.row_version = self.row_version;
        Ok(session)
    }
}

pub(super) fn get(context: &Context<'_>, id: &SessionId) -> Result<Option<Session>> {
    let sql = format!("SELECT {COLUMNS} FROM sessions WHERE id = ?");
    let stored = context
        .run(|connection| connection.prepare_cached(&sql)?.query_row([id.as_str()], Stored::from_row).optional())?;
    stored.map(Stored::read).transpose()
}

pub(super) fn list(context: &Context<'_>, filter: &SessionFilter) -> Result<Vec<Session>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM sessions WHERE (:project IS NULL OR project = :project) \
         AND (:path IS NULL OR project_path = :path) ORDER BY number"
    );
    let stored: Vec<Stored> = context.run(|connection| {
        let filter = named_params! {
            ":project": filter.project.as_ref().map(AsRef::<str>::as_ref),
            ":path": filter.project_path.as_ref().map(|path| path.as_str()),
        };
        connection.prepare_cached(&sql)?.query_map(filter, Stored::from_row)?.collect()
    })?;
    stored.into_iter().map(Stored::read).collect()
}

pub(super) fn last(context: &Context<'_>, prefix: &SessionPrefix) -> Result<u64> {
    context.run(|connection| last_number(connection, prefix))
}

/// Reserves an id and inserts what is made of it.
pub(super) fn reserve(
    context: &Context<'_>,
    prefix: &SessionPrefix,
    at_least: u64,
    make: &mut dyn FnMut(&SessionId) -> (Session, Vec<Event>),
) -> Result<Session> {
    let last = context.run(|connection| last_number(connection, prefix))?;
    let number = last.checked_add(1).map(|next| next.max(at_least)).filter(|number| i64::try_from(*number).is_ok());
    let number = number.ok_or_else(|| StoreError::NoNumbers(prefix.clone()))?;
    let id = SessionId::numbered(prefix, number);

    let (mut session, events) = make(&id);
    session.id = id;
    session.row_version = 1;
    context.run(|connection| {
        connection
            .prepare_cached(
                "INSERT INTO counters (prefix, last) VALUES (?1, ?2) \
                 ON CONFLICT (prefix) DO UPDATE SET last = ?2",
            )?
            .execute(params![prefix.as_str(), number])
    })?;
    insert(context, &session)?;
    events::append(context, &events)?;
    Ok(session)
}

/// Inserts a session that came by another way than a reservation; none where its id is taken.
pub(super) fn adopt(context: &Context<'_>, session: &Session, events: &[Event]) -> Result<Option<Session>> {
    if get(context, &session.id)?.is_some() {
        return Ok(None);
    }
    let mut session = session.clone();
    session.row_version += 1;
    insert(context, &session)?;
    events::append(context, events)?;
    Ok(Some(session))
}

fn insert(context: &Context<'_>, session: &Session) -> Result<()> {
    let facts = facts(session)?;
    context.run(|connection| {
        connection
            .prepare_cached(
                "INSERT INTO sessions (id, project, project_path, created_at, row_version, facts) \
                 VALUES (?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![
                session.id.as_str(),
                session.project.as_str(),
                session.project_path.as_str(),
                session.created_at.as_millis(),
                session.row_version,
                facts,
            ])
    })?;
    Ok(())
}

/// The highest number that a prefix's sessions have had: the counter's, or that of a session that came by another way
/// than a reservation.
fn last_number(connection: &Connection, prefix: &SessionPrefix) -> rusqlite::Result<u64> {
    let counted: Option<u64> = connection
        .prepare_cached("SELECT last FROM counters WHERE prefix = ?")?
        .query_row([prefix.as_str()], |row| row.get(0))
        .optional()?;
    // `.` follows `-`, so this is the range of all that begins with the prefix and a dash.
    let range = [format!("{prefix}-"), format!("{prefix}.")];
    let mut statement = connection.prepare_cached("SELECT id FROM sessions WHERE id >= ? AND id < ?")?;
    let mut ids = statement.query_map(range, |row| row.get::<_, String>(0))?;
    ids.try_fold(counted.unwrap_or(0), |last, id| {
        let number = id?.parse::<SessionId>().ok().and_then(|id| id.number(prefix));
        Ok(last.max(number.unwrap_or(0)))
    })
}

/// Writes the facts if the row still has the version that they were read at.
pub(super) fn update(context: &Context<'_>, session: &Session, events: &[Event]) -> Result<Session> {
    let mut next = session.clone();
    next.row_version += 1;
    let facts = facts(&next)?;
    let changed = context.run(|connection| {
        connection
            .prepare_cached(
                "UPDATE sessions SET facts = ?, project = ?, project_path = ?, row_version = ? \
                 WHERE id = ? AND row_version = ?",
            )?
            .execute(params![
                facts,
                next.project.as_str(),
                next.project_path.as_str(),
                next.row_version,
                next.id.as_str(),
                session.row_version,
            ])
    })?;
    if changed == 0 {
        let id = session.id.clone();
        let found = get(context, &id)?.ok_or_else(|| StoreError::NoSession(id.clone()))?.row_version;
        return Err(StoreError::Changed { id, expected: session.row_version, found });
    }
    events::append(context, events)?;
    Ok(next)
}

/// Reads, applies, writes.
pub(super) fn change(
    context: &Context<'_>,
    id: &SessionId,
    apply: &mut dyn FnMut(&mut Session) -> Result<Vec<Event>>,
) -> Result<Session> {
    let stored = get(context, id)?.ok_or_else(|| StoreError::NoSession(id.clone()))?;
    let mut session = stored.clone();
    let events = apply(&mut session)?;
    session.id = stored.id;
    session.row_version = stored.row_version;
    update(context, &session, &events)
}

/// Changes many. Those that are gone are passed over; those whose facts stay as they were are not written.
pub(super) fn change_many(
    context: &Context<'_>,
    ids: &[SessionId],
    apply: &mut dyn FnMut(&mut Session) -> Vec<Event>,
) -> Result<Vec<Session>> {
    let mut changed = Vec::new();
    for id in ids {
        let Some(stored) = get(context, id)? else { continue };
        let mut session = stored.clone();
        let events = apply(&mut session);
        (session.id, session.row_version) = (stored.id.clone(), stored.row_version);
        if session == stored {
            events::append(context, &events)?;
        } else {
            changed.push(update(context, &session, &events)?);
        }
    }
    Ok(changed)
}

/// The version of every session.
pub(super) fn versions(context: &Context<'_>) -> Result<Vec<(SessionId, u64)>> {
    let rows: Vec<(String, u64)> = context.run(|connection| {
        let mut statement = connection.prepare_cached("SELECT id, row_version FROM sessions ORDER BY number")?;
        statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
    })?;
    let read = |(id, version): (String, u64)| match id.parse() {
        Ok(id) => Ok((id, version)),
        Err(source) => Err(StoreError::unreadable(format!("session `{id}`"), source)),
    };
    rows.into_iter().map(read).collect()
}

/// The facts as JSON.
fn facts(session: &Session) -> Result<String> {
    serde_json::to_string(session).map_err(|source| StoreError::unreadable(format!("session `{}`", session.id), source))
}
