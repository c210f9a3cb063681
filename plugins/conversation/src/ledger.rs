//! What is known of a conversation while it goes on, and which prompts are taken into it.

use ao_plugin_sdk::core::model::draft::digest;
use ao_plugin_sdk::core::text::one_line;
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
        Taking::New(Event::Taken { key, text })
    }

    /// The prompt that a helper which is gone has handed over, by its key, and what is to be said of it: nobody can tell whether
    /// it arrived.
    #[must_use]
    pub fn cut_off(&self) -> Option<(String, String)> {
        let letter = self.queue.handed.as_ref()?;
        let what = one_line(&letter.text, 100);
        let why = format!("the turn on `{what}` was cut off; it may not have arrived, and is not repeated");
        Some((letter.key.clone(), why))
    }

    /// The name of the next question: a helper that begins again counts on, and another launch's has another conversation,
    /// or another time.
    #[must_use]
    pub fn question_name(&self, now: Timestamp, about: &str) -> String {
        let salt = digest(&format!("{about}\n{}", now.as_millis()));
        format!("p{}-{}", self.queue.asked + 1, salt.get(..8).unwrap_or_default())
    }
}
