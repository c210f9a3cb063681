//! `ao issue reopen`: issues that are not done after all.

use ao_core::model::IssueId;
use ao_core::slots::tracker::IssueState;

use super::desk::Whose;
use crate::edge::Edge;
use crate::failure::Outcome;

/// Open issues again: they are not done
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The issues, as the tracker calls them
    #[arg(required = true, value_name = "ISSUE")]
    issues: Vec<IssueId>,
    #[command(flatten)]
    whose: Whose,
}

impl Arguments {
    pub(super) fn run(self, edge: &Edge) -> Outcome {
        Ok(self.whose.open(edge)?.set_state(edge, &self.issues, IssueState::Open, "reopened"))
    }
}
