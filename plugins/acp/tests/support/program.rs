//! What this crate's tests start: the helper, as `ao __acp` is, and an agent that does what its prompts say.
//!
//! Not part of the product. `__acp <launch file>` is the helper; `agent` speaks the protocol; `--version` says one.

#![expect(
    clippy::disallowed_methods,
    reason = "a test program: it reads its arguments, starts a relative and reads the clock"
)]

use std::fs::OpenOptions;
use std::io::{self, BufRead, Write};
use std::process::{Command, ExitCode};
use std::time::{SystemTime, UNIX_EPOCH};

use ao_plugin_acp::helper;
use ao_plugin_sdk::prelude::*;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["__acp", launch] => helper::run(Utf8Path::new(launch), &now),
        ["--version"] => writeln!(io::stdout(), "test agent 1.2.3").map(|()| ExitCode::SUCCESS),
        ["agent", abilities @ ..] => Agent::new(abilities).work(),
        ["not-an-agent"] => writeln!(io::stdout(), "usage: something else").map(|()| ExitCode::from(3)),
        other => Err(io::Error::other(format!("no such act: {other:?}"))),
    };
    done.unwrap_or_else(|error| {
        let _ = writeln!(io::stderr(), "{error}");
        ExitCode::FAILURE
    })
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or_default())
}

/// An agent that does what its prompts say, and writes down what it hears into `heard.jsonl` of its directory.
struct Agent {
    loads: bool,
    resumes: bool,
    logged_out: bool,
    /// It opens no conversation, and says nothing.
    silent: bool,
    /// The prompt whose turn waits for something.
    turn: Option<Value>,
    requests: u64,
    /// Whether a turn was refused that is refused once.
    refused: bool,
}

impl Agent {
    fn new(abilities: &[&str]) -> Self {
        let can = |ability| abilities.contains(&ability);
        Self {
            loads: can("loads"),
            resumes: can("resumes"),
            logged_out: can("logged-out"),
            turn: None,
            requests: 0,
            refused: false,
            silent: can("silent"),
        }
    }

    fn work(mut self) -> io::Result<ExitCode> {
        writeln!(io::stdout(), "Welcome to the test agent.")?;
        writeln!(io::stderr(), "a complaint")?;
        for line in io::stdin().lock().lines() {
            let frame: Value = serde_json::from_str(&line?)?;
            if let Some(code) = self.hear(&frame)? {
                return Ok(code);
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    fn hear(&mut self, frame: &Value) -> io::Result<Option<ExitCode>> {
        let (id, params) = (&frame["id"], &frame["params"]);
        match frame["method"].as_str().unwrap_or_default() {
            "initialize" => {
                let resume = if self.resumes { json!({"resume": {}}) } else { json!({}) };
                let can = json!({"loadSession": self.loads, "sessionCapabilities": resume});
                let methods = json!([{"id": "login", "description": "Run `test-agent login`"}]);
                answer(id, &json!({"protocolVersion": 1, "agentCapabilities": can, "authMethods": methods}))?;
            }
            "session/new" if self.silent => {}
            "session/new" if self.logged_out => {
                say(&json!({"id": id, "error": {"code": -32000, "message": "Authentication required"}}))?;
            }
            "session/new" => {
                heard(&json!({"opened": "new"}))?;
                let models =
                    json!({"currentModelId": "small", "availableModels": [{"modelId": "small"}, {"modelId": "big"}]});
                answer(id, &json!({"sessionId": "conversation-1", "models": models}))?;
            }
            method @ ("session/load" | "session/resume") => {
                heard(&json!({"opened": method, "id": params["sessionId"]}))?;
                update(
                    &json!({"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": "HISTORY"}}),
                )?;
                answer(id, &Value::Null)?;
            }
            "session/set_model" => {
                heard(&json!({"model": params["modelId"]}))?;
                answer(id, &json!({}))?;
            }
            "session/prompt" => {
                let text = params["prompt"][0]["text"].as_str().unwrap_or_default().to_owned();
                heard(&json!({"prompt": text}))?;
                return self.turn(id, &text);
            }
            "session/cancel" => {
                heard(&json!({"cancelled": true}))?;
                self.end("cancelled")?;
            }
            "" => {
                heard(&json!({"answer": frame.get("result").or_else(|| frame.get("error"))}))?;
                self.end("end_turn")?;
            }
            _ => {}
        }
        Ok(None)
    }

    fn turn(&mut self, id: &Value, text: &str) -> io::Result<Option<ExitCode>> {
        self.turn = Some(id.clone());
        let (act, rest) = text.split_once(' ').unwrap_or((text, ""));
        match act {
            "hang" => {}
            "die" => return Ok(Some(ExitCode::from(3))),
            "ask" => {
                let options = json!([
                    {"optionId": "1", "kind": "allow_always", "name": "Always"},
                    {"optionId": "2", "kind": "allow_once", "name": "Once"},
                    {"optionId": "3", "kind": "reject_once", "name": "No"},
                ]);
                // Announced by an update alone, as some do.
                let tool =
                    json!({"sessionUpdate": "tool_call_update", "toolCallId": "t", "title": rest, "kind": "execute"});
                update(&tool)?;
                self.request(
                    "session/request_permission",
                    &json!({"toolCall": {"toolCallId": "t"}, "options": options}),
                )?;
            }
            "write" => self.request("fs/write_text_file", &json!({"path": rest, "content": "written\n"}))?,
            "once" if std::mem::replace(&mut self.refused, true) => self.end("end_turn")?,
            "edit" => {
                let tool = json!({"toolCallId": rest, "kind": "edit", "locations": [{"path": rest}]});
                let options = json!([{"optionId": "1", "kind": "allow_once", "name": "Once"}]);
                self.request("session/request_permission", &json!({"toolCall": tool, "options": options}))?;
            }
            "fail" | "once" => {
                say(&json!({"id": id, "error": {"code": -32603, "message": rest}}))?;
                self.turn = None;
            }
            "relative" => {
                let child = Command::new("sleep").arg("1000").spawn()?;
                heard(&json!({"relative": child.id()}))?;
                self.end("end_turn")?;
            }
            "noise" => {
                let mut out = io::stdout().lock();
                out.write_all(b"\xff\xfe not a frame\n[[[[\n{\"jsonrpc\":\n")?;
                // One byte more than is kept, and whatever an attacker would like best.
                let long = vec![b'['; 16 * 1024 * 1024 + 1];
                out.write_all(&long)?;
                out.write_all(b"\n{\"id\":424242,\"result\":{}}\n{\"method\":\"session/update\",\"params\":[]}\n")?;
                drop(out);
                self.end("end_turn")?;
            }
            "flood" => {
                for number in 0..40_000 {
                    say(&json!({"id": format!("flood-{number}"), "method": "what/is/this", "params": {}}))?;
                }
            }
            _ => {
                let said = json!({"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": format!("did {text}")}});
                update(&said)?;
                self.end("end_turn")?;
            }
        }
        Ok(None)
    }

    fn request(&mut self, method: &str, params: &Value) -> io::Result<()> {
        self.requests += 1;
        say(&json!({"id": format!("r{}", self.requests), "method": method, "params": params}))
    }

    fn end(&mut self, stop: &str) -> io::Result<()> {
        let usage = json!({"inputTokens": 10, "outputTokens": 2, "totalTokens": 12});
        match self.turn.take() {
            Some(id) => answer(&id, &json!({"stopReason": stop, "usage": usage})),
            None => Ok(()),
        }
    }
}

fn say(frame: &Value) -> io::Result<()> {
    writeln!(io::stdout(), "{frame}")
}

fn answer(id: &Value, result: &Value) -> io::Result<()> {
    say(&json!({"jsonrpc": "2.0", "id": id, "result": result}))
}

fn update(update: &Value) -> io::Result<()> {
    say(
        &json!({"jsonrpc": "2.0", "method": "session/update", "params": {"sessionId": "conversation-1", "update": update}}),
    )
}

fn heard(what: &Value) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open("heard.jsonl")?;
    writeln!(file, "{what}")
}
