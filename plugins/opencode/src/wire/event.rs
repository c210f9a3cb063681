//! An event of the server's, as far as it is used.

use ao_plugin_sdk::prelude::*;

use super::look::{Asked, Info, Status, error};
use super::{id, text};

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A session's status changed.
    Status { session: String, status: Status },
    /// Something failed, by the error's name and in words.
    Failed { session: Option<String>, error: (String, String) },
    /// A message is new, or changed.
    Message { session: String, info: Info },
    /// A part of a message is new, or changed.
    Part { session: String, part: Part },
    /// A piece of a part's text.
    Piece { session: String, part: String, text: String },
    /// A session asks something.
    Asks(Asked),
    /// A question has its answer.
    Answered { session: String, id: String },
    /// A session began, maybe for another one.
    Began { session: String, parent: String },
    /// A session's title.
    Titled { session: String, title: String },
    /// Something else.
    Other,
}

/// A part of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// A text that the agent says, piece by piece.
    Text { id: String },
    /// A tool call, what it is about, and its state.
    Tool { call: String, title: String, state: String },
    /// Something else.
    Other,
}

impl Event {
    /// Reads an event: one of a directory's, or one of all, which has the other in its `payload`.
    pub(crate) fn of(value: &Value) -> Self {
        let value = value.get("payload").unwrap_or(value);
        let kind = value.get("type").and_then(Value::as_str).unwrap_or_default();
        let of = |properties: &Value| Self::read(kind, properties);
        value.get("properties").and_then(of).unwrap_or(Self::Other)
    }

    fn read(kind: &str, properties: &Value) -> Option<Self> {
        let session = id(properties, "/sessionID").or_else(|| id(properties, "/info/sessionID"));
        Some(match kind {
            "session.status" => Self::Status { session: session?, status: Status::of(properties.get("status")?) },
            "session.idle" => Self::Status { session: session?, status: Status::Idle },
            "session.error" => Self::Failed { session, error: error(properties.get("error")?) },
            "message.updated" => Self::Message { session: session?, info: Info::of(properties.get("info")?)? },
            "message.part.updated" => Self::Part { session: session?, part: Part::of(properties.get("part")?) },
            "message.part.delta" if properties.get("field").and_then(Value::as_str) == Some("text") => Self::Piece {
                session: session?,
                part: id(properties, "/partID")?,
                text: properties.get("delta")?.as_str()?.to_owned(),
            },
            "permission.asked" => Self::Asks(Asked::permission(properties)?),
            "question.asked" => Self::Asks(Asked::questions(properties)?),
            "permission.replied" | "question.replied" | "question.rejected" => {
                let id = ["/requestID", "/permissionID", "/id"].iter().find_map(|pointer| id(properties, pointer));
                Self::Answered { session: session?, id: id? }
            }
            "session.created" => {
                Self::Began { session: id(properties, "/info/id")?, parent: id(properties, "/info/parentID")? }
            }
            "session.updated" => {
                Self::Titled { session: id(properties, "/info/id")?, title: text(properties, "/info/title")? }
            }
            _ => Self::Other,
        })
    }
}

impl Part {
    fn of(part: &Value) -> Self {
        let read = || {
            Some(match part.get("type").and_then(Value::as_str)? {
                "text" if part.pointer("/time/start").is_some() => Self::Text { id: id(part, "/id")? },
                "tool" => {
                    let tool = text(part, "/tool")?;
                    let about = ["/state/input/command", "/state/input/filePath", "/state/input/description"];
                    let about = about.into_iter().find_map(|pointer| text(part, pointer));
                    let title = about.map_or_else(|| tool.clone(), |about| format!("{tool}: {about}"));
                    Self::Tool { call: text(part, "/callID")?, title, state: text(part, "/state/status")? }
                }
                _ => Self::Other,
            })
        };
        read().unwrap_or(Self::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Frames, MOST_FRAME};
    use super::*;
    use proptest::prelude::*;

    fn captured() -> Vec<Event> {
        let (mut frames, mut found) = (Frames::new(MOST_FRAME), Vec::new());
        frames.push(include_bytes!("../../tests/fixtures/turn.sse"), |value| found.push(Event::of(&value)));
        found
    }

    #[test]
    fn a_captured_turn_is_understood() {
        let events = captured();
        let count = |is: fn(&Event) -> bool| events.iter().filter(|event| is(event)).count();
        assert!(count(|event| matches!(event, Event::Status { status: Status::Busy, .. })) > 0);
        assert_eq!(count(|event| matches!(event, Event::Asks(_))), 1);
        assert!(count(|event| matches!(event, Event::Piece { .. })) > 3);
        assert!(count(|event| matches!(event, Event::Part { part: Part::Tool { .. }, .. })) > 1);
        assert!(count(|event| matches!(event, Event::Message { info, .. } if info.is_assistant)) > 0);
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,12}".prop_map(Value::from)
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            let keys = prop_oneof![
                Just("info".to_owned()),
                Just("part".to_owned()),
                Just("sessionID".to_owned()),
                Just("id".to_owned()),
                Just("status".to_owned()),
                "[a-z]{1,6}"
            ];
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map(keys, inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn reading_is_total(kind in prop_oneof![Just("session.status"), Just("message.updated"), Just("message.part.updated"), Just("permission.asked"), Just("question.asked"), Just("session.error")], properties in any_json()) {
            let _ = Event::of(&json!({"type": kind, "properties": properties}));
        }
    }
}
