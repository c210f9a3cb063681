//! OpenAI Chat Completions.

use serde_json::{Value, json};

use super::{delivery, list, string, texts};
use crate::answer::{Event, Named, Part, pieces};
use crate::asked::{Asked, Delivery};
use crate::tool::{Call, Form, Tool};
use crate::usage::Tokens;

/// When every answer was made, in seconds since 1970: nobody goes by it.
const CREATED: u64 = 1_700_000_000;

pub(super) fn read(body: &Value) -> Asked {
    let delivery = match delivery(body) {
        Delivery::Stream if body["stream_options"]["include_usage"] == true => Delivery::StreamWithUsage,
        delivery => delivery,
    };
    let most = body["max_completion_tokens"].as_u64().or(body["max_tokens"].as_u64());
    let mut asked = Asked {
        model: string(&body["model"]),
        delivery,
        messages: list(&body["messages"]).count(),
        tools: list(&body["tools"]).filter_map(tool).collect(),
        schema: body["response_format"]["json_schema"].get("schema").cloned(),
        most,
        ..Asked::default()
    };
    for message in list(&body["messages"]) {
        match message["role"].as_str() {
            Some("user") => asked.user_says(texts(&message["content"])),
            Some("system" | "developer") => {
                let text = texts(&message["content"]).join("\n");
                asked.system = if asked.system.is_empty() { text } else { format!("{}\n{text}", asked.system) };
            }
            Some("assistant") => {
                asked.answers += 1;
                asked.rounds += usize::from(list(&message["tool_calls"]).next().is_some());
            }
            _ => {}
        }
    }
    asked
}

fn tool(tool: &Value) -> Option<Tool> {
    if tool["type"] == "custom" {
        return Some(Tool { name: string(&tool["custom"]["name"]), form: Form::Text });
    }
    let function = tool.get("function")?;
    Some(Tool { name: string(&function["name"]), form: Form::Function(function["parameters"].clone()) })
}

pub(super) fn whole(named: &Named) -> Value {
    let mut message = json!({ "role": "assistant", "content": named.answer.text, "refusal": null });
    if let Some(call) = &named.answer.call {
        message["tool_calls"] = json!([tool_call(named, call)]);
    }
    let choice = json!({ "index": 0, "message": message, "logprobs": null, "finish_reason": finish(named) });
    let mut body = body(named, "chat.completion", &json!([choice]));
    body["usage"] = usage(named.answer.tokens);
    body
}

pub(super) fn events(named: &Named, delivery: Delivery) -> Vec<Event> {
    let mut events = Vec::new();
    let chunk = |delta: &Value, finish: Option<&str>| {
        let choice = json!({ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish });
        body(named, "chat.completion.chunk", &json!([choice]))
    };
    let mut add = |part, data: Value| events.push(Event::plain(part, &data));

    add(Part::Start, chunk(&json!({ "role": "assistant", "content": "" }), None));
    for piece in pieces(&named.answer.text) {
        add(Part::Piece, chunk(&json!({ "content": piece }), None));
    }
    if let Some(call) = &named.answer.call {
        let mut first = tool_call(named, call);
        first["index"] = json!(0);
        let arguments = std::mem::replace(&mut first["function"]["arguments"], json!(""));
        add(Part::End, chunk(&json!({ "tool_calls": [first] }), None));
        for piece in pieces(arguments.as_str().unwrap_or_default()) {
            let more = json!({ "index": 0, "function": { "arguments": piece } });
            add(Part::End, chunk(&json!({ "tool_calls": [more] }), None));
        }
    }
    add(Part::End, chunk(&json!({}), Some(finish(named))));
    if delivery == Delivery::StreamWithUsage {
        let mut last = body(named, "chat.completion.chunk", &json!([]));
        last["usage"] = usage(named.answer.tokens);
        add(Part::End, last);
    }
    events.push(Event::plain(Part::End, &"[DONE]"));
    events
}

fn body(named: &Named, object: &str, choices: &Value) -> Value {
    json!({ "id": format!("chatcmpl-{}", named.id), "object": object, "created": CREATED, "model": named.model,
            "service_tier": "default", "system_fingerprint": "fp_scripted", "choices": choices })
}

fn tool_call(named: &Named, call: &Call) -> Value {
    let arguments = call.input.to_string();
    json!({ "id": format!("call_{}", named.id), "type": "function",
            "function": { "name": call.name, "arguments": arguments } })
}

fn finish(named: &Named) -> &'static str {
    if named.answer.call.is_some() { "tool_calls" } else { "stop" }
}

fn usage(tokens: Tokens) -> Value {
    json!({
        "prompt_tokens": tokens.read(),
        "completion_tokens": tokens.output,
        "total_tokens": tokens.read() + tokens.output,
        "prompt_tokens_details": { "cached_tokens": tokens.cache_read, "audio_tokens": 0 },
        "completion_tokens_details": { "reasoning_tokens": tokens.thought, "audio_tokens": 0,
                                       "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0 },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_turn_is_what_was_said_last() {
        let body = json!({ "stream": true, "stream_options": { "include_usage": true }, "messages": [
            { "role": "system", "content": "You are." },
            { "role": "user", "content": [{ "type": "text", "text": "old" }] },
            { "role": "assistant", "content": "x" },
            { "role": "user", "content": "new" },
            { "role": "assistant", "content": null, "tool_calls": [{ "id": "call_1" }] },
            { "role": "tool", "tool_call_id": "call_1", "content": "HANG" },
        ]});
        let asked = read(&body);
        assert_eq!((asked.user.as_str(), asked.rounds, asked.answers), ("new", 1, 2));
        assert_eq!((asked.delivery, asked.system.as_str()), (Delivery::StreamWithUsage, "You are."));
    }
}
