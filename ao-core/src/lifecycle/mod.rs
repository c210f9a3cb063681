//! Pure functions over facts: what a session's status is, what its agent is told, and (later) what
//! is to be done about it.

mod branch;
#[cfg(feature = "config")]
mod budget;
mod checks;
mod cleanup;
mod death;
#[cfg(feature = "config")]
pub mod decide;
mod delivery;
mod expiry;
mod guidance;
mod inbox;
#[cfg(feature = "config")]
mod limits;
mod merge;
mod merged;
pub mod notices;
pub mod observe;
#[cfg(feature = "config")]
mod orchestrator;
mod plan;
mod policy;
mod prompt;
mod rebuild;
mod review;
mod status;

pub use branch::{Follow, follow};
#[cfg(feature = "config")]
pub use budget::{Amount, BudgetKey, Left, Overrun, Spent, Turn, Uncounted, overrun, project_overrun};
pub use checks::{
    CheckPlan, CheckedHead, KeptRun, MOST_ATTEMPTS, RunChanges, next_run, overlay_checks, retired_runs, run_changes,
    shown_checks,
};
pub use cleanup::{Tidiness, tidiness};
pub use death::Deaths;
pub use delivery::{DraftSeen, Hold, Resume, attended, draft_seen, hold, resume};
pub use expiry::{Because, Portion, Removal, TrashPolicy, expiry};
pub use guidance::{Means, guidance};
pub use inbox::{LastMessage, Matter, MatterKind, is_all_merged, matters};
#[cfg(feature = "config")]
pub use limits::{Exceeded, Load, exceeded};
pub use merge::{Blocker, is_own_pull, merge_gate};
pub use merged::{MergedStep, left_by_merge, merged_step};
#[cfg(feature = "config")]
pub use orchestrator::{Brief, orchestrator_prompt};
pub use plan::{PlannedPlugins, PlannedStep, SpawnPlan};
pub use policy::Policy;
pub use prompt::{Assignment, MOST_ISSUE_TEXT};
pub use rebuild::{FoundLaunch, Life, Traces, Unknown, rebuilt};
pub use review::{Approval, review_prompt};
pub use status::{Status, StatusName, status};
#[cfg(feature = "config")]
use status::{is_idle, limited};
