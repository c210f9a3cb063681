//! The host as one instance sees it: its lines, and what it asks by name.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use ao_core::config::Secrets;
use ao_core::plugin::{
    GetState, Host, ReadSecret, RemoveState, SECRET, STATE_GET, STATE_REMOVE, STATE_SET, SecretValue, SetState,
    StateChanged, StateValue, WAKE, WakeHost, Woken, decode, encode, no_such_call,
};
use ao_core::{Error, Result};
use async_trait::async_trait;

use super::lines::{Budget, Fate, written};
use super::services::{Services, Settings, StateScope, check_key, checked_value};

/// What is kept out of an instance's errors and lines; it grows with what the instance reads.
#[derive(Clone, Debug, Default)]
pub(super) struct Masks(Arc<RwLock<Secrets>>);

impl Masks {
    pub(super) fn new(secrets: Secrets) -> Self {
        Self(Arc::new(RwLock::new(secrets)))
    }

    fn extend(&self, more: &Secrets) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).extend(more);
    }

    /// A text without them.
    pub(super) fn text(&self, text: &str) -> String {
        self.0.read().unwrap_or_else(PoisonError::into_inner).mask(text)
    }

    /// A plugin may quote its configuration, with what its references stood for.
    pub(super) fn error(&self, error: &mut Error) {
        error.message = self.text(&error.message);
        for cause in &mut error.chain {
            *cause = self.text(cause);
        }
        if let Some(field) = &mut error.field {
            *field = self.text(field);
        }
    }
}

/// The host of one instance.
pub(super) struct InstanceHost {
    pub(super) scope: StateScope,
    pub(super) masks: Masks,
    pub(super) settings: Arc<dyn Settings>,
    pub(super) services: Services,
    budget: Mutex<Budget>,
}

impl InstanceHost {
    pub(super) fn new(scope: StateScope, masks: Masks, settings: Arc<dyn Settings>, services: Services) -> Self {
        let budget = Mutex::new(Budget::new(services.world.now()));
        Self { scope, masks, settings, services, budget }
    }

    /// How many lines were dropped.
    pub(super) fn dropped_lines(&self) -> u64 {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner).dropped()
    }

    fn answer(&self, method: &str, payload: &[u8]) -> Result<Vec<u8>> {
        let (scope, state) = (&self.scope, &self.services.state);
        match method {
            WAKE => {
                let request: WakeHost = decode(method, payload)?;
                let heard = self.services.ear.as_ref().map(|ear| ear.wake(scope.slot, &scope.name, &request)).is_some();
                encode(method, &Woken::new(heard))
            }
            SECRET => {
                let request: ReadSecret = decode(method, payload)?;
                let (value, mut secrets) = self.settings.read(&request.field)?;
                secrets.add(&value);
                self.masks.extend(&secrets);
                encode(method, &SecretValue::new(value))
            }
            STATE_GET => {
                let request: GetState = decode(method, payload)?;
                check_key(&request.key)?;
                let mut reply = StateValue::new();
                if let Some(json) = state.get(scope, &request.key)? {
                    reply.value = decode(method, json.as_bytes())?;
                }
                encode(method, &reply)
            }
            STATE_SET => {
                let request: SetState = decode(method, payload)?;
                check_key(&request.key)?;
                state.set(scope, &request.key, &checked_value(&request.value)?)?;
                encode(method, &StateChanged::new())
            }
            STATE_REMOVE => {
                let request: RemoveState = decode(method, payload)?;
                check_key(&request.key)?;
                state.remove(scope, &request.key)?;
                encode(method, &StateChanged::new())
            }
            _ => Err(no_such_call(method)),
        }
    }
}

macro_rules! at_level {
    ($level:expr, $emit:ident $($arguments:tt)*) => {
        match $level {
            0 | 1 => tracing::$emit!(target: "ao::plugin", tracing::Level::ERROR, $($arguments)*),
            2 => tracing::$emit!(target: "ao::plugin", tracing::Level::WARN, $($arguments)*),
            3 => tracing::$emit!(target: "ao::plugin", tracing::Level::INFO, $($arguments)*),
            4 => tracing::$emit!(target: "ao::plugin", tracing::Level::DEBUG, $($arguments)*),
            _ => tracing::$emit!(target: "ao::plugin", tracing::Level::TRACE, $($arguments)*),
        }
    };
}

#[async_trait]
impl Host for InstanceHost {
    fn log_enabled(&self, level: u8, _target: &str) -> bool {
        at_level!(level, enabled)
    }

    fn log(&self, call: u64, level: u8, target: &str, message: &str) {
        if !at_level!(level, enabled) {
            return;
        }
        let fate = self.budget.lock().unwrap_or_else(PoisonError::into_inner).take(self.services.world.now());
        let Fate::Keep { untold } = fate else { return };
        let plugin = &self.scope.name;
        if untold > 0 {
            tracing::warn!(target: "ao::plugin", plugin, "{untold} lines were dropped: it writes too many");
        }
        // A line is one line, and no terminal acts on it.
        let message = written(message, |text| self.masks.text(text));
        let target = written(target, |text| self.masks.text(text));
        at_level!(level, event plugin, module = target, call, "{message}");
    }

    async fn call(&self, method: &str, payload: Vec<u8>) -> Result<Vec<u8>> {
        self.answer(method, &payload)
    }
}
