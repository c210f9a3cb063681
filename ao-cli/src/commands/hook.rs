//! `ao __hook`: what an agent's hook runs. It never stands in the agent's way: it says nothing, and always ends well.

use std::io::{self, Read};
use std::process::ExitCode;

use ao_core::model::spool::SPOOL_VARIABLE;
use ao_host::sessions::leave_hook;
use ao_host::world::World;
use camino::Utf8Path;

use crate::edge::Edge;
use crate::failure::Outcome;

/// Leave what a hook says for the host
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The hook
    #[arg(allow_hyphen_values = true)]
    hook: String,
    /// Its payload as JSON; else it is read from standard input
    #[arg(allow_hyphen_values = true)]
    payload: Option<String>,
}

impl Arguments {
    #[expect(clippy::unnecessary_wraps, reason = "as every command ends")]
    pub(crate) fn run(self, edge: &Edge) -> Outcome {
        let mut payload: Box<dyn Read> = match self.payload {
            Some(payload) => Box::new(io::Cursor::new(payload)),
            None => Box::new(io::stdin().lock()),
        };
        // An agent that somebody started without `ao` has no spool, and what cannot be left is no fault of the agent's.
        if let Some(spool) = edge.environment.variable(SPOOL_VARIABLE) {
            let _ = leave_hook(Utf8Path::new(&spool), &self.hook, &mut payload, &World::system());
        }
        Ok(ExitCode::SUCCESS)
    }
}
