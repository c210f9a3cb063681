//! The event log: appended to, never changed.

use ao_core::model::event::{Event, EventKind, TypePattern};
use ao_core::model::{SessionId, Timestamp};
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params, params_from_iter};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::sqlite::Context;
use super::{EventFilter, EventPage, Result, StoreError};

/// The columns that [`Stored`] reads.
pub(super) const COLUMNS: &str = "sequence, id, version, type, timestamp, session, causes, data";

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
                ])?;
            let sequence = connection.last_insert_rowid();
            for cause in &event.causes {
                let sql = "INSERT OR IGNORE INTO event_causes (cause, sequence) VALUES (?, ?)";
                connection.prepare_cached(sql)?.execute(params![cause, sequence])?;
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// A row as it is stored, before its JSON is read.
pub(super) struct Stored {
    pub(super) sequence: u64,
    pub(super) id: String,
    pub(super) version: u32,
    pub(super) kind: String,
    pub(super) timestamp: i64,
    pub(super) session: Option<String>,
    pub(super) causes: String,
    pub(super) data: String,
}

impl Stored {
    pub(super) fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
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

    pub(super) fn read(self) -> Result<Event> {
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

/// Which events to read: a condition for each index that is of use, with the values of its parameters. Their results,
/// put together, are the answer.
struct Question {
    conditions: Vec<String>,
    parameters: Vec<Sql>,
    filter: EventFilter,
}

impl Question {
    /// Finds out which types of a group there are, and where in the log a time begins, so that the reading itself only
    /// goes along indexes. To be asked in one snapshot with the reading.
    fn new(connection: &Connection, filter: &EventFilter) -> rusqlite::Result<Self> {
        let mut question = Self { conditions: Vec::new(), parameters: Vec::new(), filter: filter.clone() };
        let mut after = i64::try_from(filter.after).unwrap_or(i64::MAX);
        let mut common = Vec::new();
        if let Some(since) = filter.since {
            // With a `+`, the least of what the index on the time finds; without, SQLite would walk the log from its start.
            let sql = "SELECT min(+sequence) FROM events WHERE timestamp >= ?";
            let first: Option<i64> =
                connection.prepare_cached(sql)?.query_row([since.as_millis()], |row| row.get(0))?;
            // Nothing is as new as that, or the first event that is.
            after = after.max(first.map_or(i64::MAX, |first| first - 1));
            let place = question.parameter(since.as_millis().into());
            // The clock may have been set back since; no index is wanted for that.
            common.push(format!("+timestamp >= {place}"));
        }
        let place = question.parameter(after.into());
        common.push(format!("sequence > {place}"));
        if let Some(session) = &filter.session {
            let place = question.parameter(session.as_str().to_owned().into());
            common.push(format!("session = {place}"));
        }
        let common = common.join(" AND ");
        if filter.kinds.is_empty() {
            question.conditions.push(common);
            return Ok(question);
        }
        for kind in kinds(connection, filter)? {
            let place = question.parameter(kind.into());
            question.conditions.push(format!("{common} AND type = {place}"));
        }
        Ok(question)
    }

    fn parameter(&mut self, value: Sql) -> String {
        self.parameters.push(value);
        format!("?{}", self.parameters.len())
    }

    fn sql(&self) -> String {
        let (order, limit) = (self.order(), self.filter.limit);
        let ordered = |condition: &String| {
            format!(
                "SELECT * FROM (SELECT {COLUMNS} FROM events WHERE {condition} ORDER BY sequence {order} LIMIT {limit})"
            )
        };
        let parts: Vec<_> = self.conditions.iter().map(ordered).collect();
        format!("{} ORDER BY sequence {order} LIMIT {limit}", parts.join(" UNION ALL "))
    }

    fn order(&self) -> &'static str {
        match self.filter.page {
            EventPage::Oldest => "ASC",
            EventPage::Newest => "DESC",
        }
    }
}

/// The types in the log that are meant, each once. A group may hold types that this version does not know.
fn kinds(connection: &Connection, filter: &EventFilter) -> rusqlite::Result<Vec<String>> {
    let mut found = std::collections::BTreeSet::new();
    for pattern in &filter.kinds {
        let prefix = match pattern {
            TypePattern::Exact(kind) => {
                found.insert(kind.as_str().to_owned());
                continue;
            }
            TypePattern::Group(prefix) => prefix,
        };
        // From one to the next by the index, which is quicker than to look at all events of the group.
        let sql = "SELECT min(type) FROM events WHERE type > ?";
        let mut last = prefix.clone();
        loop {
            let next: Option<String> = connection.prepare_cached(sql)?.query_row([&last], |row| row.get(0))?;
            let Some(next) = next.filter(|next| next.starts_with(prefix.as_str())) else { break };
            found.insert(next.clone());
            last = next;
        }
    }
    Ok(found.into_iter().collect())
}

/// The events of a filter, oldest first.
pub(super) fn list(context: &Context<'_>, filter: &EventFilter) -> Result<Vec<Event>> {
    let mut stored: Vec<Stored> = context.run(|connection| {
        let question = Question::new(connection, filter)?;
        if question.conditions.is_empty() {
            return Ok(Vec::new());
        }
        let mut statement = connection.prepare_cached(&question.sql())?;
        let rows = statement.query_map(params_from_iter(&question.parameters), Stored::from_row)?;
        rows.collect()
    })?;
    if filter.page == EventPage::Newest {
        stored.reverse();
    }
    stored.into_iter().map(Stored::read).collect()
}

/// One event, by its id.
pub(super) fn get(context: &Context<'_>, id: &str) -> Result<Option<Event>> {
    one(context, "id = ?", params![id])
}

/// A session's newest event of a kind.
pub(super) fn latest(context: &Context<'_>, session: &SessionId, kind: EventKind) -> Result<Option<Event>> {
    one(context, "session = ? AND type = ? ORDER BY sequence DESC LIMIT 1", params![session.as_str(), kind.as_str()])
}

fn one(context: &Context<'_>, condition: &str, parameters: &[&dyn ToSql]) -> Result<Option<Event>> {
    let sql = format!("SELECT {COLUMNS} FROM events WHERE {condition}");
    let stored = context
        .run(|connection| connection.prepare_cached(&sql)?.query_row(parameters, Stored::from_row).optional())?;
    stored.map(Stored::read).transpose()
}

/// What an event led to, oldest first.
pub(super) fn effects(context: &Context<'_>, id: &str, limit: u32) -> Result<Vec<Event>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM events WHERE sequence IN (SELECT sequence FROM event_causes WHERE cause = ?) \
         ORDER BY sequence LIMIT ?"
    );
    let stored: Vec<Stored> = context.run(|connection| {
        // A reader may find a database that no writer has brought up to date yet.
        if !connection.table_exists(None, "event_causes")? {
            return Ok(Vec::new());
        }
        connection.prepare_cached(&sql)?.query_map(params![id, limit], Stored::from_row)?.collect()
    })?;
    stored.into_iter().map(Stored::read).collect()
}

/// The last sequence number that was given out; 0 where none was.
pub(super) fn last_sequence(context: &Context<'_>) -> Result<u64> {
    context.run(|connection| {
        let sql = "SELECT seq FROM sqlite_sequence WHERE name = 'events'";
        Ok(connection.prepare_cached(sql)?.query_row([], |row| row.get(0)).optional()?.unwrap_or(0))
    })
}

/// The word for a unit variant, as on the wire.
pub(super) fn word(value: &impl Serialize) -> serde_json::Result<String> {
    serde_json::to_value(value).and_then(serde_json::from_value)
}

/// The unit variant for a word.
pub(super) fn from_word<T: DeserializeOwned>(word: &str) -> serde_json::Result<T> {
    serde_json::from_value(Value::from(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How SQLite would read the answer.
    fn plan(connection: &Connection, filter: &EventFilter) -> Vec<String> {
        let question = Question::new(connection, filter).unwrap();
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {}", question.sql())).unwrap();
        let rows = statement.query_map(params_from_iter(&question.parameters), |row| row.get(3)).unwrap();
        rows.collect::<rusqlite::Result<_>>().unwrap()
    }

    #[test]
    fn every_reading_goes_along_an_index() {
        let directory = tempfile::tempdir().unwrap();
        let path = camino::Utf8PathBuf::from_path_buf(directory.path().join("state.db")).unwrap();
        let connection =
            super::super::schema::open(&path, std::time::Duration::ZERO, crate::failpoint::Failpoints::none()).unwrap();
        let session = || Some("app-1".parse().unwrap());
        let kinds = || ["session.killed", "host."].map(|text| text.parse().unwrap()).into();
        let insert =
            "INSERT INTO events (id, version, type, timestamp, causes, data) VALUES (?1, 1, ?1, 0, '[]', '{}')";
        for kind in ["host.started", "host.stopped", "host.of_tomorrow"] {
            connection.execute(insert, [kind]).unwrap();
        }
        let base = EventFilter { since: Some(Timestamp::from_millis(5)), ..EventFilter::default() };
        for (index, filter) in [
            ("INTEGER PRIMARY KEY (rowid>?)", base.clone()),
            ("INTEGER PRIMARY KEY (rowid>?)", EventFilter { page: EventPage::Newest, ..base.clone() }),
            ("events_by_session (session=? AND sequence>?)", EventFilter { session: session(), ..base.clone() }),
            ("events_by_type (type=? AND rowid>?)", EventFilter { kinds: kinds(), ..base.clone() }),
            (
                "events_by_session_and_type (session=? AND type=? AND rowid>?)",
                EventFilter { session: session(), kinds: kinds(), ..base },
            ),
        ] {
            let steps = plan(&connection, &filter);
            let of_events: Vec<_> = steps.iter().filter(|step| step.contains(" events")).collect();
            let parts = if filter.kinds.is_empty() { 1 } else { 4 };
            assert_eq!(of_events.len(), parts, "{steps:?}");
            for step in of_events {
                assert!(step.starts_with("SEARCH events USING") && step.ends_with(index), "{step} is not {index}");
            }
        }
        for (sql, index) in [
            ("SELECT min(+sequence) FROM events WHERE timestamp >= 5", "events_by_time"),
            ("SELECT min(type) FROM events WHERE type > 'a'", "events_by_type"),
            ("SELECT sequence FROM events WHERE id = 'a'", "sqlite_autoindex_events_1"),
            (
                "SELECT data FROM events WHERE session = 'a' AND type = 'b' ORDER BY sequence DESC LIMIT 1",
                "events_by_session_and_type",
            ),
        ] {
            let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let step: String = statement.query_row([], |row| row.get(3)).unwrap();
            assert!(step.contains(index) && !step.contains("SCAN"), "{sql}: {step}");
        }
    }
}
