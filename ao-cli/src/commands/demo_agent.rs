//! `ao __demo_agent`: one of the demo's agents.

use std::process::ExitCode;

use camino::Utf8PathBuf;

use crate::demo;
use crate::edge::Edge;
use crate::failure::Outcome;

/// Work on the demo's task in the current directory
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The file with the task
    prompt_file: Utf8PathBuf,
    /// The file in which it writes down what it hears
    heard: Utf8PathBuf,
}

impl Arguments {
    pub(crate) fn run(self, edge: &Edge) -> Outcome {
        demo::agent::work(edge, &self.prompt_file, &self.heard)?;
        Ok(ExitCode::SUCCESS)
    }
}
