//! How much may be started.

use schemars::JsonSchema;
use serde::Deserialize;

use super::model::Size;
use super::scalars::ByteSize;

/// How much may be started. What would exceed a limit is refused, and may be tried again once there is room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[non_exhaustive]
pub struct Limits {
    /// The most sessions that run at once, of all projects together. As many as there are unless set.
    #[schemars(range(min = 1, max = 100_000))]
    pub max_sessions: Option<u32>,
    /// The most sessions of one project that run at once. As many as there are unless set.
    #[schemars(range(min = 1, max = 100_000))]
    pub max_per_project: Option<u32>,
    /// The most sessions that are started within an hour, of all projects together. As many as are asked for unless set.
    #[schemars(range(min = 1, max = 100_000))]
    pub spawns_per_hour: Option<u32>,
    /// The most that all worktrees and the trash may take together when a session is started. Anything unless set.
    #[schemars(with = "Option<Size>")]
    pub disk_quota: Option<ByteSize>,
    /// How far sessions may start sessions that start sessions: with 0 only humans start any. 1 unless set.
    #[schemars(range(min = 0, max = 100))]
    pub spawn_depth: Option<u32>,
    /// How many commits are checked at once on this machine. Half as many as there are processors unless set, and at least 1.
    #[schemars(range(min = 1, max = 1_000))]
    pub checks: Option<u32>,
}
