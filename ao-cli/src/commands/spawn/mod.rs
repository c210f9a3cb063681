//! `ao spawn`: a new session, from an issue or from words, or what it would be.

mod view;

use std::process::ExitCode;

use ao_core::Error;
use ao_core::config::Project;
use ao_core::lifecycle::Assignment;
use ao_core::model::{BranchName, IssueId, PluginName, ProjectName, PullName};
use ao_core::slots::tracker::IssueState;
use ao_core::slots::workspace::ExistingBranch;
use ao_host::registry::Mention;
use ao_host::sessions::{Crew, Outlook, Repeat, SpawnRequest, agent_environment, assignment};
use ao_host::setup::Setup;
use ao_host::world::World;
use camino::Utf8PathBuf;

use super::pr;
use crate::edge::{Edge, block_on};
use crate::failure::{Failure, Outcome};
use crate::view::Format;
use crate::{completion, expiring, input, manager, output};

pub(in crate::commands) use view::{SpawnView, prompt_problem};

/// Start an agent in a worktree and a branch of its own; prints the session's id last
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The issue to work on, as the project's tracker calls it
    #[arg(value_name = "ISSUE")]
    issue: Option<IssueId>,
    /// What the agent is to do, after the issue's text if there is one; `-` reads it from standard input
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    prompt: Option<String>,
    /// A file that says what the agent is to do
    #[arg(long, value_name = "FILE", conflicts_with = "prompt")]
    prompt_file: Option<Utf8PathBuf>,
    /// The project; the only one, or the one around the current directory, unless given
    #[arg(short, long, value_name = "NAME", add = completion::projects())]
    project: Option<ProjectName>,
    /// The agent, instead of the configured one: one that the configuration names, or a plugin
    #[arg(long, value_name = "NAME", add = completion::agents())]
    agent: Option<PluginName>,
    /// The branch, instead of the issue's or `ao/<session>`
    #[arg(long, value_name = "NAME")]
    branch: Option<BranchName>,
    /// Take this open pull request over: the session works on its branch
    #[arg(long, value_name = "NUMBER|URL", conflicts_with_all = ["branch", "dry_run"], add = completion::pulls())]
    claim_pr: Option<PullName>,
    /// Also where a session works on the issue already
    #[arg(long, requires = "issue")]
    again: bool,
    /// Show what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    format: Format,
}

impl Arguments {
    pub(crate) fn run(self, edge: &Edge) -> Outcome {
        let setup = edge.setup_of(edge.config_files()?)?;
        setup.require_trust()?;
        warn(&setup);
        let prompt = self.words(edge)?;
        let project = manager::project(edge, &setup, self.project.as_ref())?;
        let crew = Crew::for_project(&setup, project, self.agent.as_ref())?;
        let (crew, issue) = match &self.issue {
            Some(id) => {
                let crew = crew.with_tracker(&setup, project)?;
                let issue = block_on(fetch(&crew, id, project))??;
                (crew, Some(issue))
            }
            None => (crew, None),
        };
        let request = SpawnRequest {
            config_file: setup.loaded.files.local.clone(),
            issue: issue.as_ref(),
            repeat: if self.again { Repeat::Again } else { Repeat::Refuse },
            prompt,
            branch: self.branch,
            environment: agent_environment(&edge.environment.variables),
            parent: manager::calling_session(edge)?,
            ..SpawnRequest::new(project, &crew)
        };
        let view = match &self.claim_pr {
            Some(pull) => claim(edge, &setup, request, pull.number)?,
            None if self.dry_run => plan(edge, &request)?,
            None => spawn(edge, &request)?,
        };
        if !self.format.is_json() {
            view.tell();
        }
        self.format.show(&view)?;
        Ok(ExitCode::SUCCESS)
    }

    /// What the human says.
    fn words(&self, edge: &Edge) -> Result<Option<String>, Error> {
        Ok(match (&self.prompt, &self.prompt_file) {
            (Some(text), _) if text == "-" => Some(input::stdin()?),
            (Some(text), _) => Some(text.clone()),
            (None, Some(file)) => Some(input::file(&edge.absolute(file))?),
            (None, None) => None,
        })
    }
}

/// Asks the project's tracker. A closed issue is worth a word, and no more: somebody asked for it by its id.
pub(super) async fn fetch(crew: &Crew, id: &IssueId, project: &Project) -> Result<Assignment, Error> {
    let tracker = crew.tracker.as_ref().ok_or_else(|| Error::other("no tracker was made"))?;
    let issue = assignment(tracker, id, &project.repository()).await?;
    if issue.state == IssueState::Closed {
        output::warning(format_args!("the issue `{}` ({}) is closed", issue.id, issue.facts.name()));
    }
    Ok(issue)
}

fn spawn(edge: &Edge, request: &SpawnRequest<'_>) -> Result<SpawnView, Failure> {
    let sessions = manager::open(edge)?;
    let spawned = block_on(sessions.spawn(request))??;
    expiring::one_more(edge, &sessions);
    Ok(SpawnView::of_session(&spawned, &sessions.world))
}

/// Spawns on the branch of a pull request, which is the new session's from then on.
fn claim(edge: &Edge, setup: &Setup, mut request: SpawnRequest<'_>, number: u64) -> Result<SpawnView, Failure> {
    let sessions = manager::open(edge)?;
    let freed = pr::Freed::of(pr::Desk::of_project(edge, setup, request.project)?, &sessions, number)?;
    (request.branch, request.existing_branch) = (freed.branch(), ExistingBranch::Continue);
    let mut spawned = block_on(sessions.spawn(&request))??;
    let claimed = freed.give(&sessions, &spawned.session.id)?;
    pr::tell(&claimed, number);
    spawned.session = claimed.session;
    expiring::one_more(edge, &sessions);
    Ok(SpawnView::of_session(&spawned, &sessions.world))
}

fn plan(edge: &Edge, request: &SpawnRequest<'_>) -> Result<SpawnView, Failure> {
    let (store, world) = (manager::reader(edge)?, World::system());
    let outlook = Outlook { store: &store, world: &world, places: &edge.places, ahead: 0 };
    Ok(SpawnView::of_plan(block_on(outlook.plan(request))??))
}

/// Listed libraries that cannot be used are told before something starts without them.
pub(super) fn warn(setup: &Setup) {
    for problem in setup.registry.problems().iter().filter(|problem| problem.mention == Mention::Listed) {
        output::warning(problem);
    }
}
