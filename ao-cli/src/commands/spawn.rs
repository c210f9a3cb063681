//! `ao spawn`: a new session.

use std::process::ExitCode;

use ao_core::model::{BranchName, PluginName, ProjectName};
use ao_host::registry::Mention;
use ao_host::sessions::{Crew, SpawnRequest, Spawned, agent_environment};
use ao_host::setup::Setup;
use camino::Utf8PathBuf;
use schemars::JsonSchema;
use serde::Serialize;

use crate::edge::{Edge, block_on};
use crate::failure::Outcome;
use crate::output::{self, Page};
use crate::session_view::{Full, Row};
use crate::view::{Format, View};
use crate::{input, manager};

/// Start an agent in a worktree and a branch of its own; prints the session's id last
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// What the agent is to do; `-` reads it from standard input
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    prompt: Option<String>,
    /// A file that says what the agent is to do
    #[arg(long, value_name = "FILE", conflicts_with = "prompt")]
    prompt_file: Option<Utf8PathBuf>,
    /// The project; the only one, or the one around the current directory, unless given
    #[arg(short, long, value_name = "NAME")]
    project: Option<ProjectName>,
    /// The agent, instead of the configured one
    #[arg(long, value_name = "NAME")]
    agent: Option<PluginName>,
    /// The branch, instead of `ao/<session>`
    #[arg(long, value_name = "NAME")]
    branch: Option<BranchName>,
    #[command(flatten)]
    format: Format,
}

/// A session that was spawned.
#[derive(Serialize, JsonSchema)]
pub(crate) struct SpawnedView {
    /// The session.
    session: Row,
    /// Why its prompt did not reach it for certain.
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt: Option<String>,
}

impl Arguments {
    pub(crate) fn run(self, edge: &Edge) -> Outcome {
        let setup = edge.setup_of(edge.config_files()?)?;
        setup.require_trust()?;
        warn(&setup);
        let prompt = match (&self.prompt, &self.prompt_file) {
            (Some(text), _) if text == "-" => Some(input::stdin()?),
            (Some(text), _) => Some(text.clone()),
            (None, Some(file)) => Some(input::file(&edge.absolute(file))?),
            (None, None) => None,
        };
        let project = manager::project(edge, &setup, self.project.as_ref())?;
        let crew = Crew::for_project(&setup, project, self.agent.as_ref())?;
        let sessions = manager::open(edge)?;
        let request = SpawnRequest {
            project,
            config_file: setup.loaded.files.local.clone(),
            crew: &crew,
            prompt,
            branch: self.branch,
            environment: agent_environment(&edge.environment.variables),
        };
        let spawned = block_on(sessions.spawn(&request))??;
        let view = SpawnedView {
            session: Full::now(&spawned.session, &sessions.world).row(),
            prompt: prompt_problem(&spawned),
        };
        if !self.format.is_json() {
            tell(&view);
        }
        self.format.show(&view)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Listed libraries that cannot be used are told before something starts without them.
fn warn(setup: &Setup) {
    for problem in setup.registry.problems().iter().filter(|problem| problem.mention == Mention::Listed) {
        output::warning(problem);
    }
}

fn prompt_problem(spawned: &Spawned) -> Option<String> {
    match spawned.prompt.as_ref()? {
        Ok(sent) => sent.detail.clone(),
        Err(error) => Some(format!("the prompt was not sent: {error}")),
    }
}

fn tell(view: &SpawnedView) {
    let row = &view.session;
    let part = |part: &Option<String>| part.clone().unwrap_or_default();
    output::note(format_args!("agent     {}", part(&row.agent)));
    output::note(format_args!("branch    {}", part(&row.branch)));
    output::note(format_args!("worktree  {}", part(&row.worktree)));
    if let Some(problem) = &view.prompt {
        output::note(format_args!("prompt    {problem}"));
    }
}

impl View for SpawnedView {
    fn write(&self, page: &mut Page) {
        page.line(&self.session.id);
    }
}
