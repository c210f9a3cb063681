//! `ao pause`: nothing is decided about sessions until they are resumed.

use std::process::ExitCode;

use crate::edge::Edge;
use crate::failure::Outcome;
use crate::holding::{Action, Whom};
use crate::manager;
use crate::view::Format;

/// Hold sessions: nothing is decided about them until `ao resume`
///
/// Their agents go on with what they do, and what you send them arrives; only `ao` does nothing by itself.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    whom: Whom,
    #[command(flatten)]
    format: Format,
}

impl Arguments {
    pub(crate) fn run(self, edge: &Edge) -> Outcome {
        let sessions = manager::open(edge)?;
        let view = self.whom.each(&sessions, Action::Paused, |id| sessions.pause(id))?;
        self.format.show(&view)?;
        Ok(ExitCode::SUCCESS)
    }
}
