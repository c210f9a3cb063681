//! What a journal says.

use ao_plugin_sdk::core::slots::agent::ModelUsage;
use ao_plugin_sdk::prelude::*;

use super::{Queue, View};

/// A line of a journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When, by the helper's clock.
    pub at: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[expect(missing_docs, reason = "a variant's line says what its fields are")]
pub enum Event {
    /// The first line of a file that follows another one: all that those before it came to.
    Snapshot { view: Box<View>, queue: Box<Queue> },
    /// A helper has begun.
    Started { helper: u32 },
    /// The agent's program runs.
    Launched { pid: u32 },
    /// The agent has said who it is.
    Connected { agent: String, version: Option<String> },
    /// There is a conversation.
    Session { id: String, how: How },
    /// The agent's model.
    Model { id: String },
    /// A prompt was taken: from here on it is the helper's to deliver, once.
    Taken { key: String, text: String },
    /// It is handed to the agent now. It is never handed over again, unless it comes back.
    Prompted { key: String },
    /// It came back: it never reached the agent, or was refused before anything was done about it.
    Returned { key: String },
    /// What was handed over by a helper that is gone: nobody can tell whether it arrived.
    Cut { key: String, why: String },
    /// Somebody told the agent to stop, during a turn or not: what waits is held until the next prompt is taken.
    Interrupted { key: String, turn: Stopped },
    /// The agent asks for a permission.
    Asked { question: Question },
    /// It was answered; `choice` is none where the question was withdrawn.
    Answered { ask: String, key: Option<String>, choice: Option<Choice>, by: Answerer },
    /// The agent works on what nobody here has handed over, such as what somebody typed into it.
    Begun,
    /// Its provider lets the turn wait, until then where that is known; then it goes on by itself.
    Waits { why: String, until: Option<Timestamp> },
    /// The turn goes on that had to wait.
    GoesOn,
    /// A turn has ended.
    Turn { key: String, stop: String, used: Vec<Used> },
    /// A turn has failed.
    Failed { key: String, why: String, limited: bool },
    /// What the conversation has used so far, in all.
    Usage { used: Vec<Used> },
    /// What the conversation has cost so far, in millionths of a US dollar.
    Cost { micros: u64 },
    /// What it is about.
    Titled { title: String },
    /// Something worth knowing that changes nothing.
    Note { text: String },
    /// Something that a human has to know before they say more.
    Notice { text: String },
    /// The agent is gone, or was ended.
    Ended { why: String },
    /// An event of a newer helper.
    #[serde(other)]
    Unknown,
}

/// How a conversation came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// It is new.
    New,
    /// The agent has read its history again.
    Loaded,
    /// The agent goes on with it.
    Resumed,
}

/// Whether somebody who told the agent to stop stopped anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stopped {
    /// A turn, which is to end.
    Turn,
    /// Nothing: no turn ran.
    Nothing,
}

/// Who answered a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answerer {
    /// The session's permission mode.
    Policy,
    /// Somebody, through the host.
    Human,
    /// Nobody: the turn ended, or was cancelled, before.
    Nobody,
}

/// A permission that the agent asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// Names it, once in all launches.
    pub id: String,
    /// What it is about, in one line.
    pub text: String,
    /// The agent's word for the kind of tool, where it says one.
    pub tool: Option<String>,
    /// What can be answered, as the agent has it.
    pub choices: Vec<Choice>,
}

/// An answer to a question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// The agent's own id for it.
    pub id: String,
    /// What it does, in the protocol's word.
    pub kind: String,
    /// What the agent calls it.
    pub label: String,
}

/// What a turn has used of one model, in tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    /// Which, in the provider's words.
    pub model: String,
    /// Read, and not from a cache.
    pub input: u64,
    /// Written, with what was thought.
    pub output: u64,
    /// Read from a cache.
    pub cache_read: u64,
    /// Written to a cache.
    pub cache_write: u64,
}

impl Used {
    /// Adds what another turn has used of the same model.
    pub fn add(&mut self, other: &Self) {
        let sums = [
            (&mut self.input, other.input),
            (&mut self.output, other.output),
            (&mut self.cache_read, other.cache_read),
            (&mut self.cache_write, other.cache_write),
        ];
        for (sum, more) in sums {
            *sum = sum.saturating_add(more);
        }
    }

    /// Whether it says nothing.
    pub fn is_nothing(&self) -> bool {
        [self.input, self.output, self.cache_read, self.cache_write] == [0; 4]
    }

    /// As the slot has it.
    pub fn usage(&self) -> ModelUsage {
        let mut usage = ModelUsage::new(self.model.as_str());
        (usage.input_tokens, usage.output_tokens) = (self.input, self.output);
        (usage.cache_read_tokens, usage.cache_write_tokens) = (self.cache_read, self.cache_write);
        usage
    }
}
