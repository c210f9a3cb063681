//! Anthropic Messages.

use serde_json::{Value, json};

use super::{delivery, list, string, texts};
use crate::answer::{Event, Named, Part, pieces};
use crate::asked::{Asked, said_meanwhile};
use crate::tool::{Call, Form, Tool};
use crate::usage::Tokens;

pub(super) fn read(body: &Value) -> Asked {
    let mut asked = Asked {
        model: string(&body["model"]),
        delivery: delivery(body),
        system: texts(&body["system"]).join("\n"),
        messages: list(&body["messages"]).count(),
        tools: list(&body["tools"]).map(tool).collect(),
        schema: body["output_config"]["format"].get("schema").cloned(),
        most: body["max_tokens"].as_u64(),
        ..Asked::default()
    };
    for message in list(&body["messages"]) {
        let content = &message["content"];
        match message["role"].as_str() {
            // The results of tools stand here, too. A text beside them is a new turn: a tool was interrupted.
            Some("user") => asked.user_says(texts(content)),
            Some("assistant") => {
                asked.answers += 1;
                asked.rounds += usize::from(list(content).any(|part| part["type"] == "tool_use"));
            }
            // Instructions in the middle of a conversation.
            Some("system") => asked.user_says(texts(content).into_iter().filter_map(said_meanwhile)),
            _ => {}
        }
    }
    asked
}

fn tool(tool: &Value) -> Tool {
    Tool { name: string(&tool["name"]), form: Form::Function(tool["input_schema"].clone()) }
}

pub(super) fn whole(named: &Named) -> Value {
    let mut content = vec![json!({ "type": "text", "text": named.answer.text })];
    if let Some(call) = &named.answer.call {
        let mut part = tool_use(named, call);
        part["input"] = call.input.clone();
        content.push(part);
    }
    let mut message = message(named);
    message["content"] = json!(content);
    message["stop_reason"] = json!(stop_reason(named));
    message["usage"] = usage(named.answer.tokens);
    message
}

pub(super) fn events(named: &Named) -> Vec<Event> {
    let tokens = named.answer.tokens;
    let mut events = Vec::new();
    let mut add = |part, kind, data| events.push(Event::typed(part, kind, data));

    // The first word on tokens, as the service gives it: what was read, and a beginning of what is written.
    let mut start = message(named);
    start["usage"] = usage(Tokens { output: 1, ..tokens });
    add(Part::Start, "message_start", json!({ "message": start }));
    add(Part::Start, "content_block_start", json!({ "index": 0, "content_block": { "type": "text", "text": "" } }));
    add(Part::Start, "ping", json!({}));
    for piece in pieces(&named.answer.text) {
        let delta = json!({ "type": "text_delta", "text": piece });
        add(Part::Piece, "content_block_delta", json!({ "index": 0, "delta": delta }));
    }
    add(Part::End, "content_block_stop", json!({ "index": 0 }));
    if let Some(call) = &named.answer.call {
        let block = tool_use(named, call);
        add(Part::End, "content_block_start", json!({ "index": 1, "content_block": block }));
        let input = call.input.to_string();
        for piece in std::iter::once("").chain(pieces(&input)) {
            let delta = json!({ "type": "input_json_delta", "partial_json": piece });
            add(Part::End, "content_block_delta", json!({ "index": 1, "delta": delta }));
        }
        add(Part::End, "content_block_stop", json!({ "index": 1 }));
    }
    let delta = json!({ "stop_reason": stop_reason(named), "stop_sequence": null });
    add(Part::End, "message_delta", json!({ "delta": delta, "usage": usage(tokens) }));
    add(Part::End, "message_stop", json!({}));
    events
}

/// A message that has only begun.
fn message(named: &Named) -> Value {
    json!({ "id": format!("msg_{}", named.id), "type": "message", "role": "assistant", "model": named.model,
            "content": [], "stop_reason": null, "stop_sequence": null })
}

fn tool_use(named: &Named, call: &Call) -> Value {
    json!({ "type": "tool_use", "id": format!("toolu_{}", named.id), "name": call.name, "input": {} })
}

fn stop_reason(named: &Named) -> &'static str {
    if named.answer.call.is_some() { "tool_use" } else { "end_turn" }
}

fn usage(tokens: Tokens) -> Value {
    json!({
        "input_tokens": tokens.input,
        "cache_creation_input_tokens": tokens.cache_write,
        "cache_read_input_tokens": tokens.cache_read,
        "cache_creation": { "ephemeral_5m_input_tokens": tokens.cache_write, "ephemeral_1h_input_tokens": 0 },
        "output_tokens": tokens.output,
        "service_tier": "standard",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_turn_is_what_was_said_last() {
        let said = |text: &str| json!({ "role": "user", "content": [{ "type": "text", "text": text }] });
        let call = json!({ "role": "assistant", "content": [{ "type": "text", "text": "I" }, { "type": "tool_use" }] });
        let result = json!({ "type": "tool_result", "content": "SLOW=3" });
        let reminder = json!({ "type": "text", "text": "<system-reminder>HANG</system-reminder>" });
        let results = json!({ "role": "user", "content": [result, reminder] });
        let instructions = json!({ "role": "system", "content": "You may." });
        let mut messages = vec![said("old"), json!({ "role": "assistant", "content": "x" })];
        let text = json!({ "role": "assistant", "content": [{ "type": "text", "text": "I" }] });
        messages.extend([said("new"), instructions, text, call.clone(), results, call]);
        let asked = |messages: &[Value]| read(&json!({ "messages": messages, "stream": true }));
        let turn = asked(&messages);
        assert_eq!((turn.user.as_str(), turn.rounds, turn.answers, turn.messages), ("new", 2, 4, 8));
        let interrupted = json!([result, { "type": "text", "text": "newest" }]);
        messages.push(json!({ "role": "user", "content": interrupted }));
        let turn = asked(&messages);
        assert_eq!((turn.user.as_str(), turn.rounds), ("newest", 0));
        let meanwhile = "The user sent a new message while you were working:\nand this\n\nIMPORTANT: After that.";
        messages.push(json!({ "role": "system", "content": meanwhile }));
        let turn = asked(&messages);
        assert_eq!((turn.user.as_str(), turn.rounds), ("and this", 0));
    }
}
