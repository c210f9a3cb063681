//! What is known of a conversation while it goes on, and which prompts are taken into it.

use ao_plugin_sdk::core::model::draft::digest;
use ao_plugin_sdk::prelude::*;

use crate::control::Reply;
use crate::desk::Known;
use crate::journal::{Event, Queue, View};

/// How many prompts may wait, and how many bytes of them.
const MOST_WAITING: usize = 64;
const MOST_WAITING_BYTES: usize = 4 * 1024 * 1024;

/// What becomes of a prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taking {
    /// It is new: this is to be written down, and then it is taken.
    New(Event),
    /// It was taken before.
    Known,
    /// It is not taken now.
    Full(Reply),
}

/// What is known, folded from what happened.
#[derive(Clone, Debug)]
pub struct Ledger {
    /// What the host is told.
    pub view: View,
    /// What the helper knows besides.
    pub queue: Queue,
}

impl Ledger {
    /// Goes on from what is known.
    #[must_use]
    pub fn new((view, queue): Known) -> Self {
        Self { view, queue }
    }

    /// Goes on by one event.
    pub fn apply(&mut self, now: Timestamp, event: &Event) {
        self.view.apply(now, event);
        self.queue.apply(event);
    }

    /// What becomes of a prompt, which is taken once for each key.
    #[must_use]
    pub fn taking(&self, key: String, text: String) -> Taking {
        if self.queue.knows(&key) {
            return Taking::Known;
        }
        let bytes: usize = self.queue.waiting.iter().map(|letter| letter.text.len()).sum();
        if self.queue.waiting.len() >= MOST_WAITING || bytes + text.len() > MOST_WAITING_BYTES {
            let message = "too many prompts wait for the agent; it takes more once it has worked some off";
            return Taking::Full(Reply::refused(Code::UNAVAILABLE, message));
        }
        Taking::New(Event::Taken { key, digest: digest(&text), text })
    }

    /// The name of the next question: a helper that begins again counts on, and another launch's has another conversation,
    /// or another time.
    #[must_use]
    pub fn question_name(&self, now: Timestamp, about: &str) -> String {
        let salt = digest(&format!("{about}\n{}", now.as_millis()));
        format!("p{}-{}", self.queue.asked + 1, salt.get(..8).unwrap_or_default())
    }
}
