//! `ao session review`: a session that reviews another one's work.

use std::process::ExitCode;

use ao_core::Error;
use ao_core::model::{PluginName, ProjectName, PullName, SessionId};
use ao_host::sessions::{Crew, SpawnRequest, agent_environment};

use crate::commands::pr;
use crate::commands::spawn::SpawnView;
use crate::edge::{Edge, block_on};
use crate::failure::{Failure, Outcome};
use crate::view::Format;
use crate::{completion, manager};

/// Start an agent that reviews a pull request, in a worktree of its own at the head; prints the session's id last
///
/// It says what it found with `ao pr review`. It may approve only where `reviewers.mayApprove` says so, and never merges.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A session that has a pull request, or the pull request's number or address
    #[arg(value_name = "SESSION|NUMBER|URL", add = completion::running())]
    subject: String,
    /// The project of a pull request that is named by its number; the only one, or the one around the current directory
    #[arg(short, long, value_name = "NAME", add = completion::projects())]
    project: Option<ProjectName>,
    /// The agent, instead of the configured one
    #[arg(long, value_name = "NAME", add = completion::agents())]
    agent: Option<PluginName>,
    #[command(flatten)]
    format: Format,
}

impl Arguments {
    pub(super) fn run(self, edge: &Edge) -> Outcome {
        let sessions = manager::open(edge)?;
        let named = self.subject.parse::<PullName>().ok().map(|name| name.number);
        let worker = match named {
            Some(_) => None,
            None => Some(manager::session(&sessions, &self.id()?)?),
        };
        let setup = match &worker {
            Some(worker) => manager::setup_for(edge, worker)?,
            None => edge.setup_of(edge.config_files()?)?,
        };
        setup.require_trust()?;
        let name = worker.as_ref().map(|worker| &worker.project).or(self.project.as_ref());
        let project = manager::project(edge, &setup, name)?;
        let known = worker.as_ref().and_then(|worker| worker.pull.as_ref()).map(|pull| pull.snapshot.pull.number);
        let Some(number) = named.or(known) else {
            return Err(Error::conflict(format!("`{}` has no pull request to review", self.subject)).into());
        };
        let (pull, parent) = pr::at_head(edge, &setup, project, number)?;
        let parent = match worker.map(|worker| worker.id).or(parent) {
            Some(id) => Some(id),
            None => manager::calling_session(edge)?,
        };
        let crew = Crew::for_project(&setup, project, self.agent.as_ref())?;
        let mut request = SpawnRequest::new(project, &crew).reviewing(parent, &pull);
        request.config_file.clone_from(&setup.loaded.files.local);
        request.environment = agent_environment(&edge.environment.variables);
        let spawned = block_on(sessions.spawn(&request))??;
        let view = SpawnView::of_session(&spawned, &sessions.world);
        if !self.format.is_json() {
            view.tell();
        }
        self.format.show(&view)?;
        Ok(ExitCode::SUCCESS)
    }

    fn id(&self) -> Result<SessionId, Failure> {
        self.subject.parse::<SessionId>().map_err(|error| Error::invalid_input(error.to_string()).into())
    }
}
