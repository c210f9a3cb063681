//! The append-only log: what happened, in order, and why.

mod data;
mod kind;
mod later;
mod pattern;
mod reaction;
mod schema;
mod text;

use schemars::JsonSchema;
use serde_json::Value;

use super::{SessionId, Timestamp};
use crate::record::record;

pub use data::*;
pub use kind::{EventData, EventKind};
pub use later::*;
pub use pattern::{TypePattern, UnknownType};
pub use reaction::*;
pub use schema::schema;

/// The version of the event's envelope.
pub const EVENT_VERSION: u32 = 1;

record! {
    /// One thing that happened.
    #[derive(Eq, JsonSchema)]
    pub struct Event {
        required {
            /// The version of this envelope: 1.
            version: u32,
            /// A ULID.
            id: String,
            /// What happened.
            #[serde(rename = "type")]
            kind: EventKind,
            /// When.
            timestamp: Timestamp,
            /// The details, by type. Those of a newer version are kept as they are.
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

impl Event {
    /// The details, if they are what this version knows of the type.
    #[must_use]
    pub fn typed(&self) -> Option<EventData> {
        EventData::read(self.kind, &self.data)
    }

    /// The same event, led to by another one.
    #[must_use]
    pub fn caused_by(mut self, cause: &Event) -> Self {
        self.causes.push(cause.id.clone());
        self
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_older_versions_wrote_is_read() {
        let read = |kind, data| EventData::read(kind, &data);
        let spawned = read(EventKind::SessionSpawned, json!({"runtime": "tmux", "recovered": true}));
        assert!(matches!(spawned, Some(EventData::SessionSpawned(facts)) if facts.recovered && facts.agent.is_none()));
        let probed = read(EventKind::RuntimeProbeChanged, json!({"liveness": null}));
        assert!(matches!(probed, Some(EventData::RuntimeProbeChanged(facts)) if facts.liveness.is_none()));
        let failed = json!({"step": "worktree_add", "error": {"code": "other", "message": "no room"}});
        assert!(matches!(read(EventKind::SessionErrored, failed), Some(EventData::SessionErrored(_))));
    }

    #[test]
    fn what_cannot_be_read_stays_a_value() {
        let event = |kind, data| Event::new(1_u32, "x", kind, Timestamp::from_millis(0), data);
        assert_eq!(event(EventKind::SessionKilled, json!({"by": "nobody"})).typed(), None);
        assert_eq!(event(EventKind::Unknown, json!({"reason": "x"})).typed(), None);
        let killed = event(EventKind::SessionKilled, json!({"reason": "x", "later": 1})).typed();
        assert_eq!(killed, Some(EventData::SessionKilled(SessionKilled::new("x"))));
    }
}
