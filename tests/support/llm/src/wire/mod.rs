//! The languages of the services: how a question is read, and how an answer is written, whole or as events.

mod chat;
mod failure;
mod messages;
mod responses;

use serde_json::{Value, json};

use crate::answer::{Event, Named};
use crate::asked::{Api, Asked, Delivery};

pub(crate) use failure::failure;

/// Reads a question; none where this API is not asked questions.
pub(crate) fn read(api: Api, body: &Value) -> Option<Asked> {
    match api {
        Api::Messages | Api::CountTokens => Some(messages::read(body)),
        Api::Chat => Some(chat::read(body)),
        Api::Responses => Some(responses::read(body)),
        Api::Models | Api::Ping | Api::Unknown => None,
    }
}

/// Writes an answer whole.
pub(crate) fn whole(api: Api, named: &Named) -> Value {
    match api {
        Api::Chat => chat::whole(named),
        Api::Responses => responses::whole(named),
        _ => messages::whole(named),
    }
}

/// Writes an answer as events.
pub(crate) fn events(api: Api, named: &Named, delivery: Delivery) -> Vec<Event> {
    match api {
        Api::Chat => chat::events(named, delivery),
        Api::Responses => responses::events(named),
        _ => messages::events(named),
    }
}

/// The models, in one list for both services' clients.
pub(crate) fn models() -> Value {
    let model = |id: &str| {
        json!({ "type": "model", "object": "model", "id": id, "display_name": id, "created": 1_700_000_000,
                "created_at": "2023-11-14T22:13:20Z", "owned_by": "script" })
    };
    json!({ "object": "list", "data": [model("scripted")], "has_more": false,
            "first_id": "scripted", "last_id": "scripted" })
}

/// How a question says whether it wants a stream.
fn delivery(body: &Value) -> Delivery {
    if body["stream"] == true { Delivery::Stream } else { Delivery::Whole }
}

/// The texts of a content: a string, or a list of parts of which some are texts.
fn texts(content: &Value) -> Vec<&str> {
    match content {
        Value::String(text) => vec![text],
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
        _ => Vec::new(),
    }
}

/// A list that may not be there.
fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn string(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
