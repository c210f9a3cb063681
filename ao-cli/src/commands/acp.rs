//! `ao __acp`: the small process between `ao` and an agent of the plugin `acp`.

use ao_core::{Code, Error};
use ao_host::world::{Clock, SystemClock};
use camino::Utf8PathBuf;

use crate::edge::Edge;
use crate::failure::Outcome;

/// Speak with an agent: start it, hand it prompts, answer it, and write down what it does
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The file that says which agent, and what it is to do
    launch: Utf8PathBuf,
}

impl Arguments {
    pub(crate) fn run(self, _edge: &Edge) -> Outcome {
        let ended = ao_plugin_acp::helper::run(&self.launch, &|| SystemClock.now());
        ended.map_err(|error| Error::wrap(Code::OTHER, "cannot speak with the agent", &error).into())
    }
}
