//! `ao __opencode`: the process between `ao` and an agent of the plugin `opencode`.

use ao_core::{Code, Error};
use ao_host::world::{Clock, SystemClock};
use camino::Utf8PathBuf;

use crate::edge::Edge;
use crate::failure::Outcome;

/// Speak with OpenCode: start it, hand it prompts, answer it, and write down what it does
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The file that says how, and what it is to do
    launch: Utf8PathBuf,
}

impl Arguments {
    pub(crate) fn run(self, _edge: &Edge) -> Outcome {
        let ended = ao_plugin_opencode::helper::run(&self.launch, &|| SystemClock.now());
        ended.map_err(|error| Error::wrap(Code::OTHER, "cannot speak with OpenCode", &error).into())
    }
}
