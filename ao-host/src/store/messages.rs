//! Messages to agents: each has a row that says how far it got, written before every step of its delivery.

use ao_core::model::event::Event;
use ao_core::model::{DeliveryLevel, SessionId, Timestamp};
use camino::Utf8PathBuf;
use rusqlite::{OptionalExtension, Params, Row, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::sqlite::Context;
use super::{Result, StoreError, events};

/// Where a message's text came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// It was said to `ao`.
    #[default]
    Words,
    /// It was handed over as a file: one that no terminal takes may be named instead.
    File,
    /// A reaction says it, for which the same holds. As long as nothing of it was typed, nobody else delivers it.
    Reaction,
}

/// What a delivery has to know of itself after a crash.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MessageFacts {
    /// Where its text came from.
    pub origin: Origin,
    /// What was put in where that is not the text itself: a line that names its file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<String>,
    /// Where the agent's own record ended before the text was put in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Value>,
    /// How often its delivery was begun.
    pub attempts: u32,
    /// Whether the key that submits was certainly given: then only the agent's own record of it may be missing, and many
    /// keep none.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub entered: bool,
    /// Why it got no further.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// One message to an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message {
    /// A ULID; the key of its delivery.
    pub id: String,
    /// To which session.
    pub session: SessionId,
    /// The file with the text.
    pub file: Utf8PathBuf,
    /// The text's SHA-256, in hexadecimal.
    pub sha256: String,
    /// How far it got.
    pub level: DeliveryLevel,
    /// When it was stored.
    pub queued_at: Timestamp,
    /// When it reached its level.
    pub changed_at: Timestamp,
    /// What its delivery has to know of itself.
    pub facts: MessageFacts,
}

impl Message {
    /// Whether it is of a reaction, and nothing of it was typed.
    #[must_use]
    pub fn waits_for_its_reaction(&self) -> bool {
        self.facts.origin == Origin::Reaction && self.level == DeliveryLevel::Queued
    }

    /// A message that is to be queued now.
    #[must_use]
    pub fn new(
        id: impl Into<String>,
        session: SessionId,
        file: impl Into<Utf8PathBuf>,
        sha256: impl Into<String>,
        now: Timestamp,
    ) -> Self {
        let (id, file, sha256) = (id.into(), file.into(), sha256.into());
        let (level, facts) = (DeliveryLevel::Queued, MessageFacts::default());
        Self { id, session, file, sha256, level, queued_at: now, changed_at: now, facts }
    }
}

/// A row as it is stored.
struct Stored {
    id: String,
    session: String,
    file: String,
    sha256: String,
    level: String,
    queued_at: i64,
    changed_at: i64,
    facts: String,
}

impl Stored {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            session: row.get(1)?,
            file: row.get(2)?,
            sha256: row.get(3)?,
            level: row.get(4)?,
            queued_at: row.get(5)?,
            changed_at: row.get(6)?,
            facts: row.get(7)?,
        })
    }

    fn read(self) -> Result<Message> {
        let what = format!("message `{}`", self.id);
        let level = events::from_word(&self.level).map_err(|source| StoreError::unreadable(&what, source))?;
        let session = self.session.parse().map_err(|source| StoreError::unreadable(&what, source))?;
        Ok(Message {
            id: self.id,
            session,
            file: self.file.into(),
            sha256: self.sha256,
            level,
            queued_at: Timestamp::from_millis(self.queued_at),
            changed_at: Timestamp::from_millis(self.changed_at),
            facts: serde_json::from_str(&self.facts).map_err(|source| StoreError::unreadable(&what, source))?,
        })
    }
}

pub(super) fn get(context: &Context<'_>, id: &str) -> Result<Option<Message>> {
    Ok(select(context, "id = ?", [id])?.pop())
}

pub(super) fn list(context: &Context<'_>, session: &SessionId) -> Result<Vec<Message>> {
    select(context, "session = ?", [session.as_str()])
}

/// The condition is that of the index `messages_waiting`.
pub(super) fn waiting(context: &Context<'_>) -> Result<Vec<Message>> {
    select(context, "level IN ('queued', 'drafting', 'drafted', 'submitted')", [])
}

fn select(context: &Context<'_>, condition: &str, parameters: impl Params) -> Result<Vec<Message>> {
    let stored: Vec<Stored> = context.run(|connection| {
        // A reader may find a database that no writer has brought up to date yet.
        let facts = if connection.column_exists(None, "messages", "facts")? { "facts" } else { "'{}'" };
        let sql = format!(
            "SELECT id, session, file, sha256, level, queued_at, changed_at, {facts} FROM messages \
             WHERE {condition} ORDER BY sequence"
        );
        connection.prepare_cached(&sql)?.query_map(parameters, Stored::from_row)?.collect()
    })?;
    stored.into_iter().map(Stored::read).collect()
}

pub(super) fn queue(context: &Context<'_>, message: &Message, log: &[Event]) -> Result<()> {
    let exists = context.run(|connection| {
        let id = message.session.as_str();
        connection.prepare_cached("SELECT 1 FROM sessions WHERE id = ?")?.query_row([id], |_| Ok(())).optional()
    })?;
    exists.ok_or_else(|| StoreError::NoSession(message.session.clone()))?;
    let (level, facts) = (level_word(message.level)?, facts_text(&message.facts)?);
    context.run(|connection| {
        connection
            .prepare_cached(
                "INSERT INTO messages (id, session, file, sha256, level, queued_at, changed_at, facts) \
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![
                message.id,
                message.session.as_str(),
                message.file.as_str(),
                message.sha256,
                level,
                message.queued_at.as_millis(),
                message.changed_at.as_millis(),
                facts,
            ])
    })?;
    events::append(context, log)
}

/// Takes a message to another level, if it still has the one that it is to leave.
pub(super) fn advance(
    context: &Context<'_>,
    id: &str,
    from: DeliveryLevel,
    to: DeliveryLevel,
    at: Timestamp,
    log: &[Event],
) -> Result<Message> {
    let mut message = get(context, id)?.ok_or_else(|| StoreError::NoMessage(id.to_owned()))?;
    if message.level != from {
        return Err(StoreError::MessageMoved { id: message.id, expected: from, found: message.level });
    }
    (message.level, message.changed_at) = (to, at);
    let level = level_word(to)?;
    context.run(|connection| {
        connection.prepare_cached("UPDATE messages SET level = ?, changed_at = ? WHERE id = ?")?.execute(params![
            level,
            at.as_millis(),
            id
        ])
    })?;
    events::append(context, log)?;
    Ok(message)
}

/// Writes down what a delivery has to know of itself.
pub(super) fn note(context: &Context<'_>, id: &str, facts: &MessageFacts) -> Result<()> {
    let text = facts_text(facts)?;
    let changed = context.run(|connection| {
        connection.prepare_cached("UPDATE messages SET facts = ? WHERE id = ?")?.execute([text.as_str(), id])
    })?;
    if changed == 0 { Err(StoreError::NoMessage(id.to_owned())) } else { Ok(()) }
}

fn facts_text(facts: &MessageFacts) -> Result<String> {
    serde_json::to_string(facts).map_err(|source| StoreError::unreadable("the facts of a message", source))
}

fn level_word(level: DeliveryLevel) -> Result<String> {
    events::word(&level).map_err(|source| StoreError::unreadable("a delivery level", source))
}
