//! The methods that every instance has beside those of its slot: how it is, and its end.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::record::record;
use crate::slots::Instance;
use crate::{Code, Error, Result};

/// Asks an instance how it is: an empty object to [`Health`].
pub const HEALTH: &str = "ao.health";
/// Asks whether the library behind an instance answers at all: an empty object to an empty object. The SDK answers it on
/// the library's own runtime; no code of the plugin's author runs.
pub const PING: &str = "ao.ping";
/// Tells an instance that it will not be called again: an empty object to an empty object.
pub const SHUTDOWN: &str = "ao.shutdown";

record! {
    /// How an instance is.
    #[derive(Eq, Default, JsonSchema)]
    pub struct Health {
        optional {
            /// Whether it can do its work.
            state: HealthState,
            /// What is wrong, for a person.
            message: String,
            /// How many calls it is working on, this one not among them. The SDK counts.
            in_flight: u64,
        }
    }
}

/// Whether an instance can do its work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HealthState {
    /// It can.
    #[default]
    Healthy,
    /// It can do some of it.
    Degraded,
    /// It cannot.
    Unhealthy,
    /// A state that this version does not know.
    #[serde(other)]
    Unknown,
}

/// The reserved methods of an instance.
#[async_trait]
pub trait Life: Send + Sync {
    /// How it is.
    async fn health(&self) -> Result<Health>;

    /// Whether it can be reached at all, whatever it is busy with. Reaches no code of the plugin's author: one that is
    /// linked in is always reached.
    async fn ping(&self) -> Result<()> {
        Ok(())
    }

    /// It will not be called again.
    async fn shutdown(&self) -> Result<()>;
}

/// What a constructor makes: the instance as its slot's trait, and the methods that every instance has.
pub struct Created {
    /// The slot's methods.
    pub instance: Instance,
    /// The reserved ones.
    pub life: std::sync::Arc<dyn Life>,
}

/// The answer to a reserved method of an instance that was built before there was one: it is well.
pub fn answered_or_older<T: Default>(answer: Result<T>) -> Result<T> {
    answer.or_else(|error: Error| {
        let older = [Code::UNKNOWN_METHOD, Code::UNSUPPORTED].contains(&error.code);
        if older { Ok(T::default()) } else { Err(error) }
    })
}
