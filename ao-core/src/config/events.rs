//! How much of the event log stays in the database.

use schemars::JsonSchema;
use serde::Deserialize;

/// How much of the event log stays in the database; what is older or more is moved into files beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[non_exhaustive]
pub struct EventLimits {
    /// For how many days events stay in the database. 30 unless set.
    #[schemars(range(min = 1, max = 36_500))]
    pub keep_days: Option<u32>,
    /// How many events stay in the database at most; of more, the oldest go earlier. 1000000 unless set.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub keep_rows: Option<u64>,
}
