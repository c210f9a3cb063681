//! Which prompts wait and which were taken, folded from a journal.

use std::collections::VecDeque;

use ao_plugin_sdk::prelude::*;

use super::event::{Event, Stopped};

/// How many keys are remembered. A host repeats only its newest message.
const MOST_KEYS: usize = 1000;

/// A prompt that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// Names it.
    pub key: String,
    /// What it says.
    pub text: String,
    /// How often it came back.
    #[serde(default)]
    pub returns: u32,
}

/// Why nothing that waits is handed over, until somebody says something more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Held {
    /// The last turn failed: so would the next.
    Failed,
    /// The agent was told to stop.
    Interrupted,
}

/// What the helper knows besides what the host is told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queue {
    /// Taken, and not handed over yet; in their order.
    pub waiting: VecDeque<Letter>,
    /// Handed over, and its turn has not ended.
    #[serde(default)]
    pub handed: Option<Letter>,
    /// What waits is held.
    #[serde(default)]
    pub held: Option<Held>,
    /// The keys of interruptions, and what they stopped: the newest last.
    #[serde(default)]
    pub interruptions: VecDeque<(String, Stopped)>,
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
            // What failed before may go well in another helper.
            Event::Started { .. } if self.held == Some(Held::Failed) => self.held = None,
            Event::Taken { key, text } => {
                self.held = None;
                remember(&mut self.known, key.clone());
                self.waiting.push_back(Letter { key: key.clone(), text: text.clone(), returns: 0 });
            }
            Event::Prompted { key } => {
                let index = self.waiting.iter().position(|letter| letter.key == *key);
                self.handed = index.and_then(|index| self.waiting.remove(index));
            }
            Event::Returned { key } => {
                if let Some(mut letter) = self.handed.take_if(|letter| letter.key == *key) {
                    letter.returns += 1;
                    self.waiting.push_front(letter);
                }
            }
            Event::Turn { .. } | Event::Cut { .. } => self.handed = None,
            Event::Failed { .. } => {
                self.handed = None;
                self.held.get_or_insert(Held::Failed);
            }
            Event::Interrupted { key, turn } => {
                self.held = Some(Held::Interrupted);
                remember(&mut self.interruptions, (key.clone(), *turn));
            }
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

    /// Forgets prompts that this says of their keys.
    pub fn forget(&mut self, is_over: impl Fn(&str) -> bool) {
        self.waiting.retain(|letter| !is_over(&letter.key));
        self.handed.take_if(|letter| is_over(&letter.key));
    }

    /// Takes a prompt before those that wait.
    pub fn put_first(&mut self, key: String, text: String) {
        self.held = None;
        remember(&mut self.known, key.clone());
        self.waiting.push_front(Letter { key, text, returns: 0 });
    }

    /// What was stopped under this key.
    pub fn stopped(&self, key: &str) -> Option<Stopped> {
        self.interruptions.iter().find(|(known, _)| known == key).map(|(_, stopped)| *stopped)
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
