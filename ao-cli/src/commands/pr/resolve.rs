//! `ao pr resolve`: a thread that needs nothing more.

use std::process::ExitCode;

use ao_core::slots::scm::PullChange;

use super::desk::{Desk, Which};
use crate::edge::Edge;
use crate::failure::Outcome;
use crate::output;

/// Resolve a thread of a pull request
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    which: Which,
    /// The thread's id, as `ao pr show` shows it
    #[arg(value_name = "THREAD")]
    thread: String,
}

impl Arguments {
    pub(super) fn run(self, edge: &Edge) -> Outcome {
        let change = PullChange::Resolve { thread: self.thread.clone() };
        let changed = Desk::open(edge, &self.which.whose)?.change(self.which.number, change)?;
        output::text(&format!("#{}: the thread {} is resolved\n", changed.number, output::printable(&self.thread)))?;
        Ok(ExitCode::SUCCESS)
    }
}
