//! `ao __host`: a host without a terminal, as `ao start --detach` starts it.

use ao_host::setup::ConfigFiles;
use camino::Utf8PathBuf;

use crate::edge::Edge;
use crate::failure::Outcome;
use crate::hosting::{Hosting, Predecessor, Voice};
use crate::{log, output, process};

/// Host sessions, without a terminal
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The repository's configuration
    #[arg(long)]
    local: Option<Utf8PathBuf>,
    /// The user's own
    #[arg(long)]
    global: Option<Utf8PathBuf>,
    /// End the host that runs, and take its place
    #[arg(long)]
    takeover: bool,
}

impl Arguments {
    pub(crate) fn run(self, edge: &Edge) -> Outcome {
        let log = log::host_log(&edge.places);
        let ready = || {
            // Whoever started us reads this line, and then nothing any more.
            let said = output::text(&format!("{}\n", std::process::id()));
            process::leave_streams(&edge.places.logs().join("host.stderr"));
            if said.is_err() {
                tracing::warn!("whoever started the host has gone");
            }
        };
        Hosting {
            files: ConfigFiles { local: self.local, global: self.global },
            predecessor: if self.takeover { Predecessor::Replaced } else { Predecessor::Respected },
            voice: Voice::log(Box::new(ready)),
            log: Some(log),
        }
        .run(edge)
    }
}
