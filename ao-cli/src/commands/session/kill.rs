//! `ao session kill`: ends a session's processes.

use std::process::ExitCode;

use ao_core::model::SessionId;

use crate::edge::Edge;
use crate::failure::Outcome;
use crate::{completion, manager, output};

/// End a session's agent and all that it started; its worktree stays
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The sessions
    #[arg(required = true, value_name = "SESSION", add = completion::running())]
    sessions: Vec<SessionId>,
}

impl Arguments {
    pub(super) fn run(self, edge: &Edge) -> Outcome {
        let sessions = manager::open(edge)?;
        let mut code = ExitCode::SUCCESS;
        for id in &self.sessions {
            match manager::kill(edge, &sessions, id, "killed by `ao session kill`") {
                Ok(killed) => {
                    let workspace = killed.session.workspace.as_ref();
                    let kept =
                        workspace.map(|workspace| format!("; its work is in {}", workspace.path)).unwrap_or_default();
                    output::note(format_args!("{id} has ended{kept}"));
                }
                Err(failure) => code = failure.report(),
            }
        }
        Ok(code)
    }
}
