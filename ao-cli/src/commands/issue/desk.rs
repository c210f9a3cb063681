//! The project's tracker, and who it is that asks.

use std::process::ExitCode;

use ao_core::Error;
use ao_core::model::{IssueId, ProjectName};
use ao_core::slots::Tracker;
use ao_core::slots::tracker::{GetIssue, Issue, IssueChange, IssueState, UpdateIssue};
use ao_host::sessions::{Bound, Crew};
use ao_host::world::World;
use camino::Utf8PathBuf;

use crate::commands::spawn;
use crate::edge::{Edge, block_on};
use crate::failure::Failure;
use crate::{author, completion, manager, output};

/// Whose issues.
#[derive(clap::Args)]
pub(super) struct Whose {
    /// The project; the only one, or the one around the current directory, unless given
    #[arg(short, long, value_name = "NAME", add = completion::projects())]
    project: Option<ProjectName>,
}

/// The issues of a project.
pub(super) struct Desk {
    /// Where they are.
    pub(super) tracker: Bound<dyn Tracker>,
    /// The repository, as requests name it.
    pub(super) repository: String,
    /// The project's directory.
    directory: Utf8PathBuf,
}

impl Whose {
    /// The tracker of the project.
    pub(super) fn open(&self, edge: &Edge) -> Result<Desk, Failure> {
        let setup = edge.setup_of(edge.config_files()?)?;
        setup.require_trust()?;
        spawn::warn(&setup);
        let project = manager::project(edge, &setup, self.project.as_ref())?;
        let tracker = Crew::tracker_of(&setup, project)?;
        Ok(Desk { tracker, repository: project.repository(), directory: project.path.clone() })
    }
}

impl Desk {
    /// An issue as the tracker has it.
    pub(super) fn get(&self, id: &str) -> Result<Issue, Failure> {
        let got = block_on(self.tracker.instance.get(self.request(id)))?;
        Ok(got.map_err(|error| self.failed(format_args!("get the issue `{id}` from"), error))?)
    }

    /// Asks about an issue.
    pub(super) fn request(&self, id: &str) -> GetIssue {
        let mut request = GetIssue::new(id);
        request.repository = Some(self.repository.clone());
        request
    }

    /// Changes an issue.
    pub(super) fn update(&self, edge: &Edge, id: &str, change: IssueChange) -> Result<Issue, Failure> {
        let mut request = UpdateIssue::new(key(), id, change);
        request.repository = Some(self.repository.clone());
        request.author = Some(self.author(edge));
        let changed = block_on(self.tracker.instance.update(request))?;
        Ok(changed.map_err(|error| self.failed(format_args!("change the issue `{id}` of"), error))?)
    }

    /// Gives each of these issues a state, and says so. One that fails does not stop the others.
    pub(super) fn set_state(&self, edge: &Edge, ids: &[IssueId], state: IssueState, done: &str) -> ExitCode {
        let mut code = ExitCode::SUCCESS;
        for id in ids {
            match self.update(edge, id.as_str(), IssueChange::State { state }) {
                Ok(issue) => output::note(output::printable(&format!("{done} {}: {}", issue.id, issue.title))),
                Err(failure) => code = failure.report(),
            }
        }
        code
    }

    /// Who asks: the session whose agent runs this command, else the user as git calls them.
    pub(super) fn author(&self, edge: &Edge) -> String {
        // Where the sessions cannot be read, nobody is one.
        author::author(edge, &self.directory, manager::calling_session(edge).ok().flatten().as_ref())
    }

    /// An error of the tracker, saying which.
    pub(super) fn failed(&self, doing: std::fmt::Arguments<'_>, error: Error) -> Error {
        error.context(format!("cannot {doing} the tracker `{}`", self.tracker.plugin))
    }
}

/// Names an effect: asked for twice, it happens twice.
pub(super) fn key() -> String {
    format!("issue-{}", World::system().ulid())
}
