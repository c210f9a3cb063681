//! Pure functions over facts: what a session's status is, what its agent is told, and (later) what
//! is to be done about it.

mod plan;
mod prompt;
mod status;

pub use plan::{PlannedPlugins, PlannedStep, SpawnPlan};
pub use prompt::{Assignment, MOST_ISSUE_TEXT};
pub use status::{Policy, Status, StatusName, status};
