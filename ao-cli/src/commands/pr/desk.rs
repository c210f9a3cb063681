//! What every command about pull requests begins with: a project, its scm, and who asks.

use std::collections::BTreeMap;

use ao_core::config::Project;
use ao_core::lifecycle::{is_own_pull, overlay_checks};
use ao_core::model::facts::Session;
use ao_core::model::{ProjectName, SessionId};
use ao_core::slots::scm::{PullFound, PullRef, PullSnapshot, PullState, PullTarget};
use ao_core::{Code, Error};
use ao_host::checks;
use ao_host::sessions::Forge;
use ao_host::setup::Setup;
use ao_host::store::{Reader, SessionFilter};
use ao_host::world::World;

use crate::edge::{Edge, block_on};
use crate::failure::Failure;
use crate::git::Git;
use crate::{author, completion, manager, output};

/// Whose pull requests.
#[derive(clap::Args)]
pub(super) struct Whose {
    /// The project; in a session, that session's unless given
    #[arg(long, value_name = "NAME", add = completion::projects())]
    project: Option<ProjectName>,
}

/// One pull request.
#[derive(clap::Args)]
pub(super) struct Which {
    /// Its number
    #[arg(value_name = "NUMBER", value_parser = number, add = completion::pulls())]
    pub(super) number: u64,
    #[command(flatten)]
    pub(super) whose: Whose,
}

/// `7`, or `#7` as people write it.
fn number(text: &str) -> Result<u64, String> {
    let digits = text.strip_prefix('#').unwrap_or(text);
    digits.parse().ok().filter(|number| *number > 0).ok_or_else(|| "a number, such as 7".to_owned())
}

/// A project with its scm, and who asks.
pub(super) struct Desk<'a> {
    pub(super) edge: &'a Edge,
    pub(super) project: Project,
    pub(super) forge: Forge,
    /// The session whose agent asks, if one does.
    caller: Option<SessionId>,
    /// Its facts; none where this installation does not know it.
    session: Option<Session>,
}

impl<'a> Desk<'a> {
    pub(super) fn open(edge: &'a Edge, whose: &Whose) -> Result<Self, Failure> {
        let caller = manager::calling_session(edge)?;
        let session = match &caller {
            Some(id) => manager::reader(edge)?.session(id).map_err(Error::from)?,
            None => None,
        };
        // By the configuration that the session was spawned with, wherever its agent is.
        let own = session.as_ref().filter(|_| whose.project.is_none());
        let setup = match own {
            Some(session) => manager::setup_for(edge, session)?,
            None => edge.setup_of(edge.config_files()?)?,
        };
        setup.require_trust()?;
        let named = own.map(|session| &session.project).or(whose.project.as_ref());
        let project = manager::project(edge, &setup, named)?.clone();
        let forge = forge(&setup, &project)?;
        Ok(Self { edge, project, forge, caller, session })
    }

    /// For a session, whoever asks.
    pub(super) fn of(edge: &'a Edge, session: &Session) -> Result<Self, Failure> {
        let setup = manager::setup_for(edge, session)?;
        setup.require_trust()?;
        let project = setup.loaded.config.project(&session.project)?.clone();
        let forge = forge(&setup, &project)?;
        Ok(Self { edge, project, forge, caller: manager::calling_session(edge)?, session: Some(session.clone()) })
    }

    /// The session that a pull request is known to be of, unless it has ended.
    pub(super) fn owner(&self, number: u64) -> Result<Option<Session>, Failure> {
        let owns = |session: &Session| {
            let pull = session.pull.as_ref().filter(|pull| pull.repository == self.forge.repository);
            session.end.is_none() && pull.is_some_and(|pull| pull.snapshot.pull.number == number)
        };
        Ok(self.sessions()?.into_iter().find(owns))
    }

    /// The calling session, where it is one of this project.
    pub(super) fn session(&self) -> Option<&Session> {
        self.session.as_ref().filter(|session| session.project == self.project.name)
    }

    /// git in the project's directory.
    pub(super) fn git(&self) -> Git {
        Git::at(self.project.path.clone(), self.edge)
    }

    /// Who asks, for a provider that does not know.
    pub(super) fn author(&self) -> String {
        author::author(self.edge, &self.project.path, self.caller.as_ref())
    }

    /// A pull request as it is now.
    pub(super) fn look(&self, number: u64) -> Result<PullSnapshot, Failure> {
        match self.found(number)? {
            PullFound::Found { snapshot } => Ok(*snapshot),
            PullFound::Absent => {
                let message = format!("there is no pull request #{number} in `{}`", self.forge.repository);
                Err(Error::not_found(message + "; `ao pr list --state all` shows them").into())
            }
            PullFound::Unknown { why } => {
                Err(Error::unavailable(format!("the pull request #{number} cannot be looked at: {why}")).into())
            }
            _ => Err(Error::new(Code::INCOMPATIBLE, "the scm plugin's answer is of a newer version").into()),
        }
    }

    pub(super) fn found(&self, number: u64) -> Result<PullFound, Failure> {
        // By its number: session and branch are what the look of a host begins with, and say nothing here.
        let name = format!("pull-{number}").parse::<SessionId>();
        let name = name.map_err(|error| Error::invalid_input(error.to_string()))?;
        let mut target = PullTarget::new(name.clone(), self.project.default_branch.clone());
        target.number = Some(number);
        let silent = || PullFound::Unknown { why: "the scm plugin says nothing about it".to_owned() };
        Ok(self.seen(vec![target])?.remove(&name).unwrap_or_else(silent))
    }

    /// Looks at pull requests, and puts in how the checks stand that the host runs itself.
    fn seen(&self, targets: Vec<PullTarget>) -> Result<BTreeMap<SessionId, PullFound>, Failure> {
        let mut seen = block_on(self.forge.look(targets))??;
        let Some(checks) = &self.project.checks else { return Ok(seen) };
        let (plan, reader) = (checks::plan(checks), manager::reader(self.edge)?);
        for found in seen.values_mut() {
            if let PullFound::Found { snapshot } = found {
                let runs = reader.check_runs_of(&self.project.path, &snapshot.head).map_err(Error::from)?;
                overlay_checks(snapshot, &plan, &runs);
            }
        }
        Ok(seen)
    }

    fn sessions(&self) -> Result<Vec<Session>, Failure> {
        let filter = SessionFilter { project: Some(self.project.name.clone()), project_path: None };
        Ok(manager::reader(self.edge)?.sessions(&filter).map_err(Error::from)?)
    }

    /// The session that a pull request is the work of: of several on its branch the one that has not ended, and the newest.
    pub(super) fn worker(&self, pull: &PullSnapshot) -> Result<Option<Session>, Failure> {
        let mut all = self.sessions()?;
        all.retain(|session| is_own_pull(session, &self.forge.repository, pull));
        Ok(all.into_iter().max_by_key(|session| {
            let opened = pull.session.as_ref() == Some(&session.id);
            (opened, session.end.is_none() && session.failure.is_none(), session.created_at)
        }))
    }

    /// Refuses to a session's agent what only others may do to its pull request.
    pub(super) fn refuse_own(&self, pull: &PullSnapshot, what: &str) -> Result<(), Error> {
        let Some(caller) = &self.caller else { return Ok(()) };
        let own = |session: &Session| is_own_pull(session, &self.forge.repository, pull);
        if pull.session.as_ref() != Some(caller) && !self.session().is_some_and(own) {
            return Ok(());
        }
        let number = pull.pull.number;
        Err(Error::conflict(format!(
            "#{number} is the work of the session `{caller}`, which asks: somebody else has to {what} it"
        )))
    }

    /// After a change: what is known of the session whose work it is follows at once, and a host notices.
    pub(super) fn changed(&self, pull: &PullRef) {
        learns_later(self.note(pull.number));
    }

    /// After a merge: what stands in the way of the project's other pull requests may be something else now.
    pub(super) fn merged(&self, pull: &PullRef) {
        self.changed(pull);
        learns_later(self.note_open());
    }

    fn note(&self, number: u64) -> Result<(), Failure> {
        let found = self.found(number)?;
        let PullFound::Found { snapshot } = &found else { return Ok(()) };
        if let Some(session) = self.worker(snapshot)? {
            manager::open(self.edge)?.saw_pull(&session.id, &self.forge, &found)?;
        }
        Ok(())
    }

    fn note_open(&self) -> Result<(), Failure> {
        let targets = self.sessions()?.into_iter().filter_map(|session| {
            let pull = session.pull.filter(|pull| pull.snapshot.state == PullState::Open && session.end.is_none())?;
            let mut target = PullTarget::new(session.id, session.workspace?.branch);
            target.number = Some(pull.snapshot.pull.number);
            Some(target)
        });
        let targets: Vec<_> = targets.collect();
        if targets.is_empty() {
            return Ok(());
        }
        let sessions = manager::open(self.edge)?;
        for (id, found) in self.seen(targets)? {
            sessions.saw_pull(&id, &self.forge, &found)?;
        }
        Ok(())
    }
}

/// Names an effect that is asked for once.
pub(super) fn key(what: &str) -> String {
    format!("pr-{what}/{}", World::system().ulid())
}

fn learns_later(noted: Result<(), Failure>) {
    if let Err(failure) = noted {
        output::warning(format_args!("done, but `ao status` learns of it later: {}", failure.message()));
    }
}

fn forge(setup: &Setup, project: &Project) -> Result<Forge, Failure> {
    let name = &project.name;
    let nowhere = || {
        let message = format!(
            "no scm is set for the project `{name}`, so it has no pull requests; write `scm: local` under \
             `projects.{name}` or under `defaults` for some that need nothing but git"
        );
        Error::invalid_input(message).at_field(format!("projects.{name}.scm"))
    };
    Ok(Forge::for_project(setup, project)?.ok_or_else(nowhere)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_written_in_two_ways() {
        assert_eq!((number("7"), number("#7")), (Ok(7), Ok(7)));
        for text in ["", "#", "0", "-1", "seven", "##7"] {
            assert!(number(text).is_err(), "{text}");
        }
    }
}
