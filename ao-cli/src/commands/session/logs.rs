//! `ao session logs`: what an agent has printed.

use std::process::ExitCode;

use ao_core::model::SessionId;
use ao_host::sessions::Crew;

use crate::edge::{Edge, block_on};
use crate::failure::Outcome;
use crate::{completion, manager, output};

/// Print what a session's agent has printed
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The session
    #[arg(add = completion::sessions())]
    session: SessionId,
    /// At most so many bytes, the newest
    #[arg(long, value_name = "N", default_value_t = 1024 * 1024)]
    bytes: u64,
}

impl Arguments {
    pub(super) fn run(self, edge: &Edge) -> Outcome {
        let sessions = manager::open(edge)?;
        let session = manager::session(&sessions, &self.session)?;
        let runtime = Crew::runtime_of(&manager::setup_for(edge, &session)?, &session)?;
        let logs = block_on(sessions.logs(&session, &runtime, None, self.bytes))??;
        if logs.truncated {
            output::note(format_args!("(the newest {} bytes; there is more)", logs.text.len()));
        }
        output::text(&output::printable(&logs.text))?;
        if !logs.text.is_empty() && !logs.text.ends_with('\n') {
            output::text("\n")?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
