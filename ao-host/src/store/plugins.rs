//! What plugins leave in the store: small state of their own, and how they are doing, for other processes to show.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ao_core::model::{ProcessId, Timestamp};
use ao_core::slots::runtime::Liveness;
use camino::Utf8PathBuf;
use rusqlite::{OptionalExtension, params};

use super::sqlite::{Context, SqliteStore};
use super::{Result, StoreError};
use crate::registry::{Condition, ConditionLog, ConditionState, MAX_STATE_KEYS, StateScope, StateStore, too_many_keys};
use crate::world::{Proc, World};

/// A condition whose process is gone says something for so long; then it is forgotten.
const REMEMBERED: Duration = Duration::from_hours(1);

/// How long a plugin's state, and what becomes of it, waits for another program's write: those who wait are the threads
/// of its library, or a caller. Small state may be tried again, and a condition is told as well as can be.
const PATIENCE: Duration = Duration::from_millis(250);

/// A condition as it was written down.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredCondition {
    /// Who noticed.
    pub process: ProcessId,
    /// When.
    pub changed_at: Timestamp,
    /// What.
    pub condition: Condition,
}

impl StoredCondition {
    /// What it says now: once its process is gone, or its time to try again has come, the next call decides. `None`
    /// when it is too old to say anything.
    #[must_use]
    pub fn now(self, now: Timestamp, proc: &dyn Proc) -> Option<Condition> {
        let gone = matches!(proc.look(&self.process), Liveness::Dead { .. });
        if gone && now.since(self.changed_at) > REMEMBERED {
            return None;
        }
        let mut condition = self.condition;
        let due = condition.retry_at.is_some_and(|at| at <= now);
        if gone || due {
            (condition.state, condition.retry_at) = (ConditionState::HalfOpen, None);
        }
        Some(condition)
    }
}

/// The state of one key.
pub(super) fn state(context: &Context<'_>, scope: &StateScope, key: &str) -> Result<Option<String>> {
    let (slot, name, config) = (scope.slot.as_str(), &scope.name, &scope.config);
    context.run(|connection| {
        let sql = "SELECT value FROM plugin_state WHERE slot = ? AND name = ? AND config = ? AND key = ?";
        connection.prepare_cached(sql)?.query_row(params![slot, name, config, key], |row| row.get(0)).optional()
    })
}

/// Keeps the state of one key. Whether there was room.
pub(super) fn set_state(context: &Context<'_>, scope: &StateScope, key: &str, json: &str) -> Result<bool> {
    let (slot, name, config) = (scope.slot.as_str(), &scope.name, &scope.config);
    context.run(|connection| {
        let sql = "SELECT count(*) FROM plugin_state WHERE slot = ? AND name = ? AND config = ? AND key <> ?";
        let others: usize = connection.query_row(sql, params![slot, name, config, key], |row| row.get(0))?;
        if others >= MAX_STATE_KEYS {
            return Ok(false);
        }
        let sql = "INSERT INTO plugin_state (slot, name, config, key, value) VALUES (?, ?, ?, ?, ?) \
                   ON CONFLICT DO UPDATE SET value = excluded.value";
        connection.execute(sql, params![slot, name, config, key, json])?;
        Ok(true)
    })
}

/// Forgets one key.
pub(super) fn remove_state(context: &Context<'_>, scope: &StateScope, key: &str) -> Result<()> {
    let (slot, name, config) = (scope.slot.as_str(), &scope.name, &scope.config);
    context.run(|connection| {
        let sql = "DELETE FROM plugin_state WHERE slot = ? AND name = ? AND config = ? AND key = ?";
        connection.execute(sql, params![slot, name, config, key]).map(drop)
    })
}

/// Writes a condition down; one that is as usual is no row.
pub(super) fn set_condition(context: &Context<'_>, stored: &StoredCondition) -> Result<()> {
    let condition = &stored.condition;
    let (slot, name, config) = (condition.slot.as_str(), condition.name.as_str(), &condition.config);
    let unreadable = |error| StoreError::unreadable("the condition of a plugin", error);
    let json = serde_json::to_string(condition).map_err(unreadable)?;
    let process = serde_json::to_string(&stored.process).map_err(unreadable)?;
    context.run(|connection| {
        if condition.state == ConditionState::Closed {
            let sql = "DELETE FROM plugin_conditions WHERE slot = ? AND name = ? AND config = ?";
            return connection.execute(sql, params![slot, name, config]).map(drop);
        }
        let sql = "INSERT INTO plugin_conditions (slot, name, config, changed_at, process, condition) \
                   VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET \
                   changed_at = excluded.changed_at, process = excluded.process, condition = excluded.condition";
        let at = stored.changed_at.as_millis();
        connection.execute(sql, params![slot, name, config, at, process, json]).map(drop)
    })
}

/// Every condition. One that this version cannot read is left out: it is only shown.
pub(super) fn conditions(context: &Context<'_>) -> Result<Vec<StoredCondition>> {
    let rows: Vec<(i64, String, String)> = context.run(|connection| {
        // A reader may find a database that no writer has brought up to date yet.
        if !connection.table_exists(None, "plugin_conditions")? {
            return Ok(Vec::new());
        }
        let sql = "SELECT changed_at, process, condition FROM plugin_conditions ORDER BY slot, name, config";
        let mut statement = connection.prepare(sql)?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        rows.collect()
    })?;
    let read = |(at, process, condition): (i64, String, String)| {
        let (process, condition) = (serde_json::from_str(&process).ok()?, serde_json::from_str(&condition).ok()?);
        Some(StoredCondition { process, changed_at: Timestamp::from_millis(at), condition })
    };
    Ok(rows.into_iter().filter_map(read).collect())
}

/// The part of a store that plugins leave things in, opened when the first of them does, on a connection of its own. While
/// another program writes for longer than 250 ms, it is [`Code::UNAVAILABLE`](ao_core::Code::UNAVAILABLE).
pub struct PluginStore {
    path: Utf8PathBuf,
    world: World,
    opened: Mutex<Option<Arc<SqliteStore>>>,
}

impl PluginStore {
    /// In the database at this path, of which nothing is made until something is to be kept.
    #[must_use]
    pub fn new(path: Utf8PathBuf, world: World) -> Self {
        Self { path, world, opened: Mutex::default() }
    }

    fn open(&self) -> Result<Arc<SqliteStore>> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = &*opened {
            return Ok(Arc::clone(store));
        }
        let store = Arc::new(SqliteStore::open_with(&self.path, PATIENCE)?);
        *opened = Some(Arc::clone(&store));
        Ok(store)
    }

    fn is_there(&self) -> bool {
        self.path.exists()
    }
}

impl StateStore for PluginStore {
    fn get(&self, scope: &StateScope, key: &str) -> ao_core::Result<Option<String>> {
        if !self.is_there() {
            return Ok(None);
        }
        Ok(self.open()?.plugin_state(scope, key)?)
    }

    fn set(&self, scope: &StateScope, key: &str, json: &str) -> ao_core::Result<()> {
        if self.open()?.set_plugin_state(scope, key, json)? { Ok(()) } else { Err(too_many_keys()) }
    }

    fn remove(&self, scope: &StateScope, key: &str) -> ao_core::Result<()> {
        if !self.is_there() {
            return Ok(());
        }
        Ok(self.open()?.remove_plugin_state(scope, key)?)
    }
}

impl ConditionLog for PluginStore {
    fn record(&self, condition: &Condition) {
        if condition.state == ConditionState::Closed && !self.is_there() {
            return;
        }
        let write = || {
            let process = self.world.proc.own().map_err(|source| StoreError::unreadable("this process", source))?;
            let stored = StoredCondition { process, changed_at: self.world.now(), condition: condition.clone() };
            self.open()?.set_plugin_condition(&stored)
        };
        if let Err(error) = write() {
            tracing::debug!("the condition of the plugin `{}` was not written down: {error}", condition.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use ao_core::Code;
    use ao_core::slots::Slot;

    use super::*;

    #[test]
    fn a_busy_store_is_unavailable_soon() {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::try_from(directory.path().join("store.db")).unwrap();
        let store = PluginStore::new(path.clone(), World::system());
        let scope = StateScope { slot: Slot::Tracker, name: "probe".to_owned(), config: String::new() };
        store.set(&scope, "cursor", "1").unwrap();
        let other = rusqlite::Connection::open(&path).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let world = World::system();
        let before = world.now();
        assert_eq!(store.set(&scope, "cursor", "2").unwrap_err().code, Code::UNAVAILABLE);
        assert!(world.now().since(before) < Duration::from_secs(5), "not the patience of the other store");
        assert_eq!(store.get(&scope, "cursor").unwrap().as_deref(), Some("1"), "a reader waits for no writer");
        other.execute_batch("COMMIT").unwrap();
        store.set(&scope, "cursor", "2").unwrap();
    }
}
