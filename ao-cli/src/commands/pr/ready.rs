//! `ao pr ready`: a draft that may be merged.

use ao_core::slots::scm::PullChange;

use super::change;
use super::desk::Which;
use crate::edge::Edge;
use crate::failure::Outcome;

/// Say that a draft is ready to be reviewed and merged
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    which: Which,
}

impl Arguments {
    pub(super) fn run(self, edge: &Edge) -> Outcome {
        change::one(edge, &self.which, PullChange::Ready, "is ready for review")
    }
}
