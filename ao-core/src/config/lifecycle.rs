//! What becomes of a session whose pull request is merged.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::model;
use super::scalars::HumanDuration;

/// How long the agent of merged work may go on with what it does.
const GRACE: Duration = Duration::from_mins(5);

/// What becomes of sessions by themselves, as it is written.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Lifecycle")]
pub(crate) struct Written {
    /// Whether the host ends a session whose pull request is merged, and moves its worktree into the trash. What is not
    /// merged keeps a worktree in its place. `true` unless set.
    pub(crate) cleanup_on_merge: Option<bool>,
    /// How long an agent that is busy may go on after the merge; one that is not is ended at once. `5m` unless set.
    #[schemars(with = "Option<model::Duration>")]
    pub(crate) merge_grace: Option<HumanDuration>,
}

/// What becomes of a session whose pull request is merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterMerge {
    /// It is cleaned up: at once if its agent is not busy, else after this time.
    CleanUp {
        /// How long a busy agent may go on.
        grace: Duration,
    },
    /// It stays as it is until somebody asks.
    Stay,
}

impl Written {
    /// With what is said for every project, and the defaults.
    pub(crate) fn resolve(self, for_all: Self) -> AfterMerge {
        if !self.cleanup_on_merge.or(for_all.cleanup_on_merge).unwrap_or(true) {
            return AfterMerge::Stay;
        }
        AfterMerge::CleanUp { grace: self.merge_grace.or(for_all.merge_grace).map_or(GRACE, HumanDuration::get) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_goes_before_all_projects_key_by_key() {
        let read = |text: &str| serde_json::from_str::<Written>(text).unwrap();
        let minutes = |minutes| AfterMerge::CleanUp { grace: Duration::from_mins(minutes) };
        for (own, for_all, expected) in [
            ("{}", "{}", minutes(5)),
            (r#"{"mergeGrace": "1m"}"#, "{}", minutes(1)),
            (r#"{"mergeGrace": "1m"}"#, r#"{"mergeGrace": "9m"}"#, minutes(1)),
            ("{}", r#"{"mergeGrace": "9m"}"#, minutes(9)),
            ("{}", r#"{"cleanupOnMerge": false}"#, AfterMerge::Stay),
            (r#"{"cleanupOnMerge": true}"#, r#"{"cleanupOnMerge": false, "mergeGrace": "2m"}"#, minutes(2)),
        ] {
            assert_eq!(read(own).resolve(read(for_all)), expected, "{own} {for_all}");
        }
    }
}
