//! Reactions as they are written: every key may be left out, at every level.

use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::action::WrittenAction;
use super::message::MessageTemplate;
use crate::config::model::Duration;
use crate::config::scalars::HumanDuration;
use crate::model::ReactionKey;
use crate::slots::notifier::Priority;

/// The most that a count may be.
const MOST: u32 = 1000;

/// What is done about what happens, by what happens.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub(crate) struct WrittenReactions(pub(super) BTreeMap<ReactionKey, WrittenReaction>);

impl WrittenReactions {
    /// After how long without progress an agent is stuck, where that is said.
    pub(crate) fn stuck_after(&self) -> Option<HumanDuration> {
        self.0.get(&ReactionKey::AgentStuck)?.threshold
    }
}

impl JsonSchema for WrittenReactions {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Reactions".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let rule = generator.subschema_for::<WrittenReaction>().to_value();
        let described = |key: &ReactionKey| {
            let mut rule = rule.clone();
            if let Value::Object(keywords) = &mut rule {
                keywords.insert("description".to_owned(), key.about().into());
            }
            (key.as_str().to_owned(), rule)
        };
        let properties: Map<String, Value> = ReactionKey::ALL.iter().map(described).collect();
        json_schema!({
            "type": "object",
            "description": "What is done about what happens, by what happens.",
            "properties": properties,
            "additionalProperties": false,
        })
    }
}

/// What is done about one condition.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct WrittenReaction {
    /// Whether there is a reaction at all. `true` unless set.
    pub(super) enabled: Option<bool>,
    /// Whether the action is done by itself. With `false`, a human is told in its place. `true` unless set, but for
    /// `approved-and-green`.
    pub(super) auto: Option<bool>,
    /// `send-to-agent`, `notify`, `auto-merge`, `spawn`, or a map: `{ spawn: { role: reviewer } }`, `{ run: [make, report] }`.
    pub(super) action: Option<WrittenAction>,
    /// What is said, to the agent or to a human: a template with variables such as `{{ pull.url }}`.
    #[schemars(with = "Option<MessageText>")]
    pub(super) message: Option<MessageTemplate>,
    /// How much it matters to a human.
    #[schemars(with = "Option<PriorityWord>")]
    pub(super) priority: Option<Priority>,
    /// How often the action is repeated after the first time, until the condition is over.
    #[schemars(range(min = 0, max = 1000))]
    pub(super) retries: Option<u32>,
    /// After how many actions, or how long, a human is told that the condition is not over: `2` or `30m`.
    pub(super) escalate_after: Option<EscalateAfter>,
    /// How that human is told.
    pub(super) escalate: Option<Escalate>,
    /// How long the condition has to last before anything is done about it. For `agent-stuck`: how long an agent may make no
    /// progress; `10m` unless set.
    #[schemars(with = "Option<Duration>")]
    pub(super) threshold: Option<HumanDuration>,
    /// Whether the message is followed by a list of the sessions that it is about.
    pub(super) include_summary: Option<bool>,
}

/// How a human is told that a condition is not over.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Escalate {
    /// How much it matters. The reaction's own `priority` where that is set, and `urgent` otherwise.
    #[schemars(with = "Option<PriorityWord>")]
    pub(super) priority: Option<Priority>,
}

/// When a human is told that a condition is not over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum EscalateAfter {
    /// After so many actions.
    Actions(u32),
    /// After so long.
    Time(HumanDuration),
}

/// `2 actions`, or `30m`.
impl fmt::Display for EscalateAfter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Actions(1) => f.write_str("1 action"),
            Self::Actions(count) => write!(f, "{count} actions"),
            Self::Time(time) => time.fmt(f),
        }
    }
}

impl JsonSchema for EscalateAfter {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "EscalateAfter".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["integer", "string"], "format": "ao-duration", "minimum": 1, "maximum": MOST })
    }
}

/// The schema of a [`MessageTemplate`].
struct MessageText;

impl JsonSchema for MessageText {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Message".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "ao-message" })
    }
}

/// The schema of a [`Priority`] as a user writes it.
pub(crate) struct PriorityWord;

impl JsonSchema for PriorityWord {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Priority".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": ["urgent", "action", "warning", "info"] })
    }
}
