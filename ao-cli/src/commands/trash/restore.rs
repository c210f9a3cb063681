//! `ao trash restore`: puts a worktree back where it was.

use std::process::ExitCode;

use ao_host::sessions::{Crew, Sessions};
use camino::Utf8PathBuf;

use crate::edge::{Edge, block_on};
use crate::failure::{Failure, Outcome};
use crate::{completion, manager, output};

/// Put a worktree back where it was; `ao session restore` starts its agent, too
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The sessions, or the items' ids
    #[arg(required = true, value_name = "SESSION", add = completion::sessions())]
    names: Vec<String>,
}

impl Arguments {
    pub(super) fn run(self, edge: &Edge) -> Outcome {
        let sessions = manager::open(edge)?;
        let mut code = ExitCode::SUCCESS;
        for name in &self.names {
            match put_back(edge, &sessions, name) {
                Ok(path) => output::note(format_args!("{name} is back in {path}")),
                Err(failure) => code = failure.report(),
            }
        }
        Ok(code)
    }
}

fn put_back(edge: &Edge, sessions: &Sessions, name: &str) -> Result<Utf8PathBuf, Failure> {
    let (session, _) = sessions.trash_item(name)?;
    let workspace = Crew::workspace_of(&manager::setup_for(edge, &session)?, &session)?;
    Ok(block_on(sessions.take_out(&session.id, &workspace))??)
}
