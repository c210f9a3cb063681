//! OpenAI Responses.

use serde_json::{Value, json};

use super::{delivery, list, string, texts};
use crate::answer::{Event, Named, Part, pieces};
use crate::asked::Asked;
use crate::tool::{Call, Form, Tool};
use crate::usage::Tokens;

/// When every answer was made, in seconds since 1970: nobody goes by it.
const CREATED: u64 = 1_700_000_000;

pub(super) fn read(body: &Value) -> Asked {
    let mut asked = Asked {
        model: string(&body["model"]),
        delivery: delivery(body),
        system: string(&body["instructions"]),
        messages: list(&body["input"]).count().max(1),
        tools: list(&body["tools"]).filter_map(tool).collect(),
        schema: body["text"]["format"].get("schema").cloned(),
        most: body["max_output_tokens"].as_u64(),
        ..Asked::default()
    };
    asked.user_says(body["input"].as_str());
    for item in list(&body["input"]) {
        match (item["type"].as_str(), item["role"].as_str()) {
            (None | Some("message"), Some("user")) => asked.user_says(texts(&item["content"])),
            (None | Some("message"), Some("system" | "developer")) => {
                let text = texts(&item["content"]).join("\n");
                asked.system = if asked.system.is_empty() { text } else { format!("{}\n{text}", asked.system) };
            }
            (None | Some("message"), Some("assistant")) => asked.answers += 1,
            (Some("function_call" | "custom_tool_call" | "local_shell_call"), _) => asked.rounds += 1,
            _ => {}
        }
    }
    asked
}

fn tool(tool: &Value) -> Option<Tool> {
    let (name, form) = match tool["type"].as_str()? {
        "function" => (string(&tool["name"]), Form::Function(tool["parameters"].clone())),
        "custom" => (string(&tool["name"]), Form::Text),
        "local_shell" => ("local_shell".to_owned(), Form::LocalShell),
        // Tools of the service's own, such as a search.
        _ => return None,
    };
    Some(Tool { name, form })
}

pub(super) fn whole(named: &Named) -> Value {
    let items = std::iter::once(message(named)).chain(named.answer.call.as_ref().map(|call| item(named, call)));
    response(named, "completed", &items.collect(), &usage(named.answer.tokens))
}

pub(super) fn events(named: &Named) -> Vec<Event> {
    let mut events = Vec::new();
    let mut add = |part, kind: &str, mut data: Value| {
        data["sequence_number"] = json!(events.len());
        events.push(Event::typed(part, kind, data));
    };
    let begun = response(named, "in_progress", &json!([]), &Value::Null);
    add(Part::Start, "response.created", json!({ "response": begun }));
    add(Part::Start, "response.in_progress", json!({ "response": begun }));

    let done = message(named);
    let (id, text) = (done["id"].clone(), &named.answer.text);
    let mut open = done.clone();
    (open["status"], open["content"]) = (json!("in_progress"), json!([]));
    let place = json!({ "item_id": id, "output_index": 0, "content_index": 0 });
    add(Part::Start, "response.output_item.added", json!({ "output_index": 0, "item": open }));
    add(Part::Start, "response.content_part.added", with(&place, "part", output_text("")));
    for piece in pieces(text) {
        add(Part::Piece, "response.output_text.delta", with(&place, "delta", json!(piece)));
    }
    add(Part::End, "response.output_text.done", with(&place, "text", json!(text)));
    add(Part::End, "response.content_part.done", with(&place, "part", output_text(text)));
    add(Part::End, "response.output_item.done", json!({ "output_index": 0, "item": done }));

    let mut output = vec![done];
    if let Some(call) = &named.answer.call {
        let done = item(named, call);
        let mut open = done.clone();
        open["status"] = json!("in_progress");
        let place = json!({ "item_id": done["id"], "output_index": 1 });
        let streamed = match call.form {
            Form::Function(_) => Some(("arguments", "response.function_call_arguments")),
            Form::Text => Some(("input", "response.custom_tool_call_input")),
            Form::LocalShell => None,
        };
        if let Some((key, kind)) = streamed {
            open[key] = json!("");
            add(Part::End, "response.output_item.added", json!({ "output_index": 1, "item": open }));
            for piece in pieces(done[key].as_str().unwrap_or_default()) {
                add(Part::End, &format!("{kind}.delta"), with(&place, "delta", json!(piece)));
            }
            add(Part::End, &format!("{kind}.done"), with(&place, key, done[key].clone()));
        } else {
            add(Part::End, "response.output_item.added", json!({ "output_index": 1, "item": open }));
        }
        add(Part::End, "response.output_item.done", json!({ "output_index": 1, "item": done }));
        output.push(done);
    }
    let completed = response(named, "completed", &json!(output), &usage(named.answer.tokens));
    add(Part::End, "response.completed", json!({ "response": completed }));
    events
}

fn response(named: &Named, status: &str, output: &Value, usage: &Value) -> Value {
    json!({ "id": format!("resp_{}", named.id), "object": "response", "created_at": CREATED, "status": status,
            "error": null, "incomplete_details": null, "instructions": null, "model": named.model, "output": output,
            "parallel_tool_calls": true, "previous_response_id": null, "store": false, "tool_choice": "auto",
            "tools": [], "usage": usage, "metadata": {} })
}

fn message(named: &Named) -> Value {
    json!({ "id": format!("msg_{}", named.id), "type": "message", "status": "completed", "role": "assistant",
            "content": [output_text(&named.answer.text)] })
}

fn output_text(text: &str) -> Value {
    json!({ "type": "output_text", "text": text, "annotations": [], "logprobs": [] })
}

/// A call of a tool as an item of the output.
fn item(named: &Named, call: &Call) -> Value {
    let id = &named.id;
    let call_id = format!("call_{id}");
    match &call.form {
        Form::Function(_) => json!({ "id": format!("fc_{id}"), "type": "function_call", "status": "completed",
            "call_id": call_id, "name": call.name, "arguments": call.input.to_string() }),
        Form::Text => {
            let input = call.input.as_str().map_or_else(|| call.input.to_string(), str::to_owned);
            json!({ "id": format!("ctc_{id}"), "type": "custom_tool_call", "status": "completed",
                    "call_id": call_id, "name": call.name, "input": input })
        }
        Form::LocalShell => json!({ "id": format!("lsh_{id}"), "type": "local_shell_call", "status": "completed",
            "call_id": call_id, "action": call.input }),
    }
}

fn with(place: &Value, key: &str, value: Value) -> Value {
    let mut data = place.clone();
    data[key] = value;
    data
}

/// `input_tokens` are all that was read; the details say how much of it came from a cache or went there.
fn usage(tokens: Tokens) -> Value {
    json!({
        "input_tokens": tokens.read(),
        "input_tokens_details": { "cached_tokens": tokens.cache_read, "cache_write_tokens": tokens.cache_write },
        "output_tokens": tokens.output,
        "output_tokens_details": { "reasoning_tokens": tokens.thought },
        "total_tokens": tokens.read() + tokens.output,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_turn_is_what_was_said_last() {
        let user = |text: &str| {
            json!({ "type": "message", "role": "user",
            "content": [{ "type": "input_text", "text": text }] })
        };
        let call = json!({ "type": "function_call", "call_id": "call_1" });
        let output = json!({ "type": "function_call_output", "call_id": "call_1", "output": "HANG" });
        let said = json!({ "type": "message", "role": "assistant", "content": [] });
        let mut input =
            vec![user("<environment_context>x"), user("old"), said.clone(), user("new"), said, call, output];
        let turn = read(&json!({ "input": input }));
        assert_eq!((turn.user.as_str(), turn.rounds, turn.answers), ("new", 1, 2));
        input.push(user("<turn_aborted>\nThe user interrupted"));
        input.push(user("newest"));
        let turn = read(&json!({ "input": input }));
        assert_eq!((turn.user.as_str(), turn.rounds), ("newest", 0));
        assert_eq!(read(&json!({ "input": "only this" })).user, "only this");
    }
}
