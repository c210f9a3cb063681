//! What a record tells, line by line, in a few words: the state of the last turn and what was used.

use std::collections::BTreeMap;

use ao_plugin_sdk::prelude::*;

use super::line::{Failure, Line, Record, Tokens};

/// The longest one-line text that is kept, in characters.
const LINE: usize = 200;

/// What was told up to here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Story {
    /// The last turn.
    pub turn: Turn,
    /// When the last line was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_at: Option<Timestamp>,
    /// What the conversation is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// Until when the provider lets it wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limited_until: Option<Timestamp>,
    /// The model of the last turn.
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    /// What was used in all, as it was told last.
    total: Tokens,
    /// The same, a model each.
    used: BTreeMap<String, Tokens>,
    /// What was told before the record was cut or replaced, a model each: no less is told after it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    floor: BTreeMap<String, Tokens>,
}

/// The last turn.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Turn {
    /// There was none.
    #[default]
    None,
    /// It goes on.
    Running {
        /// Since when.
        since: Option<Timestamp>,
    },
    /// It came to its end, or was ended by its user.
    Over {
        /// When.
        since: Option<Timestamp>,
    },
    /// It could not go on.
    Failed {
        /// When.
        since: Option<Timestamp>,
        /// Why.
        why: Failure,
    },
}

impl Story {
    /// Adds a line.
    pub fn tell(&mut self, line: Line) {
        let since = line.at;
        self.last_at = line.at.or(self.last_at);
        match line.record {
            Record::Model(model) => self.model = Some(model),
            Record::Started => self.turn = Turn::Running { since },
            Record::Ended(None) | Record::Aborted => self.turn = Turn::Over { since },
            Record::Ended(Some(mut why)) => {
                why.text = one_line(&why.text);
                self.turn = Turn::Failed { since, why };
            }
            Record::Used(total) => self.use_up(total),
            Record::Limits(until) => self.limited_until = until,
            Record::UsedWithLimits(total, until) => {
                self.use_up(total);
                self.limited_until = until;
            }
            Record::Message(text) if self.about.is_none() => self.about = Some(one_line(&text)),
            Record::Name(name) => self.about = Some(one_line(&name)),
            Record::Meta { .. } | Record::Message(_) | Record::Other => {}
        }
    }

    /// Forgets all but what was used: the record is told from its beginning.
    pub fn begin_anew(&mut self) {
        *self = Self { floor: self.highest(), ..Self::default() };
    }

    /// Forgets the last turn: the process that it was of is gone.
    pub fn leave_turn(&mut self) {
        (self.turn, self.last_at) = (Turn::None, None);
    }

    /// What was used, and no less than was told before.
    fn highest(&self) -> BTreeMap<String, Tokens> {
        let mut all = self.used.clone();
        for (model, floor) in &self.floor {
            let used = all.entry(model.clone()).or_default();
            *used = used.with(*floor, u64::max);
        }
        all
    }

    /// Adds what was used since the last total to the present model. A total comes more than once, and a lower one is old.
    fn use_up(&mut self, total: Tokens) {
        let more = total.since(self.total);
        if more == Tokens::default() {
            return;
        }
        let model = self.model.clone().unwrap_or_else(|| "unknown".to_owned());
        let used = self.used.entry(model).or_default();
        *used = used.and(more);
        self.total = self.total.and(more);
    }

    /// What was used, a model each; none before anything was.
    #[must_use]
    pub fn usage(&self) -> Option<Vec<ModelUsage>> {
        let usage = |(model, tokens): (&String, &Tokens)| {
            let mut usage = ModelUsage::new(model.as_str());
            let cached = tokens.cached_input_tokens.saturating_add(tokens.cache_write_input_tokens);
            usage.input_tokens = tokens.input_tokens.saturating_sub(cached);
            usage.output_tokens = tokens.output_tokens;
            usage.cache_read_tokens = tokens.cached_input_tokens;
            usage.cache_write_tokens = tokens.cache_write_input_tokens;
            usage
        };
        let all = self.highest();
        (!all.is_empty()).then(|| all.iter().map(usage).collect())
    }
}

impl Tokens {
    fn since(self, before: Self) -> Self {
        self.with(before, u64::saturating_sub)
    }

    fn and(self, more: Self) -> Self {
        self.with(more, u64::saturating_add)
    }

    fn with(self, other: Self, join: fn(u64, u64) -> u64) -> Self {
        Self {
            input_tokens: join(self.input_tokens, other.input_tokens),
            cached_input_tokens: join(self.cached_input_tokens, other.cached_input_tokens),
            cache_write_input_tokens: join(self.cache_write_input_tokens, other.cache_write_input_tokens),
            output_tokens: join(self.output_tokens, other.output_tokens),
        }
    }
}

/// The first line with something in it, cut.
fn one_line(text: &str) -> String {
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    ao_plugin_sdk::core::text::one_line(line, LINE)
}
