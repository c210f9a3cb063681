//! The event log: appended to, never changed.

use ao_core::model::event::{Event, EventKind};
use ao_core::model::{SessionId, Timestamp};
use rusqlite::{Row, named_params, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::sqlite::Context;
use super::{EventFilter, Result, StoreError};

/// Appends events; the log gives them their sequence numbers.
pub(super) fn append(context: &Context<'_>, events: &[Event]) -> Result<()> {
    for event in events {
        let bad = |source| StoreError::unreadable(format!("event `{}`", event.id), source);
        let kind = word(&event.kind).map_err(bad)?;
        let causes = serde_json::to_string(&event.causes).map_err(bad)?;
        let data = event.data.to_string();
        context.run(|connection| {
            connection
                .prepare_cached(
                    "INSERT INTO events (id, version, type, timestamp, session, causes, data) \
                     VALUES (?, ?, ?, ?, ?, ?, ?)",
                )?
                .execute(params![
                    event.id,
                    event.version,
                    kind,
                    event.timestamp.as_millis(),
                    event.session.as_ref().map(SessionId::as_str),
                    causes,
                    data,
                ])
        })?;
    }
    Ok(())
}

/// A row as it is stored, before its JSON is read.
struct Stored {
    sequence: u64,
    id: String,
    version: u32,
    kind: String,
    timestamp: i64,
    session: Option<String>,
    causes: String,
    data: String,
}

impl Stored {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            sequence: row.get(0)?,
            id: row.get(1)?,
            version: row.get(2)?,
            kind: row.get(3)?,
            timestamp: row.get(4)?,
            session: row.get(5)?,
            causes: row.get(6)?,
            data: row.get(7)?,
        })
    }

    fn read(self) -> Result<Event> {
        let what = format!("event {}", self.sequence);
        let bad = |source| StoreError::unreadable(&what, source);
        let kind: EventKind = from_word(&self.kind).map_err(bad)?;
        let data: Value = serde_json::from_str(&self.data).map_err(bad)?;
        let mut event = Event::new(self.version, self.id, kind, Timestamp::from_millis(self.timestamp), data);
        event.sequence = self.sequence;
        event.causes = serde_json::from_str(&self.causes).map_err(bad)?;
        let session = self.session.map(|id| id.parse::<SessionId>()).transpose();
        event.session = session.map_err(|source| StoreError::unreadable(&what, source))?;
        Ok(event)
    }
}

pub(super) fn list(context: &Context<'_>, filter: &EventFilter) -> Result<Vec<Event>> {
    // Two statements, because the index on the session is of use to one of them only.
    let by_session = if filter.session.is_some() { "session = :session AND" } else { ":session IS NULL AND" };
    let sql = format!(
        "SELECT sequence, id, version, type, timestamp, session, causes, data FROM events \
         WHERE {by_session} sequence > :after ORDER BY sequence LIMIT :limit"
    );
    let stored: Vec<Stored> = context.run(|connection| {
        let filter = named_params! {
            ":session": filter.session.as_ref().map(SessionId::as_str),
            ":after": i64::try_from(filter.after).unwrap_or(i64::MAX),
            ":limit": filter.limit,
        };
        connection.prepare_cached(&sql)?.query_map(filter, Stored::from_row)?.collect()
    })?;
    stored.into_iter().map(Stored::read).collect()
}

/// The word for a unit variant, as on the wire.
pub(super) fn word(value: &impl Serialize) -> serde_json::Result<String> {
    serde_json::to_value(value).and_then(serde_json::from_value)
}

/// The unit variant for a word.
pub(super) fn from_word<T: DeserializeOwned>(word: &str) -> serde_json::Result<T> {
    serde_json::from_value(Value::from(word))
}
