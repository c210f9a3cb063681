//! How much conversations may use before they are held.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use crate::model::Dollars;

/// How much may be used, as it is written.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Budgets")]
pub(crate) struct Written {
    /// What one session's conversation may use. Anything unless set.
    #[serde(default)]
    pub(crate) session: Budget,
    /// What the conversations of all sessions of a project may use together, those that have ended among them. Anything
    /// unless set.
    #[serde(default)]
    pub(crate) project: Budget,
}

/// How much may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Budget")]
#[non_exhaustive]
pub struct Budget {
    /// In tokens: those that are read, those that are written, and those from and into caches.
    #[schemars(range(min = 1))]
    pub tokens: Option<u64>,
    /// In US dollars, as far as prices are known.
    #[schemars(with = "Option<Amount>")]
    pub usd: Option<Dollars>,
}

/// How much a project's sessions may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budgets {
    /// Each of them.
    pub session: Budget,
    /// All of them together.
    pub project: Budget,
}

/// The schema of an amount that can be used up.
struct Amount;

impl JsonSchema for Amount {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "BudgetAmount".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1_000_000_000 })
    }
}

impl Budget {
    /// Whether nothing is said.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.tokens.is_none() && self.usd.is_none()
    }

    fn over(self, for_all: Self) -> Self {
        Self { tokens: self.tokens.or(for_all.tokens), usd: self.usd.or(for_all.usd) }
    }
}

impl Budgets {
    /// Whether nothing is said.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.session.is_none() && self.project.is_none()
    }
}

impl Written {
    /// With what is said for every project.
    pub(crate) fn resolve(self, for_all: Self) -> Budgets {
        Budgets { session: self.session.over(for_all.session), project: self.project.over(for_all.project) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_goes_before_all_projects_key_by_key() {
        let read = |text: &str| serde_json::from_str::<Written>(text).unwrap();
        let resolved = |own: &str, for_all: &str| {
            let Budgets { session, project } = read(own).resolve(read(for_all));
            let micros = |budget: Budget| budget.usd.map(Dollars::micros);
            (session.tokens, micros(session), project.tokens, micros(project))
        };
        let all = r#"{"session": {"tokens": 9, "usd": 5.00}, "project": {"usd": 0.3}}"#;
        for (own, for_all, expected) in [
            ("{}", "{}", (None, None, None, None)),
            ("{}", all, (Some(9), Some(5_000_000), None, Some(300_000))),
            (r#"{"session": {"tokens": 1}}"#, all, (Some(1), Some(5_000_000), None, Some(300_000))),
            (r#"{"project": {"tokens": 2, "usd": 1}}"#, all, (Some(9), Some(5_000_000), Some(2), Some(1_000_000))),
            (all, "{}", (Some(9), Some(5_000_000), None, Some(300_000))),
        ] {
            assert_eq!(resolved(own, for_all), expected, "{own} {for_all}");
        }
        assert!(read("{}").resolve(read("{}")).is_none() && !read("{}").resolve(read(all)).is_none());
    }
}
