//! `ao __opencode-server`: the process that holds a server of OpenCode's for several sessions.

use ao_core::{Code, Error};
use camino::Utf8PathBuf;

use crate::edge::Edge;
use crate::failure::Outcome;

/// Hold a server of OpenCode's for as long as a session shares it
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The file that says which
    order: Utf8PathBuf,
}

impl Arguments {
    pub(crate) fn run(self, _edge: &Edge) -> Outcome {
        let ended = ao_plugin_opencode::helper::supervise(&self.order);
        ended.map_err(|error| Error::wrap(Code::OTHER, "cannot hold the shared server", &error).into())
    }
}
