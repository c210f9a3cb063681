//! `ao session kill`: ends a session's processes.

use std::process::ExitCode;

use ao_core::model::SessionId;
use ao_core::model::facts::Session;
use ao_host::sessions::Sessions;

use crate::edge::Edge;
use crate::failure::Outcome;
use crate::tidying::{self, Action};
use crate::{completion, expiring, manager, output};

/// End a session's agent and all that it started; its worktree stays unless `--cleanup` moves it
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The sessions
    #[arg(required = true, value_name = "SESSION", add = completion::running())]
    sessions: Vec<SessionId>,
    /// Then move its worktree into the trash
    #[arg(long)]
    cleanup: bool,
}

impl Arguments {
    pub(super) fn run(self, edge: &Edge) -> Outcome {
        let sessions = manager::open(edge)?;
        let mut code = ExitCode::SUCCESS;
        for id in &self.sessions {
            match manager::kill(edge, &sessions, id, "killed by `ao session kill`") {
                Ok(killed) if self.cleanup => code = clean_up(edge, &sessions, &killed.session).unwrap_or(code),
                Ok(killed) => {
                    let workspace = killed.session.workspace.as_ref().filter(|workspace| workspace.path.exists());
                    let kept =
                        workspace.map(|workspace| format!("; its work is in {}", workspace.path)).unwrap_or_default();
                    output::note(format_args!("{id} has ended{kept}"));
                }
                Err(failure) => code = failure.report(),
            }
        }
        expiring::one_more(edge, &sessions);
        Ok(code)
    }
}

/// Returns an exit code where it did not work.
fn clean_up(edge: &Edge, sessions: &Sessions, session: &Session) -> Option<ExitCode> {
    let id = &session.id;
    let tidied = tidying::one(edge, sessions, session);
    if tidied.action == Action::Fail {
        let why = tidied.why.unwrap_or_default();
        output::warning(format_args!("{id} has ended; its worktree stays: {why}"));
        return Some(ExitCode::FAILURE);
    }
    output::note(format_args!("{id} has ended; its worktree is in the trash: `ao trash restore {id}`"));
    None
}
