//! `ao pr reopen`: a pull request that was closed.

use ao_core::slots::scm::PullChange;

use super::change;
use super::desk::Which;
use crate::edge::Edge;
use crate::failure::Outcome;

/// Open a pull request again that was closed
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    which: Which,
}

impl Arguments {
    pub(super) fn run(self, edge: &Edge) -> Outcome {
        change::one(edge, &self.which, PullChange::Reopen, "is open again")
    }
}
