//! The server over HTTP: what goes over the wire, in the order that the services publish, and what is written down of it.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

mod program;
mod real;
mod record;
mod wire;

use std::io::Read;
use std::time::Duration;

use ao_scripted_llm::{Llm, Script};
use serde_json::{Value, json};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// An answer.
struct Answer {
    status: u16,
    headers: ureq::http::HeaderMap,
    body: ureq::Body,
}

impl Answer {
    fn text(mut self) -> String {
        self.body.read_to_string().unwrap()
    }

    fn json(self) -> Value {
        let text = self.text();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// The events of a stream: the name where there is one, and the data.
    fn events(self) -> Vec<(String, Value)> {
        assert_eq!(self.header("content-type"), "text/event-stream; charset=utf-8");
        let text = self.text();
        let event = |block: &str| {
            let (name, data) = match block.split_once('\n') {
                Some((name, data)) => (name.strip_prefix("event: ").unwrap().to_owned(), data),
                None => (String::new(), block),
            };
            let data = data.strip_prefix("data: ").unwrap();
            (name, if data == "[DONE]" { json!("[DONE]") } else { serde_json::from_str(data).unwrap() })
        };
        text.strip_suffix("\n\n").unwrap().split("\n\n").map(event).collect()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Reads until this stands there.
    fn read_until(&mut self, wanted: &str) -> String {
        let (mut text, mut byte) = (String::new(), [0]);
        while !text.contains(wanted) {
            assert_eq!(self.body.as_reader().read(&mut byte).unwrap(), 1, "{wanted} does not come: {text}");
            text.push(char::from(byte[0]));
        }
        text
    }
}

fn client() -> ureq::Agent {
    let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE));
    config.max_idle_connections(0).build().into()
}

fn answer(answer: ureq::http::Response<ureq::Body>) -> Answer {
    let (head, body) = answer.into_parts();
    Answer { status: head.status.as_u16(), headers: head.headers, body }
}

fn post(llm: &Llm, path: &str, body: &Value) -> Answer {
    let request = client().post(llm.url() + path).header("content-type", "application/json");
    answer(request.header("authorization", "Bearer secret").send(body.to_string()).unwrap())
}

/// A question of Anthropic's, with a shell.
fn messages(user: &str, stream: bool) -> Value {
    let schema = json!({ "type": "object", "properties": { "command": { "type": "string" } } });
    json!({ "model": "claude-x", "stream": stream, "max_tokens": 1000,
            "system": [{ "type": "text", "text": "You are." }],
            "tools": [{ "name": "Bash", "input_schema": schema }],
            "messages": [{ "role": "user", "content": [{ "type": "text", "text": user }] }] })
}

/// A question of Chat Completions, with a shell.
fn chat(user: &str, stream: bool) -> Value {
    let schema = json!({ "type": "object", "properties": { "command": { "type": "string" } } });
    json!({ "model": "chat-x", "stream": stream, "stream_options": { "include_usage": true },
            "tools": [{ "type": "function", "function": { "name": "bash", "parameters": schema } }],
            "messages": [{ "role": "system", "content": "You are." }, { "role": "user", "content": user }] })
}

/// A question of Responses, with a shell.
fn responses(user: &str, stream: bool) -> Value {
    let schema = json!({ "type": "object", "properties": { "cmd": { "type": "string" } } });
    json!({ "model": "gpt-x", "stream": stream, "instructions": "You are.",
            "tools": [{ "type": "function", "name": "exec_command", "parameters": schema },
                      { "type": "custom", "name": "apply_patch" }],
            "input": [{ "type": "message", "role": "user", "content": [{ "type": "input_text", "text": user }] }] })
}

fn start() -> Llm {
    Llm::start(Script::new()).unwrap()
}
