//! How many tokens an answer took: numbers that are made up, but always the same, so that whoever counts can be checked.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use crate::asked::{Api, Asked};

/// Numbers of tokens. None is counted twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Tokens {
    /// Read, and neither from a cache nor written to one.
    pub input: u64,
    /// Written, with what was thought.
    pub output: u64,
    /// Read from a cache.
    pub cache_read: u64,
    /// Written to a cache. Chat Completions have no word for it: there it counts as `input`.
    pub cache_write: u64,
    /// How much of `output` was thought; OpenAI's APIs alone say so.
    pub thought: u64,
}

/// What was served, by model.
pub type Served = BTreeMap<String, Tokens>;

impl AddAssign for Tokens {
    fn add_assign(&mut self, other: Self) {
        self.input += other.input;
        self.output += other.output;
        self.cache_read += other.cache_read;
        self.cache_write += other.cache_write;
        self.thought += other.thought;
    }
}

impl Tokens {
    /// The tokens of an answer of so many bytes.
    pub(crate) fn of(asked: &Asked, bytes: usize) -> Self {
        Self {
            input: 101 + count(asked.user.len()) / 4,
            output: 17 + count(bytes) / 4,
            cache_read: 512 + 1000 * count(asked.answers),
            cache_write: 31 + 3 * count(asked.messages),
            thought: 5,
        }
    }

    /// The same, as far as this API can say it.
    pub(crate) fn said_by(self, api: Api) -> Self {
        match api {
            Api::Chat => Self { input: self.input + self.cache_write, cache_write: 0, ..self },
            Api::Messages => Self { thought: 0, ..self },
            _ => self,
        }
    }

    /// All that was read.
    pub(crate) fn read(self) -> u64 {
        self.input + self.cache_read + self.cache_write
    }
}

fn count(of: usize) -> u64 {
    u64::try_from(of).unwrap_or(u64::MAX)
}
