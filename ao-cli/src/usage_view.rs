//! What conversations have used, and what of budgets is left, as commands show it.

use std::collections::BTreeMap;
use std::sync::Arc;

use ao_core::config::{Budget, Budgets, Config};
use ao_core::lifecycle::{Left, Spent};
use ao_core::model::Dollars;
use ao_core::model::facts::Session;
use ao_core::prices::Prices;
use ao_host::setup::{ConfigFiles, Loaded};
use camino::Utf8PathBuf;
use schemars::JsonSchema;
use serde::Serialize;

use crate::edge::Edge;

/// What was used, and what of a budget is left.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct SpentView {
    /// Tokens: those that were read, those that were written, and those from and into caches.
    tokens: u64,
    /// What they cost, in millionths of a US dollar, as far as prices are known.
    cost_micros: u64,
    /// The models whose tokens have no price.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unpriced: Vec<String>,
    /// How many tokens of the budget are left, where it has any.
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens_left: Option<u64>,
    /// How much of the budget is left in millionths of a US dollar, where it has any.
    #[serde(skip_serializing_if = "Option::is_none")]
    cost_micros_left: Option<u64>,
}

/// What the sessions of a project have used together, ended ones too.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct ProjectUsage {
    /// The project.
    project: String,
    /// Its directory.
    directory: String,
    /// How much.
    #[serde(flatten)]
    spent: SpentView,
    /// The day of the price list, as `YYYY-MM-DD`.
    prices: String,
}

impl SpentView {
    fn of(spent: Spent, budget: Budget) -> Self {
        let left = Left::of(budget, &spent);
        Self {
            tokens: spent.tokens,
            cost_micros: spent.cost.micros(),
            unpriced: spent.unpriced.into_iter().collect(),
            tokens_left: left.tokens,
            cost_micros_left: left.usd.map(Dollars::micros),
        }
    }

    /// In one column: `1.2M, $3.40`; a `+` says that something has no price.
    pub(crate) fn short(&self) -> String {
        let cost = Dollars::from_micros(self.cost_micros).rounded();
        match (self.unpriced.is_empty(), self.cost_micros) {
            (true, _) => format!("{}, {cost}", rounded(self.tokens)),
            (false, 0) => format!("{}, no price", rounded(self.tokens)),
            (false, _) => format!("{}, {cost}+", rounded(self.tokens)),
        }
    }

    /// In a line, with what is left.
    pub(crate) fn long(&self) -> String {
        let cost = Dollars::from_micros(self.cost_micros).rounded();
        let cost = match (self.unpriced.is_empty(), self.cost_micros) {
            (true, _) => format!(", {cost}"),
            (false, 0) => ", no price is known".to_owned(),
            (false, _) => format!(", {cost} as far as prices are known"),
        };
        let tokens = self.tokens_left.map(|left| format!("{left} tokens"));
        let dollars = self.cost_micros_left.map(|left| Dollars::from_micros(left).rounded());
        let left: Vec<_> = tokens.into_iter().chain(dollars).collect();
        let left = if left.is_empty() { String::new() } else { format!("; left: {}", left.join(", ")) };
        format!("{} tokens{cost}{left}", self.tokens)
    }

    /// The models without a price, in a sentence; none where there are none.
    pub(crate) fn without_price(&self) -> Option<String> {
        let names = self.unpriced.join(", ");
        (!names.is_empty())
            .then(|| format!("none for {names}: a budget in dollars does not count them (`prices` sets one)"))
    }
}

impl ProjectUsage {
    /// In a line.
    pub(crate) fn line(&self) -> String {
        format!("{} has used {}", self.project, self.spent.long())
    }

    /// How much.
    pub(crate) const fn spent(&self) -> &SpentView {
        &self.spent
    }

    /// The day of the price list.
    pub(crate) fn prices(&self) -> &str {
        &self.prices
    }
}

/// Budgets and prices as the configurations of sessions say, each read once. One that cannot be used, or is not trusted, says
/// nothing: then there are the public prices, and no budget.
pub(crate) struct Tariffs<'a> {
    edge: &'a Edge,
    read: BTreeMap<Option<Utf8PathBuf>, Option<Config>>,
}

impl<'a> Tariffs<'a> {
    /// None read yet.
    pub(crate) const fn new(edge: &'a Edge) -> Self {
        Self { edge, read: BTreeMap::new() }
    }

    fn of(&mut self, session: &Session) -> (Budgets, Arc<Prices>) {
        let edge = self.edge;
        let config = self.read.entry(session.config_file.clone()).or_insert_with(|| {
            let local = session.config_file.clone().filter(|file| file.is_file());
            let files = ConfigFiles { local, ..edge.config_files_if_any() };
            let loaded = Loaded::read(files, &edge.environment, &edge.places).ok()?;
            loaded.require_trust().ok().map(|()| loaded.config)
        });
        let project = config.as_ref().and_then(|config| config.project(&session.project).ok());
        project.map_or_else(Default::default, |project| (project.budgets, Arc::clone(&project.prices)))
    }

    /// What a session has used; none where that is nothing, or cannot be told.
    pub(crate) fn session(&mut self, session: &Session) -> Option<SpentView> {
        session.agent.as_ref().filter(|agent| agent.spent().next().is_some())?;
        let (budgets, prices) = self.of(session);
        let spent = Spent::of_session(session, &prices);
        (!spent.is_none()).then(|| SpentView::of(spent, budgets.session))
    }

    /// What the sessions of a session's project have used, those among these; none where that is nothing, or cannot be told.
    pub(crate) fn project(&mut self, of: &Session, there: &[Session]) -> Option<ProjectUsage> {
        let (budgets, prices) = self.of(of);
        let spent = Spent::of_project((&of.project, &of.project_path), there, &prices);
        (!spent.is_none()).then(|| ProjectUsage {
            project: of.project.to_string(),
            directory: of.project_path.to_string(),
            spent: SpentView::of(spent, budgets.project),
            prices: prices.date().to_owned(),
        })
    }

    /// The same of every project of which one of these sessions has used something, by the configuration of its newest.
    pub(crate) fn projects(&mut self, there: &[Session]) -> Vec<ProjectUsage> {
        let has_used = |session: &&Session| session.agent.as_ref().is_some_and(|agent| agent.spent().next().is_some());
        let newest: BTreeMap<_, _> =
            there.iter().filter(has_used).map(|session| ((&session.project, &session.project_path), session)).collect();
        newest.into_values().filter_map(|session| self.project(session, there)).collect()
    }
}

/// A number of tokens in a column: `950`, `12k`, `1.2M`.
fn rounded(tokens: u64) -> String {
    match tokens {
        0..1_000 => tokens.to_string(),
        1_000..1_000_000 => format!("{}k", tokens / 1_000),
        _ => format!("{}.{}M", tokens / 1_000_000, tokens % 1_000_000 / 100_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(tokens: u64, micros: u64, unpriced: &[&str], budget: (Option<u64>, Option<u64>)) -> SpentView {
        let unpriced = unpriced.iter().map(|name| (*name).to_owned()).collect();
        let spent = Spent { tokens, cost: Dollars::from_micros(micros), unpriced };
        let (tokens, usd) = (budget.0, budget.1.map(Dollars::from_micros));
        let left = Left { tokens, usd };
        let mut view = SpentView::of(spent, Budget::default());
        (view.tokens_left, view.cost_micros_left) = (left.tokens, left.usd.map(Dollars::micros));
        view
    }

    #[test]
    fn what_was_used_is_told_in_a_column_and_in_a_line() {
        for (view, short, long) in [
            (view(950, 0, &[], (None, None)), "950, $0.00", "950 tokens, $0.00"),
            (
                view(1_250_000, 3_404_000, &[], (Some(750_000), Some(1_596_000))),
                "1.2M, $3.40",
                "1250000 tokens, $3.40; left: 750000 tokens, $1.60",
            ),
            (view(12_345, 0, &["m"], (None, None)), "12k, no price", "12345 tokens, no price is known"),
            (
                view(12_345, 10_000, &["m"], (None, Some(0))),
                "12k, $0.01+",
                "12345 tokens, $0.01 as far as prices are known; left: $0.00",
            ),
        ] {
            assert_eq!((view.short().as_str(), view.long().as_str()), (short, long));
        }
        assert_eq!(view(1, 1, &[], (None, None)).without_price(), None);
        assert!(view(1, 0, &["a", "b"], (None, None)).without_price().unwrap().starts_with("none for a, b: "));
    }
}
