//! `ao acknowledge`: an agent has understood what it is to do.

use ao_core::model::facts::ReportState;
use ao_core::model::spool::Report;

use super::report::Rest;
use crate::edge::Edge;
use crate::failure::Outcome;

/// Say that an agent has understood its task and begins: `ao report started`
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    rest: Rest,
}

impl Arguments {
    pub(crate) fn run(self, edge: &Edge) -> Outcome {
        self.rest.hand_in(edge, Report::new(ReportState::Started))
    }
}
