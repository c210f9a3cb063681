//! Which prompts wait and which were taken, folded from a journal.

use std::collections::VecDeque;

use ao_plugin_sdk::prelude::*;

use super::event::Event;

/// How many keys are remembered. A host repeats only its newest message.
const MOST_KEYS: usize = 1000;

/// A prompt that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// Names it.
    pub key: String,
    /// What it says.
    pub text: String,
}

/// What the helper knows besides what the host is told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queue {
    /// Taken, and not handed over yet; in their order.
    pub waiting: VecDeque<Letter>,
    /// Every key that was taken, the newest last.
    #[serde(default)]
    pub known: VecDeque<String>,
    /// The keys of answers, and what was answered: the newest last.
    #[serde(default)]
    pub answers: VecDeque<(String, String)>,
    /// How many questions there were.
    #[serde(default)]
    pub asked: u64,
}

impl Queue {
    /// Goes on by one event.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Snapshot { queue, .. } => *self = (**queue).clone(),
            Event::Taken { key, text, .. } => {
                remember(&mut self.known, key.clone());
                self.waiting.push_back(Letter { key: key.clone(), text: text.clone() });
            }
            Event::Prompted { key } => self.waiting.retain(|letter| letter.key != *key),
            Event::Asked { .. } => self.asked += 1,
            Event::Answered { key: Some(key), choice: Some(choice), .. } => {
                remember(&mut self.answers, (key.clone(), choice.label.clone()));
            }
            _ => {}
        }
    }

    /// Whether a prompt with this key was taken.
    pub fn knows(&self, key: &str) -> bool {
        self.known.iter().any(|known| known == key)
    }

    /// What was answered under this key.
    pub fn answer(&self, key: &str) -> Option<&str> {
        self.answers.iter().find(|(known, _)| known == key).map(|(_, label)| label.as_str())
    }
}

fn remember<T>(known: &mut VecDeque<T>, new: T) {
    if known.len() >= MOST_KEYS {
        known.pop_front();
    }
    known.push_back(new);
}
