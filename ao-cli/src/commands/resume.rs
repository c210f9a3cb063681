//! `ao resume`: what a human has paused, or has to look at after the state was lost, goes on.

use std::process::ExitCode;

use crate::edge::Edge;
use crate::failure::Outcome;
use crate::holding::{Action, Whom};
use crate::manager;
use crate::view::Format;

/// Lift what `ao pause` holds, and the hold of sessions that were found again after the state was lost
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
        let view = self.whom.each(&sessions, Action::Resumed, |id| sessions.resume(id))?;
        self.format.show(&view)?;
        Ok(ExitCode::SUCCESS)
    }
}
