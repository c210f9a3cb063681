//! The append-only log: what happened, in order, and why.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{SessionId, Timestamp};
use crate::record::record;

/// The version of the event's envelope.
pub const EVENT_VERSION: u32 = 1;

record! {
    /// One thing that happened.
    #[derive(Eq, JsonSchema)]
    pub struct Event {
        required {
            /// [`EVENT_VERSION`].
            version: u32,
            /// A ULID.
            id: String,
            /// What happened.
            #[serde(rename = "type")]
            kind: EventKind,
            /// When.
            timestamp: Timestamp,
            /// The details, by type.
            data: Value,
        }
        optional {
            /// The place in the log; assigned by the store. Order is by this, never by time.
            sequence: u64,
            /// The session that it is about.
            session: Option<SessionId>,
            /// The ids of the events that led to it.
            causes: Vec<String>,
        }
    }
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub enum EventKind {
    /// A session was asked for, and its id reserved.
    #[serde(rename = "session.requested")]
    SessionRequested,
    /// Its agent was launched.
    #[serde(rename = "session.spawned")]
    SessionSpawned,
    /// Its spawn failed and was undone.
    #[serde(rename = "session.errored")]
    SessionErrored,
    /// It was ended.
    #[serde(rename = "session.killed")]
    SessionKilled,
    /// What a probe says of its runtime changed.
    #[serde(rename = "runtime.probe_changed")]
    RuntimeProbeChanged,
    /// Its agent ended.
    #[serde(rename = "runtime.exited")]
    RuntimeExited,
    /// What its agent does changed.
    #[serde(rename = "agent.activity_changed")]
    AgentActivityChanged,
    /// A message was stored.
    #[serde(rename = "message.queued")]
    MessageQueued,
    /// A message stands in the agent's composer.
    #[serde(rename = "message.drafted")]
    MessageDrafted,
    /// A message was submitted.
    #[serde(rename = "message.submitted")]
    MessageSubmitted,
    /// The agent's record shows a message.
    #[serde(rename = "message.acked")]
    MessageAcked,
    /// Whether a message arrived cannot be told.
    #[serde(rename = "message.unconfirmed")]
    MessageUnconfirmed,
    /// A message did not arrive.
    #[serde(rename = "message.failed")]
    MessageFailed,
    /// A kind that this version does not know.
    #[serde(other, rename = "unknown")]
    Unknown,
}
