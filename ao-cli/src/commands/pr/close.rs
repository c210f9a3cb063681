//! `ao pr close`: a pull request that is not to be merged.

use ao_core::slots::scm::PullChange;

use super::change;
use super::desk::Which;
use crate::edge::Edge;
use crate::failure::Outcome;

/// Close a pull request without merging it; its branch stays
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    which: Which,
}

impl Arguments {
    pub(super) fn run(self, edge: &Edge) -> Outcome {
        change::one(edge, &self.which, PullChange::Close, "is closed")
    }
}
