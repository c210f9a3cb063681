//! The conversation with an agent, without a process, a clock or a file: inputs in, effects out. Everything that the helper
//! decides is decided here.

mod open;
mod questions;
mod turns;

use std::collections::{BTreeMap, VecDeque};

use ao_agent_conversation::desk::Known;
use ao_plugin_sdk::core::text::one_line;
use ao_plugin_sdk::prelude::*;

use crate::control::{Reply, Request};
use crate::journal::{Event, How, Question, Used, View};
use crate::launch::Launch;
use crate::ledger::Ledger;
use crate::transcript::Transcript;
use crate::wire::{self, Frame, Line, Problem, Who};

use open::Setting;

/// How many tool calls are remembered.
const MOST_TOOLS: usize = 256;
/// Every how many strange lines the journal says so again.
const NOISE_EVERY: u64 = 1000;

/// What happens to a conversation.
#[derive(Debug)]
pub(crate) enum Input {
    /// The agent's program runs.
    Begin,
    /// It wrote a line.
    Line(Line),
    /// Somebody asks for something, and gets the reply under this number.
    Control(u64, Request),
    /// Somebody at the terminal wants the turn to end.
    Interrupt,
    /// The time for the opening is over.
    Late,
    /// The time for the turn to end is over that was told to.
    Unheeded,
}

/// What follows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Effect {
    /// Write an event into the journal. What comes behind it is done once that is, and not at all where it cannot be.
    Note(Event),
    /// Send the agent a frame.
    Send(Value),
    /// Answer somebody.
    Reply(u64, Reply),
    /// Show a text in the terminal.
    Show(String),
    /// Keep a line that is no frame.
    Stray(String),
    /// Read or write a file for the agent, and send it what came of it under its id.
    File { id: Value, call: FileCall },
    /// End the agent: it cannot be spoken with.
    End(String),
}

/// A file that the agent wants read or written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FileCall {
    /// Read it, from a line on, from 1, and so many lines.
    Read { path: Utf8PathBuf, line: Option<u64>, limit: Option<u64> },
    /// Write it.
    Write { path: Utf8PathBuf, content: String },
}

/// How far the conversation is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stage {
    /// It is being opened.
    Opening,
    /// It takes prompts.
    Open { session: String },
    /// It cannot be had.
    Closed,
}

/// What an answer of the agent's will be for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Pending {
    Initialize,
    New,
    Load,
    Resume,
    Set(Setting),
    Prompt,
}

/// The turn that runs.
#[derive(Debug)]
struct Turn {
    key: String,
    /// What came of it so far.
    shown: Shown,
    /// Whether somebody has said that it is to end, who relies on it.
    course: Course,
    /// What its single requests have used, where the agent tells that.
    used: Used,
}

/// What an agent has said or done within a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    Nothing,
    Something,
}

/// How a turn goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Course {
    Runs,
    IsToEnd,
}

/// Where a file of the worktree really is, from the worktree on; none of one that is elsewhere. It looks at the disk.
pub(crate) type Locate = fn(&Utf8Path, &Utf8Path) -> Option<Utf8PathBuf>;

/// A question that waits for its answer.
#[derive(Debug)]
struct OpenQuestion {
    /// The id of the agent's request.
    request: Value,
    question: Question,
}

/// A conversation.
#[derive(Debug)]
pub(crate) struct Talk {
    launch: Launch,
    /// What the agent is to do first.
    prompt: Option<String>,
    ledger: Ledger,
    stage: Stage,
    pending: BTreeMap<u64, Pending>,
    last_id: u64,
    who: Who,
    /// What the agent says about logging in.
    login: Option<String>,
    /// What is still to be set before the conversation is open, and the id that it will have.
    settings: VecDeque<Setting>,
    session: String,
    settled_as: How,
    turn: Option<Turn>,
    questions: Vec<OpenQuestion>,
    tools: VecDeque<wire::Tool>,
    locate: Locate,
    transcript: Transcript,
    strange: u64,
    now: Timestamp,
    effects: Vec<Effect>,
}

impl Talk {
    /// A conversation that goes on from what a journal says, or begins.
    pub(crate) fn new(launch: Launch, prompt: Option<String>, known: Known, locate: Locate) -> Self {
        let ledger = Ledger::new(known);
        let now = ledger.view.since;
        Self {
            launch,
            prompt,
            ledger,
            stage: Stage::Opening,
            pending: BTreeMap::new(),
            last_id: 0,
            who: Who::default(),
            login: None,
            settings: VecDeque::new(),
            session: String::new(),
            settled_as: How::New,
            turn: None,
            questions: Vec::new(),
            tools: VecDeque::new(),
            locate,
            transcript: Transcript::default(),
            strange: 0,
            now,
            effects: Vec::new(),
        }
    }

    /// What is known of the agent.
    pub(crate) fn view(&self) -> &View {
        &self.ledger.view
    }

    /// What is known, and which prompts wait.
    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The same, once nothing goes on any more.
    pub(crate) fn into_ledger(self) -> Ledger {
        self.ledger
    }

    /// Goes on by one input, at this time.
    pub(crate) fn handle(&mut self, now: Timestamp, input: Input) -> Vec<Effect> {
        self.now = now;
        match input {
            Input::Begin => self.begin(),
            Input::Line(line) => self.take(Frame::read(&line)),
            Input::Control(from, request) => {
                let reply = self.control(request);
                self.effects.push(Effect::Reply(from, reply));
            }
            Input::Interrupt => self.cancel(),
            Input::Late if self.stage == Stage::Opening => {
                self.end("it did not open a conversation in time; does its program speak ACP on its standard input and output?");
            }
            Input::Unheeded if self.is_stopping() => self.end("it was told to stop, and goes on"),
            Input::Late | Input::Unheeded => {}
        }
        self.hand_over();
        std::mem::take(&mut self.effects)
    }

    /// Takes down an event that the outside knows of.
    pub(crate) fn noted(&mut self, now: Timestamp, event: &Event) {
        self.ledger.apply(now, event);
    }

    /// Hands nothing over any more: the agent is gone, or about to be.
    pub(crate) fn close(&mut self) {
        self.stage = Stage::Closed;
    }

    /// Goes on where a frame never reached the agent, because that is gone: a prompt waits again.
    pub(crate) fn came_back(&mut self, now: Timestamp, frame: &Value) -> Vec<Effect> {
        self.now = now;
        let id =
            frame.get("id").and_then(Value::as_u64).filter(|_| frame.get("method") == Some(&json!("session/prompt")));
        if id.and_then(|id| self.pending.remove(&id)) == Some(Pending::Prompt)
            && let Some(turn) = self.turn.take()
        {
            self.note(Event::Returned { key: turn.key });
        }
        std::mem::take(&mut self.effects)
    }

    /// Whether a turn was told to end, and has not yet.
    pub(crate) fn is_stopping(&self) -> bool {
        self.turn.as_ref().is_some_and(|turn| turn.course == Course::IsToEnd)
    }

    fn take(&mut self, frame: Frame) {
        match frame {
            Frame::Response { id, outcome } => match self.pending.remove(&id) {
                Some(pending) => self.answered(pending, outcome),
                None => self.stray(&format!("an answer to {id}, which nobody asked")),
            },
            Frame::Request { id, method, params } => self.asked(id, &method, params),
            Frame::Notification { method, params } if method == "session/update" => self.updated(&params),
            Frame::Notification { .. } => {}
            Frame::Noise(text) => self.stray(&text),
        }
    }

    fn answered(&mut self, pending: Pending, outcome: Result<Value, Problem>) {
        match pending {
            Pending::Prompt => self.turn_ended(outcome),
            pending => self.opened(pending, outcome),
        }
    }

    fn asked(&mut self, id: Value, method: &str, mut params: Value) {
        self.something_shown();
        let text = |field: &str| params.get(field).and_then(Value::as_str).map(str::to_owned);
        let number = |field: &str| params.get(field).and_then(Value::as_u64);
        let call = match (method, text("path").map(Utf8PathBuf::from)) {
            ("session/request_permission", _) => return self.permission(id, &params),
            ("fs/write_text_file", Some(_)) if self.launch.permissions == PermissionMode::Suggest => {
                return self.refuse(&id, -32000, "this session only suggests: nothing is written");
            }
            ("fs/read_text_file", Some(path)) => FileCall::Read { path, line: number("line"), limit: number("limit") },
            ("fs/write_text_file", Some(path)) => {
                let Some(Value::String(content)) = params.get_mut("content").map(Value::take) else {
                    return self.refuse(&id, -32602, "`content` is missing");
                };
                FileCall::Write { path, content }
            }
            ("fs/read_text_file" | "fs/write_text_file", None) => {
                return self.refuse(&id, -32602, "`path` is missing");
            }
            _ => return self.refuse(&id, -32601, "this client has no such method"),
        };
        self.effects.push(Effect::File { id, call });
    }

    fn control(&mut self, request: Request) -> Reply {
        match request {
            Request::Prompt { key, text } => self.receive(key, text),
            Request::Answer { key, ask, answer } => self.answer(key, &ask, &answer),
            Request::Cancel { key } => self.stop(key),
        }
    }

    fn note(&mut self, event: Event) {
        let now = self.now;
        self.noted(now, &event);
        self.effects.push(Effect::Note(event));
    }

    fn request(&mut self, method: &str, params: &Value, pending: Pending) {
        self.last_id += 1;
        self.pending.insert(self.last_id, pending);
        self.effects.push(Effect::Send(wire::request(self.last_id, method, params)));
    }

    fn refuse(&mut self, id: &Value, code: i64, message: &str) {
        self.effects.push(Effect::Send(wire::failure(id, code, message)));
    }

    fn show(&mut self, text: String) {
        self.effects.push(Effect::Show(text));
    }

    fn show_line(&mut self, text: &str) {
        let line = self.transcript.line(text);
        self.show(line);
    }

    fn stray(&mut self, text: &str) {
        if self.strange.is_multiple_of(NOISE_EVERY) {
            let text = format!("the agent wrote what is no message: {}", one_line(text, 200));
            self.note(Event::Note { text });
        }
        self.strange += 1;
        self.effects.push(Effect::Stray(text.to_owned()));
    }

    fn end(&mut self, why: &str) {
        self.stage = Stage::Closed;
        let name = self.launch.argv.first().cloned().unwrap_or_default();
        let why = format!("cannot speak with `{name}`: {why}");
        self.show_line(&why);
        self.effects.push(Effect::End(why));
    }
}

#[cfg(test)]
mod tests;
