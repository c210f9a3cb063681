//! `ao __check`: the small process that runs the checks of a pull request.

use ao_core::{Code, Error};
use ao_host::world::{Clock, SystemClock};
use camino::Utf8PathBuf;

use crate::edge::Edge;
use crate::failure::Outcome;

/// Run checks: write down what each found
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The file that says what to run
    spec: Utf8PathBuf,
}

impl Arguments {
    pub(crate) fn run(self, _edge: &Edge) -> Outcome {
        let checked = ao_host::checks::check(&self.spec, &|| SystemClock.now());
        checked.map_err(|error| Error::wrap(Code::OTHER, "cannot run the checks", &error).into())
    }
}
