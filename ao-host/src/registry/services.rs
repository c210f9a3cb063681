//! What a registry is given to serve its instances with: time and chance, an ear for those who want to be looked at,
//! a place for their small state, and one for what becomes of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use ao_core::config::Secrets;
use ao_core::plugin::WakeHost;
use ao_core::slots::Slot;
use ao_core::{Error, Result};
use serde_json::Value;

use super::Condition;
use crate::world::World;

/// What instances are served with. Cheap to clone.
#[derive(Clone)]
pub struct Services {
    /// Time and chance.
    pub world: World,
    /// Hears those who want the host to look sooner; none where nobody looks again.
    pub ear: Option<Arc<dyn Ear>>,
    /// Keeps small state.
    pub state: Arc<dyn StateStore>,
    /// Keeps what becomes of plugins; none where nobody reads it.
    pub conditions: Option<Arc<dyn ConditionLog>>,
}

impl Services {
    /// For a host that keeps nothing beyond its own life.
    #[must_use]
    pub fn passing(world: World) -> Self {
        Self { world, ear: None, state: Arc::new(PassingState::default()), conditions: None }
    }
}

/// Hears instances that want the host to look sooner.
pub trait Ear: Send + Sync {
    /// Somebody wants it to. Never blocks.
    fn wake(&self, slot: Slot, name: &str, request: &WakeHost);
}

/// Keeps what becomes of plugins, so that other processes can show it.
pub trait ConditionLog: Send + Sync {
    /// Writes down a change. Failing to is told in the log only: the plugin's calls go on.
    fn record(&self, condition: &Condition);
}

/// Reads a setting of an instance's configuration as its references read now.
pub trait Settings: Send + Sync {
    /// The setting's text with the secrets in it; [`Code::NOT_FOUND`](ao_core::Code::NOT_FOUND) where there is no such
    /// setting.
    fn read(&self, field: &str) -> Result<(String, Secrets)>;
}

/// Whose state it is: equal configurations of a plugin share it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StateScope {
    /// The slot.
    pub slot: Slot,
    /// The plugin's name.
    pub name: String,
    /// The SHA-256 of its configuration as it was written, references unexpanded: a new password is no new instance.
    pub config: String,
}

/// The longest name of a piece of state, in bytes.
pub const MAX_STATE_KEY: usize = 128;
/// The longest piece of state, in bytes of JSON.
pub const MAX_STATE_VALUE: usize = 64 * 1024;
/// The most pieces of state of an instance.
pub const MAX_STATE_KEYS: usize = 256;

/// Keeps small state of instances. Keys and values within the limits above; the number of keys is its own to watch.
pub trait StateStore: Send + Sync {
    /// The JSON that was kept under this key.
    fn get(&self, scope: &StateScope, key: &str) -> Result<Option<String>>;

    /// Keeps JSON under this key, unless that is one key too many: [`too_many_keys`].
    fn set(&self, scope: &StateScope, key: &str, json: &str) -> Result<()>;

    /// Forgets a key.
    fn remove(&self, scope: &StateScope, key: &str) -> Result<()>;
}

/// The refusal of one key too many.
#[must_use]
pub fn too_many_keys() -> Error {
    Error::invalid_input(format!("an instance keeps at most {MAX_STATE_KEYS} keys of state; remove one first"))
}

/// Refuses a name of state that is empty or too long.
pub(super) fn check_key(key: &str) -> Result<()> {
    if key.is_empty() || key.len() > MAX_STATE_KEY {
        let message = format!("a key of state has 1 to {MAX_STATE_KEY} bytes, this one {}", key.len());
        return Err(Error::invalid_input(message).at_field("key"));
    }
    Ok(())
}

/// The JSON of a piece of state, unless it is too long.
pub(super) fn checked_value(value: &Value) -> Result<String> {
    let json = value.to_string();
    if json.len() > MAX_STATE_VALUE {
        let message = format!("a piece of state has at most {MAX_STATE_VALUE} bytes as JSON, this one {}", json.len());
        return Err(Error::invalid_input(message).at_field("value"));
    }
    Ok(json)
}

/// State in memory.
#[derive(Debug, Default)]
pub struct PassingState(Mutex<BTreeMap<StateScope, BTreeMap<String, String>>>);

impl StateStore for PassingState {
    fn get(&self, scope: &StateScope, key: &str) -> Result<Option<String>> {
        let scopes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(scopes.get(scope).and_then(|keys| keys.get(key)).cloned())
    }

    fn set(&self, scope: &StateScope, key: &str, json: &str) -> Result<()> {
        let mut scopes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = scopes.entry(scope.clone()).or_default();
        if keys.len() >= MAX_STATE_KEYS && !keys.contains_key(key) {
            return Err(too_many_keys());
        }
        keys.insert(key.to_owned(), json.to_owned());
        Ok(())
    }

    fn remove(&self, scope: &StateScope, key: &str) -> Result<()> {
        let mut scopes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        scopes.get_mut(scope).and_then(|keys| keys.remove(key));
        Ok(())
    }
}
