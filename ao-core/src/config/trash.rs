//! How long the trash keeps what was moved away, and how much of it.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::model::Size;
use super::scalars::ByteSize;
use crate::lifecycle::TrashPolicy;

/// How long the trash keeps worktrees that were moved away, and how much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[non_exhaustive]
pub struct TrashLimits {
    /// For how many days anything is kept. 30 unless set.
    #[schemars(range(min = 1, max = 36_500))]
    pub keep_days: Option<u32>,
    /// The most that all of it may take. Of more, first the ignored files of the oldest go, then the oldest worktrees;
    /// commits and saved files stay until their time. `10GiB` unless set.
    #[schemars(with = "Option<Size>")]
    pub quota: Option<ByteSize>,
}

impl TrashLimits {
    /// What is to be kept, with the defaults for what is not said.
    #[must_use]
    pub fn policy(self) -> TrashPolicy {
        let default = TrashPolicy::default();
        let days = |days: u32| Duration::from_hours(24 * u64::from(days));
        TrashPolicy {
            keep: self.keep_days.map_or(default.keep, days),
            quota: self.quota.map_or(default.quota, ByteSize::get),
        }
    }
}
