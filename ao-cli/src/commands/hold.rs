//! `ao __hold`: the small process above an agent.

use ao_core::{Code, Error};
use ao_host::world::{Clock, SystemClock};
use camino::Utf8PathBuf;

use crate::edge::Edge;
use crate::failure::Outcome;

/// Hold an agent: write down who it is, and how it ends
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The file that says what to run
    spec: Utf8PathBuf,
}

impl Arguments {
    pub(crate) fn run(self, _edge: &Edge) -> Outcome {
        let held = ao_host::holder::hold(&self.spec, &|| SystemClock.now());
        held.map_err(|error| Error::wrap(Code::OTHER, "cannot hold the agent", &error).into())
    }
}
