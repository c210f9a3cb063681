//! What a conversation has used, counted once.

use std::collections::BTreeMap;

use ao_plugin_sdk::prelude::*;

/// The tokens of one message, or of many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Tokens {
    #[serde(rename = "i")]
    pub(crate) input: u64,
    #[serde(rename = "o")]
    pub(crate) output: u64,
    #[serde(rename = "r")]
    pub(crate) cache_read: u64,
    #[serde(rename = "w")]
    pub(crate) cache_write: u64,
}

impl Tokens {
    fn each(self, other: Self, with: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            input: with(self.input, other.input),
            output: with(self.output, other.output),
            cache_read: with(self.cache_read, other.cache_read),
            cache_write: with(self.cache_write, other.cache_write),
        }
    }
}

/// What was used of each model.
pub(crate) type Totals = BTreeMap<String, Tokens>;

/// One message's usage, as a line tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Used {
    pub(crate) message: String,
    pub(crate) model: String,
    pub(crate) tokens: Tokens,
}

/// The message that was counted last. One message of the provider's is written as several lines, each with its usage, and
/// the last of them has the whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counted {
    #[serde(rename = "m")]
    message: String,
    #[serde(rename = "t")]
    tokens: Tokens,
}

/// How many messages are remembered: several may be written by turns.
const REMEMBERED: usize = 4;

/// Counts what a line tells, less what earlier lines told of the same message.
pub(crate) fn count(totals: &mut Totals, counted: &mut Vec<Counted>, used: Used) {
    let known = counted.iter_mut().find(|counted| counted.message == used.message);
    let before = known.as_ref().map_or(Tokens::default(), |known| known.tokens);
    let now = before.each(used.tokens, u64::max);
    let more = now.each(before, u64::saturating_sub);
    if let Some(known) = known {
        known.tokens = now;
    } else {
        if counted.len() >= REMEMBERED {
            counted.remove(0);
        }
        counted.push(Counted { message: used.message, tokens: now });
    }
    let total = totals.entry(used.model).or_default();
    *total = total.each(more, u64::saturating_add);
}

/// Adds totals to others.
pub(crate) fn add(totals: &mut Totals, more: &Totals) {
    for (model, tokens) in more {
        let total = totals.entry(model.clone()).or_default();
        *total = total.each(*tokens, u64::saturating_add);
    }
}

/// Raises totals to others, where these are higher.
pub(crate) fn raise(totals: &mut Totals, floor: &Totals) {
    for (model, tokens) in floor {
        let total = totals.entry(model.clone()).or_default();
        *total = total.each(*tokens, u64::max);
    }
}

/// As the slot tells it.
pub(crate) fn told(totals: &Totals) -> Vec<ModelUsage> {
    let told = |(model, tokens): (&String, &Tokens)| {
        let mut usage = ModelUsage::new(model.as_str());
        usage.input_tokens = tokens.input;
        usage.output_tokens = tokens.output;
        usage.cache_read_tokens = tokens.cache_read;
        usage.cache_write_tokens = tokens.cache_write;
        usage
    };
    totals.iter().map(told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(message: &str, model: &str, output: u64) -> Used {
        let tokens = Tokens { input: 10, output, cache_read: 3, cache_write: 1 };
        Used { message: message.to_owned(), model: model.to_owned(), tokens }
    }

    #[test]
    fn a_message_of_several_lines_counts_once() {
        let (mut totals, mut counted) = (Totals::new(), Vec::new());
        for line in [("a", "opus", 1), ("b", "haiku", 7), ("a", "opus", 50), ("a", "opus", 50), ("c", "opus", 5)] {
            count(&mut totals, &mut counted, used(line.0, line.1, line.2));
        }
        assert_eq!(totals["opus"], Tokens { input: 20, output: 55, cache_read: 6, cache_write: 2 });
        assert_eq!(totals["haiku"], Tokens { input: 10, output: 7, cache_read: 3, cache_write: 1 });
    }
}
