//! `ao adopt`: makes a session of a worktree or a branch that is there already.

use std::process::ExitCode;

use ao_core::Error;
use ao_core::model::{BranchName, PluginName, ProjectName};
use ao_host::sessions::{Crew, Repeat, SpawnRequest, Subject, agent_environment};
use camino::Utf8Path;
use schemars::JsonSchema;
use serde::Serialize;

use super::session::restore::restore;
use crate::edge::{Edge, block_on};
use crate::failure::Outcome;
use crate::output::{self, Page};
use crate::session_view::{Full, Row};
use crate::view::{Format, View};
use crate::{completion, manager};

/// Make a session of a worktree or a branch that is there already; prints its id
///
/// A worktree stays where it stands, and is never moved by a clean-up. A branch that is checked out nowhere gets a worktree.
/// No agent is started, unless `--start` says so.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The directory of a worktree, or a branch
    #[arg(value_name = "PATH|BRANCH")]
    subject: String,
    /// The project; the only one, or the one around the current directory, unless given
    #[arg(short, long, value_name = "NAME", add = completion::projects())]
    project: Option<ProjectName>,
    /// The agent, instead of the configured one
    #[arg(long, value_name = "NAME", add = completion::agents())]
    agent: Option<PluginName>,
    /// Start the agent, too
    #[arg(long)]
    start: bool,
    /// What the agent is to do
    #[arg(long, value_name = "TEXT", requires = "start", allow_hyphen_values = true)]
    prompt: Option<String>,
    #[command(flatten)]
    format: Format,
}

/// The session that was made.
#[derive(Serialize, JsonSchema)]
pub(crate) struct AdoptView {
    /// The session.
    session: Row,
}

impl Arguments {
    pub(crate) fn run(self, edge: &Edge) -> Outcome {
        let setup = edge.setup_of(edge.config_files()?)?;
        setup.require_trust()?;
        let project = manager::project(edge, &setup, self.project.as_ref())?;
        let crew = Crew::for_project(&setup, project, self.agent.as_ref())?;
        let request = SpawnRequest {
            config_file: setup.loaded.files.local.clone(),
            repeat: Repeat::Again,
            environment: agent_environment(&edge.environment.variables),
            ..SpawnRequest::new(project, &crew)
        };
        let subject = subject(edge, &self.subject)?;
        let sessions = manager::open(edge)?;
        let mut session = block_on(sessions.adopt(&request, &subject))??;
        if self.start {
            let id = session.id.clone();
            session = restore(edge, &sessions, &id, self.prompt)
                .inspect_err(|_| output::note(format_args!("`{id}` was taken in, and its agent was not started")))?;
        }
        let view = AdoptView { session: Full::now(&session, &sessions.world).row() };
        if !self.format.is_json() {
            view.tell();
        }
        self.format.show(&view)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// A directory goes before a branch of the same name.
fn subject(edge: &Edge, named: &str) -> Result<Subject, Error> {
    let path = edge.absolute(Utf8Path::new(named));
    if path.is_dir() {
        return Ok(Subject::Copy(path));
    }
    let branch = named.parse::<BranchName>();
    branch.map(Subject::Branch).map_err(|_| Error::not_found(format!("there is no directory `{path}`")))
}

impl AdoptView {
    fn tell(&self) {
        let part = |part: &Option<String>| part.clone().unwrap_or_default();
        output::note(format_args!("branch    {}", part(&self.session.branch)));
        output::note(format_args!("worktree  {}", part(&self.session.worktree)));
    }
}

impl View for AdoptView {
    fn write(&self, page: &mut Page) {
        page.line(&self.session.id);
    }
}
