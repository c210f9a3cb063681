//! `ao demo`: the main job on a small project of its own.

use std::process::ExitCode;

use crate::demo;
use crate::edge::Edge;
use crate::failure::Outcome;

/// Watch three agents work in parallel on a small project of their own
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Keep the project and its worktrees, and say where they are
    #[arg(long)]
    keep: bool,
}

impl Arguments {
    pub(crate) fn run(self, edge: &Edge) -> Outcome {
        let stage = demo::Stage::build(edge)?;
        let played = demo::play(&stage);
        // Whatever happened, no process may be left.
        stage.clear()?;
        let done = played?;
        if self.keep {
            stage.keep();
        }
        Ok(if done { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
