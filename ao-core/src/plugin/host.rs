//! What an instance may ask of its host: log lines, and calls by name whose requests and replies are JSON.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde_json::Value;

use crate::model::SessionId;
use crate::record::record;
use crate::{Code, Error, Result};

/// Asks the host to look sooner: [`WakeHost`] to [`Woken`].
pub const WAKE: &str = "ao.wake";
/// Reads a setting anew: [`ReadSecret`] to [`SecretValue`].
pub const SECRET: &str = "ao.secret";
/// Reads small state: [`GetState`] to [`StateValue`].
pub const STATE_GET: &str = "ao.state.get";
/// Writes small state: [`SetState`] to [`StateChanged`].
pub const STATE_SET: &str = "ao.state.set";
/// Removes small state: [`RemoveState`] to [`StateChanged`].
pub const STATE_REMOVE: &str = "ao.state.remove";

/// What an instance may ask of its host.
#[async_trait]
pub trait Host: Send + Sync + 'static {
    /// Whether a log line of this level (1 error to 5 trace) would be kept.
    fn log_enabled(&self, level: u8, target: &str) -> bool;

    /// Hands over a log line that belongs to a call (0: to none). Never blocks.
    fn log(&self, call: u64, level: u8, target: &str, message: &str);

    /// Calls a method of the host with JSON. Polled on whichever thread asks, also a library's: what it does needs no
    /// runtime of its own.
    async fn call(&self, method: &str, payload: Vec<u8>) -> Result<Vec<u8>>;
}

/// A host that keeps nothing and answers nothing, for tests.
#[derive(Debug)]
pub struct NoHost;

#[async_trait]
impl Host for NoHost {
    fn log_enabled(&self, _level: u8, _target: &str) -> bool {
        false
    }

    fn log(&self, _call: u64, _level: u8, _target: &str, _message: &str) {}

    async fn call(&self, method: &str, _payload: Vec<u8>) -> Result<Vec<u8>> {
        Err(no_such_call(method))
    }
}

/// The answer of a host to a name that it does not know: [`Code::UNKNOWN_METHOD`], as from an instance.
#[must_use]
pub fn no_such_call(method: &str) -> Error {
    Error::new(
        Code::UNKNOWN_METHOD,
        format!("this host has no `{method}`: it is older than the call, or keeps no such thing"),
    )
}

record! {
    /// Asks the host to look sooner than it would by itself.
    #[derive(Eq, JsonSchema)]
    pub struct WakeHost {
        optional {
            /// Why, for the log.
            reason: String,
            /// Which sessions to look at; none is all.
            sessions: Vec<SessionId>,
        }
    }

    /// Whether somebody heard it.
    #[derive(Eq, JsonSchema)]
    pub struct Woken {
        required {
            /// A command that is about to end has nobody who looks again.
            heard: bool,
        }
    }

    /// Asks for a setting of the instance's own configuration as its reference reads now.
    #[derive(Eq, JsonSchema)]
    pub struct ReadSecret {
        required {
            /// The setting: its keys from the plugin's block inwards, separated by `.`.
            field: String,
        }
    }

    /// A setting's text.
    #[derive(Eq, JsonSchema)]
    pub struct SecretValue {
        required {
            /// The text, with its references expanded.
            value: String,
        }
    }

    /// Asks for a piece of state.
    #[derive(Eq, JsonSchema)]
    pub struct GetState {
        required {
            /// Its name, at most 128 bytes.
            key: String,
        }
    }

    /// A piece of state.
    #[derive(JsonSchema)]
    pub struct StateValue {
        optional {
            /// What was kept; `null` where there is nothing, or nothing any more.
            value: Value,
        }
    }

    /// Keeps a piece of state. It may be gone at any time, and it is no place for secrets.
    #[derive(JsonSchema)]
    pub struct SetState {
        required {
            /// Its name, at most 128 bytes.
            key: String,
            /// Its value, at most 64 KiB as JSON.
            value: Value,
        }
    }

    /// Forgets a piece of state, where there is one.
    #[derive(Eq, JsonSchema)]
    pub struct RemoveState {
        required {
            /// Its name.
            key: String,
        }
    }

    /// The state is as was asked.
    #[derive(Eq, JsonSchema)]
    pub struct StateChanged {}
}
