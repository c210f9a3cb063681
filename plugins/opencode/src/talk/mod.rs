//! The conversation with OpenCode, without a process, a clock or a connection: inputs in, effects out. Everything that the
//! helper decides is decided here.

mod open;
mod questions;
mod turns;
mod usage;

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use ao_agent_conversation::control::{Reply, Request};
use ao_agent_conversation::desk::Known;
use ao_agent_conversation::journal::{Event, Question, View};
use ao_agent_conversation::ledger::Ledger;
use ao_agent_conversation::transcript::Transcript;
use ao_plugin_sdk::prelude::*;

use crate::http::Problem;
use crate::launch::Launch;
use crate::wire::{self, Look};

use usage::Usage;

/// How many parts of messages are remembered.
const MOST_PARTS: usize = 256;

/// What happens to a conversation.
#[derive(Debug)]
pub(crate) enum Input {
    /// The helper has begun.
    Begin,
    /// The server is up, in this version.
    Up { version: Option<String> },
    /// Its events are listened to, from here on: what happened before was not heard.
    Listening,
    /// It is gone, and another one is looked for.
    Lost,
    /// It told of something.
    Told(wire::Event),
    /// It answered.
    Answered(Call, Result<Value, Problem>),
    /// A look found this.
    Looked(Result<Look, Problem>),
    /// Somebody asks for something, and gets the reply under this number.
    Control(u64, Request),
    /// Somebody at the terminal wants the turn to end.
    Interrupt,
    /// Time has passed.
    Tick,
    /// The time for the turn to end is over that was told to.
    Unheeded,
}

/// What is asked of the server, one thing after the other.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Call {
    /// Its agents.
    Agents,
    /// A new conversation.
    New { title: String, rules: Value },
    /// An old one.
    Old { id: String },
    /// What it may do without asking.
    Permit { id: String, rules: Value },
    /// To show it, where somebody can see it.
    Show { id: String },
    /// A prompt.
    Prompt { id: String, body: Value },
    /// The answer to something that was asked, at this path.
    Reply { path: String, body: Value },
    /// The end of its turn.
    Abort { id: String },
    /// What it does, with its newest messages; or with all of them.
    Look { id: String, depth: Depth },
}

/// How much a look reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// The newest messages.
    Recent,
    /// Every message, and those of the sessions that this one began.
    Whole,
}

/// What follows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Effect {
    /// Write an event into the journal. What comes behind it is done once that is, and not at all where it cannot be.
    Note(Event),
    /// Ask the server.
    Call(Call),
    /// Answer somebody.
    Reply(u64, Reply),
    /// Show a text in the terminal.
    Show(String),
    /// End: there is no conversation to be had.
    End(String),
}

/// How far the conversation is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stage {
    /// It is being opened.
    Opening,
    /// It takes prompts.
    Open,
    /// Its server is gone; another one is on its way.
    Away,
    /// It cannot be had.
    Closed,
}

/// The turn that runs.
#[derive(Debug)]
struct Turn {
    /// The prompt's key; none of what somebody else has begun.
    key: Option<String>,
    /// The id of the prompt's message; empty where it is another's.
    message: String,
    /// How long it has worked, and when that was counted last.
    worked: Duration,
    ticked_at: Timestamp,
    /// What failed in it, by the error's name and in words.
    error: Option<(String, String)>,
    /// Why it was told to end.
    ended: Option<Ended>,
    /// Its server went away under it.
    was_lost: bool,
}

/// Why a turn was told to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// By somebody at the terminal.
    Cancelled,
    /// By the host, and what waits is held.
    Stopped,
    TooLong,
}

/// A question that waits for its answer.
#[derive(Debug)]
struct OpenQuestion {
    asked: wire::Asked,
    question: Question,
    /// What was answered to the questions before it, of the same request.
    before: Vec<Value>,
}

/// A conversation.
#[derive(Debug)]
pub(crate) struct Talk {
    launch: Launch,
    /// What the agent is told with every prompt.
    instructions: Option<String>,
    /// What it is to do first.
    prompt: Option<String>,
    ledger: Ledger,
    stage: Stage,
    /// The conversation's id, once there is one.
    session: String,
    /// It and those that it began.
    family: BTreeSet<String>,
    turn: Option<Turn>,
    questions: Vec<OpenQuestion>,
    /// There were more questions than may be open: they are asked once there is room.
    asks_more: bool,
    /// The server's ids of what was answered in this turn: a look may have begun before that.
    replied: BTreeSet<String>,
    usage: Usage,
    /// The id of the newest message of the conversation that was seen or handed over.
    newest: String,
    /// The conversation is being asked for.
    is_asking: bool,
    /// A look is under way.
    is_looking: bool,
    looked_at: Timestamp,
    /// Parts of messages that are texts of the agent's, and calls of tools with their states.
    parts: VecDeque<(String, String)>,
    transcript: Transcript,
    now: Timestamp,
    effects: Vec<Effect>,
}

impl Talk {
    /// A conversation that goes on from what a journal says, or begins.
    pub(crate) fn new(launch: Launch, instructions: Option<String>, prompt: Option<String>, known: Known) -> Self {
        let ledger = Ledger::new(known);
        let now = ledger.view.since;
        Self {
            launch,
            instructions,
            prompt,
            ledger,
            stage: Stage::Opening,
            session: String::new(),
            family: BTreeSet::new(),
            turn: None,
            questions: Vec::new(),
            asks_more: false,
            replied: BTreeSet::new(),
            usage: Usage::default(),
            newest: String::new(),
            is_asking: false,
            is_looking: false,
            looked_at: now,
            parts: VecDeque::new(),
            transcript: Transcript::default(),
            now,
            effects: Vec::new(),
        }
    }

    /// What is known.
    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The same, once nothing goes on any more.
    pub(crate) fn into_ledger(self) -> Ledger {
        self.ledger
    }

    /// What the host is told.
    pub(crate) fn view(&self) -> &View {
        &self.ledger.view
    }

    /// The conversation's id, once there is one.
    pub(crate) fn conversation(&self) -> Option<&str> {
        (!self.session.is_empty()).then_some(self.session.as_str())
    }

    /// Goes on by one input, at this time.
    pub(crate) fn handle(&mut self, now: Timestamp, input: Input) -> Vec<Effect> {
        self.now = now;
        match input {
            Input::Begin => self.begin_taking(),
            Input::Up { version } => self.up(version),
            Input::Listening => self.listening(),
            Input::Lost => self.lost(),
            Input::Told(event) => self.told(event),
            Input::Answered(call, outcome) => self.answered(call, outcome),
            Input::Looked(found) => self.looked(found),
            Input::Control(from, request) => {
                let reply = self.control(request);
                self.effects.push(Effect::Reply(from, reply));
            }
            Input::Interrupt => self.cancel(Ended::Cancelled),
            Input::Tick => self.tick(),
            Input::Unheeded if self.is_stopping() => {
                self.end("OpenCode was told to stop, and goes on".to_owned());
            }
            Input::Unheeded => {}
        }
        self.hand_over();
        std::mem::take(&mut self.effects)
    }

    /// Takes down an event that the outside knows of.
    pub(crate) fn noted(&mut self, now: Timestamp, event: &Event) {
        self.ledger.apply(now, event);
    }

    /// Hands nothing over any more: the server is gone, or about to be.
    pub(crate) fn close(&mut self) {
        self.stage = Stage::Closed;
    }

    /// Whether a turn was told to end by what relies on it, and has not yet.
    pub(crate) fn is_stopping(&self) -> bool {
        let ended = self.turn.as_ref().and_then(|turn| turn.ended);
        self.stage == Stage::Open && matches!(ended, Some(Ended::Stopped | Ended::TooLong))
    }

    fn control(&mut self, request: Request) -> Reply {
        match request {
            Request::Prompt { key, text } => self.receive(key, text),
            Request::Answer { key, ask, answer } => self.answer(key, &ask, &answer),
            Request::Cancel { key } => self.stop(key),
        }
    }

    fn told(&mut self, event: wire::Event) {
        use wire::Event::{Answered, Asks, Began, Failed, Message, Part, Piece, Status, Titled};
        match event {
            Status { session, status } if session == self.session => self.status(&status),
            Failed { session, error } if session.as_ref() == Some(&self.session) => self.failed(error),
            Message { session, info } if self.family.contains(&session) => self.count(&[info]),
            Part { session, part } if session == self.session => self.part(part),
            Piece { session, part, text } if session == self.session => self.piece(&part, &text),
            Asks(asked) if self.family.contains(&asked.session) => self.asks(asked),
            Answered { session, id } if self.family.contains(&session) => {
                self.answered_elsewhere(&id);
                self.look_for_more();
            }
            Began { session, parent } if self.family.contains(&parent) => {
                self.family.insert(session);
            }
            Titled { session, title } if session == self.session && self.view().title.as_ref() != Some(&title) => {
                self.note(Event::Titled { title });
            }
            _ => {}
        }
    }

    fn note(&mut self, event: Event) {
        let now = self.now;
        self.noted(now, &event);
        self.effects.push(Effect::Note(event));
    }

    fn call(&mut self, call: Call) {
        self.effects.push(Effect::Call(call));
    }

    /// Looks at the session, unless that is under way.
    fn look(&mut self, depth: Depth) {
        if !self.is_looking && !self.session.is_empty() {
            self.is_looking = true;
            self.call(Call::Look { id: self.session.clone(), depth });
        }
    }

    fn show(&mut self, text: String) {
        self.effects.push(Effect::Show(text));
    }

    fn show_line(&mut self, text: &str) {
        let line = self.transcript.line(text);
        self.show(line);
    }

    fn end(&mut self, why: String) {
        self.stage = Stage::Closed;
        self.effects.push(Effect::End(why));
    }
}

#[cfg(test)]
mod tests;
