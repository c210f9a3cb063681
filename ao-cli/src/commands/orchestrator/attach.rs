//! `ao orchestrator attach`: into the terminal of a project's orchestrator.

use ao_core::Error;
use ao_core::model::ProjectName;

use crate::commands::session::attach;
use crate::edge::Edge;
use crate::failure::Outcome;
use crate::relay::DetachKey;
use crate::{completion, manager};

/// Get into the terminal of a project's orchestrator
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The project; the only one, or the one around the current directory, unless given
    #[arg(short, long, value_name = "NAME", add = completion::projects())]
    project: Option<ProjectName>,
    /// The key that leaves the terminal and the agent running; tmux has its own
    #[arg(long, value_name = "KEY", default_value_t)]
    detach_key: DetachKey,
}

impl Arguments {
    pub(super) fn run(self, edge: &Edge) -> Outcome {
        let setup = edge.setup_of(edge.config_files()?)?;
        let project = manager::project(edge, &setup, self.project.as_ref())?;
        let sessions = manager::open(edge)?;
        let Some(session) = sessions.orchestrator(project)? else {
            let name = &project.name;
            let message = format!("the project `{name}` has no orchestrator; `ao orchestrator start` starts one");
            return Err(Error::not_found(message).into());
        };
        attach::visit(edge, &session, self.detach_key)
    }
}
