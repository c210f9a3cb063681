//! `ao __certify`: runs the conformance kit over a plugin of a library. A library that crashes takes only this process
//! with it.

use std::process::ExitCode;

use camino::Utf8PathBuf;

use crate::certify;
use crate::edge::Edge;
use crate::failure::Outcome;

/// Run the checks that a file asks for
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// What to do, as JSON
    assignment: Utf8PathBuf,
}

impl Arguments {
    pub(crate) fn run(self, _: &Edge) -> Outcome {
        certify::work(&self.assignment)?;
        Ok(ExitCode::SUCCESS)
    }
}
