//! What a look changes in the facts: pure functions from what was seen to what is written down.
//!
//! A look that told nothing never takes the place of what was seen before; it is written down beside it.

mod agent;
mod hook;
mod process;
mod pull;
mod report;
mod workspace;

pub use agent::{Taken, Told, agent, agent_told, agent_unseen, launch_prompt};
pub use hook::hook;
pub use process::{ProcessSight, process, runtime};
pub use pull::{pull, pull_news};
pub use report::{ReportRefusal, report, report_refused, report_telling};
pub use workspace::{workspace, workspace_unseen};

#[cfg(test)]
mod tests;
