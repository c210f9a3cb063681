//! What models cost: the public list prices of a day, the user's own over them, and what a conversation's tokens come to.
//!
//! A price stands for a model of exactly that name and its dated releases, never for one that is only called alike:
//! `gpt-5` is not the price of `gpt-5-pro`. What has no price is said to have none.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use crate::model::Dollars;
use crate::slots::agent::ModelUsage;

/// The public list prices, with their date.
const LISTED: &str = include_str!("prices.json");
/// Prices are for so many tokens.
const PER: u128 = 1_000_000;

/// What a model costs, in US dollars per million tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[non_exhaustive]
pub struct Price {
    /// Tokens that are read, neither from nor into a cache.
    #[schemars(with = "Amount")]
    pub input: Dollars,
    /// Tokens that are written.
    #[schemars(with = "Amount")]
    pub output: Dollars,
    /// Tokens that are read from a cache. A model that has such tokens and not this price is unpriced.
    #[schemars(with = "Option<Amount>")]
    pub cache_read: Option<Dollars>,
    /// Tokens that are written to a cache. A model that has such tokens and not this price is unpriced.
    #[schemars(with = "Option<Amount>")]
    pub cache_write: Option<Dollars>,
}

/// The schema of a price.
struct Amount;

impl JsonSchema for Amount {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Amount".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "minimum": 0, "exclusiveMaximum": 1_000_000_000 })
    }
}

/// What models cost, by their names: a name stands for its dated releases, too.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    /// The day of the public list, as `YYYY-MM-DD`.
    date: String,
    models: BTreeMap<String, Price>,
}

impl Default for Prices {
    /// The public list.
    fn default() -> Self {
        static PRICES: LazyLock<Prices> =
            LazyLock::new(|| serde_json::from_str(LISTED).expect("a test reads the list that is linked in"));
        PRICES.clone()
    }
}

impl Prices {
    /// The public list, with the user's own prices in front of it.
    #[must_use]
    pub fn with(own: &BTreeMap<String, Price>) -> Self {
        let mut prices = Self::default();
        prices.models.extend(own.iter().map(|(model, price)| (model.clone(), *price)));
        prices
    }

    /// The day of the public list, as `YYYY-MM-DD`.
    #[must_use]
    pub fn date(&self) -> &str {
        &self.date
    }

    /// What a model costs, by the longest name that it, or the model that it is a dated release of, has; none where it is in
    /// no list.
    #[must_use]
    pub fn of(&self, model: &str) -> Option<&Price> {
        let is_meant = |name: &String| model.strip_prefix(name.as_str()).is_some_and(is_release);
        // Names with the same beginning are sorted by their lengths.
        self.models.iter().rev().find(|(name, _)| is_meant(name)).map(|(_, price)| price)
    }

    /// What was used costs: what the agent itself says, else by its model's price; none where there is no price for all of
    /// it. What costs less than half a millionth of a dollar is lost.
    #[must_use]
    pub fn cost(&self, usage: &ModelUsage) -> Option<Dollars> {
        if let Some(micros) = usage.cost_micros {
            return Some(Dollars::from_micros(micros));
        }
        if usage.tokens() == 0 {
            return Some(Dollars::default());
        }
        let price = self.of(&usage.model)?;
        let mut millionths: u128 = 0;
        for (tokens, each) in [
            (usage.input_tokens, Some(price.input)),
            (usage.output_tokens, Some(price.output)),
            (usage.cache_read_tokens, price.cache_read),
            (usage.cache_write_tokens, price.cache_write),
        ] {
            if tokens > 0 {
                millionths = millionths.saturating_add(u128::from(tokens) * u128::from(each?.micros()));
            }
        }
        let micros = u64::try_from(millionths.saturating_add(PER / 2) / PER).unwrap_or(u64::MAX);
        Some(Dollars::from_micros(micros))
    }
}

impl ModelUsage {
    /// All of its tokens.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        let kinds = [self.input_tokens, self.output_tokens, self.cache_read_tokens, self.cache_write_tokens];
        kinds.into_iter().fold(0, u64::saturating_add)
    }
}

/// Whether what follows a model's name says only which release of it this is: nothing; a date, such as `-20250929`, `-2025-08-07`
/// or `@20250929`; or `-latest`.
fn is_release(rest: &str) -> bool {
    let Some(word) = rest.strip_prefix(['-', '@']) else { return rest.is_empty() };
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    word == "latest" || digits == 8 && word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn used(model: &str, tokens: [u64; 4]) -> ModelUsage {
        let mut usage = ModelUsage::new(model);
        [usage.input_tokens, usage.output_tokens, usage.cache_read_tokens, usage.cache_write_tokens] = tokens;
        usage
    }

    fn micros(model: &str, tokens: [u64; 4]) -> Option<u64> {
        Prices::default().cost(&used(model, tokens)).map(Dollars::micros)
    }

    #[test]
    fn tokens_come_to_what_the_list_says() {
        const M: u64 = 1_000_000;
        for (model, tokens, expected) in [
            ("claude-opus-4-20250514", [M, M, M, M], Some(110_250_000)),
            ("claude-opus-4-1-20250805", [M, 0, 0, 0], Some(15_000_000)),
            ("claude-opus-4-5-20251101", [M, M, M, M], Some(36_750_000)),
            ("claude-opus-4-6", [M, 0, 0, 0], Some(5_000_000)),
            ("claude-sonnet-4-5-20250929", [M, M, M, M], Some(22_050_000)),
            ("claude-sonnet-4-5@20250929", [0, 1000, 0, 0], Some(15_000)),
            ("claude-haiku-4-5", [M, M, M, M], Some(7_350_000)),
            ("claude-3-5-haiku-latest", [M, M, M, M], Some(5_880_000)),
            ("gpt-5", [M, M, M, 0], Some(11_375_000)),
            ("gpt-5-2025-08-07", [M, 0, 0, 0], Some(1_250_000)),
            ("gpt-5.1", [0, M, 0, 0], Some(10_000_000)),
            ("gpt-5-codex", [0, 0, M, 0], Some(125_000)),
            ("gpt-5-mini", [M, M, M, 0], Some(2_275_000)),
            ("gpt-4.1", [M, M, M, 0], Some(10_500_000)),
            ("o3", [M, M, M, 0], Some(10_500_000)),
            // Half a millionth and more is one.
            ("gpt-5-mini", [1, 0, 0, 0], Some(0)),
            ("gpt-5-mini", [2, 0, 0, 0], Some(1)),
            // Nothing is guessed, least of all by a name that is alike.
            ("gpt-5-pro", [M, 0, 0, 0], None),
            ("gpt-5.2", [M, 0, 0, 0], None),
            ("o3-mini", [M, 0, 0, 0], None),
            ("claude-opus-4-9", [M, 0, 0, 0], None),
            ("claude-sonnet-4-5-20250929[1m]", [M, 0, 0, 0], None),
            ("anthropic/claude-sonnet-4-5", [M, 0, 0, 0], None),
            ("GPT-5", [M, 0, 0, 0], None),
            ("", [M, 0, 0, 0], None),
            // What is written to a cache has no price there.
            ("gpt-5", [M, 0, 0, 1], None),
            // Nothing costs nothing, whoever it is of.
            ("nobody", [0; 4], Some(0)),
        ] {
            assert_eq!(micros(model, tokens), expected, "{model} {tokens:?}");
        }
    }

    #[test]
    fn the_word_of_the_agent_goes_first() {
        let mut usage = used("claude-opus-4-5", [1_000_000, 0, 0, 0]);
        usage.cost_micros = Some(7);
        assert_eq!(Prices::default().cost(&usage), Some(Dollars::from_micros(7)));
        usage.model = "nobody".to_owned();
        assert_eq!(Prices::default().cost(&usage), Some(Dollars::from_micros(7)));
    }

    #[test]
    fn ones_own_prices_go_before_the_list() {
        let read = |text: &str| serde_json::from_str::<BTreeMap<String, Price>>(text);
        let own = read(r#"{"gpt-5": {"input": 2, "output": 3}, "my-model": {"input": 0.000001, "output": 18.75}}"#);
        let prices = Prices::with(&own.unwrap());
        let cost = |model: &str, tokens| prices.cost(&used(model, tokens)).map(Dollars::micros);
        assert_eq!(cost("gpt-5", [1_000_000, 0, 0, 0]), Some(2_000_000));
        assert_eq!(cost("gpt-5", [0, 0, 1, 0]), None, "the list's price for something else does not fill it up");
        assert_eq!(cost("my-model-2026-01-02", [1_000_000, 1_000_000, 0, 0]), Some(18_750_001));
        assert_eq!(cost("o3", [1_000_000, 0, 0, 0]), Some(2_000_000), "the others stay");
        for text in
            [r#"{"m": {"input": 1}}"#, r#"{"m": {"input": -1, "output": 1}}"#, r#"{"m": {"in": 1, "output": 1}}"#]
        {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_list_has_a_date_and_cache_prices_that_fit() {
        let prices = Prices::default();
        assert!(prices.date.len() == 10 && prices.date.starts_with("20"), "{}", prices.date);
        for (model, price) in &prices.models {
            assert!(price.output > price.input && price.cache_read.is_none_or(|read| read < price.input), "{model}");
            if model.starts_with("claude-") {
                assert_eq!(price.cache_read.map(|read| read.micros() * 10), Some(price.input.micros()), "{model}");
                assert_eq!(
                    price.cache_write.map(|write| write.micros() * 4),
                    Some(price.input.micros() * 5),
                    "{model}"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn more_tokens_never_cost_less(tokens in proptest::array::uniform4(0_u64..1 << 50), kind in 0_usize..4, more in 0_u64..1 << 50) {
            let mut larger = tokens;
            larger[kind] += more;
            prop_assert!(micros("claude-opus-4-5", larger) >= micros("claude-opus-4-5", tokens));
        }

        #[test]
        fn any_number_of_tokens_and_any_name_can_be_asked_for(model in ".{0,40}", tokens in proptest::array::uniform4(any::<u64>())) {
            let prices = Prices::default();
            let _ = prices.cost(&used(&model, tokens));
            let _ = prices.cost(&used(&format!("gpt-5{model}"), tokens));
        }
    }
}
