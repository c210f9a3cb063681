//! `ao orchestrator start`: there is one that runs, whatever there was before.

use std::ops::ControlFlow;
use std::process::ExitCode;
use std::time::Duration;

use ao_core::Error;
use ao_core::config::Project;
use ao_core::model::facts::Session;
use ao_core::model::{PluginName, ProjectName, SessionId};
use ao_host::sessions::{Crew, Sessions, SpawnOrigin, SpawnRequest, Spawned, agent_environment};
use ao_host::setup::Setup;

use super::prompt;
use crate::commands::session::restore::restore;
use crate::commands::spawn::{self, SpawnView};
use crate::edge::{Edge, block_on};
use crate::failure::{Failure, Outcome};
use crate::following::{SLOW_LOOK, follow};
use crate::view::Format;
use crate::{completion, expiring, manager, output};

/// How long another command's start is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often it is begun again, where what another command began was undone.
const ATTEMPTS: usize = 5;

/// Start the project's orchestrator, or bring it back; prints the session's id last
///
/// A project has one. Where it runs, that is said; where its agent is gone, it is brought back as by `ao session restore`;
/// one that you have ended is followed by a new one.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The project; the only one, or the one around the current directory, unless given
    #[arg(short, long, value_name = "NAME", add = completion::projects())]
    project: Option<ProjectName>,
    /// The agent of a new one, instead of the configured one
    #[arg(long, value_name = "NAME", add = completion::agents())]
    agent: Option<PluginName>,
    #[command(flatten)]
    format: Format,
}

/// What has become of the orchestrator.
enum Ensured {
    /// It is new.
    Started(Box<Spawned>),
    /// Its agent was gone, and is there again.
    Restored(Box<Session>),
    /// It was there.
    Runs(Box<Session>),
}

impl Arguments {
    pub(super) fn run(self, edge: &Edge) -> Outcome {
        let setup = edge.setup_of(edge.config_files()?)?;
        setup.require_trust()?;
        spawn::warn(&setup);
        let project = manager::project(edge, &setup, self.project.as_ref())?;
        let sessions = manager::open(edge)?;
        let ensured = self.ensure(edge, &setup, &sessions, project)?;
        let there = |session: Box<Session>| Spawned { session: *session, prompt: None, origin: SpawnOrigin::Before };
        let (spawned, how) = match ensured {
            Ensured::Started(spawned) => (*spawned, "is new"),
            Ensured::Restored(session) => (there(session), "is back"),
            Ensured::Runs(session) => (there(session), "runs already"),
        };
        self.warn_of_other_agent(&spawned);
        let view = SpawnView::of_session(&spawned, &sessions.world);
        if !self.format.is_json() {
            output::note(format_args!("the orchestrator of `{}` {how}", project.name));
            view.tell();
        }
        self.format.show(&view)?;
        expiring::one_more(edge, &sessions);
        Ok(ExitCode::SUCCESS)
    }

    /// Looks what there is, and does what is missing, until there is one: what others do at the same time is waited for.
    fn ensure(&self, edge: &Edge, setup: &Setup, sessions: &Sessions, project: &Project) -> Result<Ensured, Failure> {
        let text = prompt::text(&setup.loaded.config, project);
        for _ in 0..ATTEMPTS {
            let Some(session) = sessions.orchestrator(project)? else {
                let spawned = self.spawn(edge, setup, sessions, project, text.clone())?;
                if spawned.origin == SpawnOrigin::New {
                    return Ok(Ensured::Started(Box::new(spawned)));
                }
                continue;
            };
            let id = &session.id;
            if session.op.is_some() {
                wait(edge, sessions, id)?;
                continue;
            }
            let runtime = Crew::runtime_of(&manager::setup_for(edge, &session)?, &session)?;
            if !block_on(sessions.is_over(&session, &runtime))?? {
                return Ok(Ensured::Runs(Box::new(session)));
            }
            // One that knows its conversation has been told.
            let is_new = session.agent.as_ref().is_none_or(|agent| agent.agent_session.is_none());
            match restore(edge, sessions, id, is_new.then(|| text.clone())) {
                Ok(session) => return Ok(Ensured::Restored(Box::new(session))),
                Err(failure) if !has_gone_on(&session, &sessions.get(id)?) => return Err(failure),
                // Another command was quicker.
                Err(_) => {}
            }
        }
        let message = format!("other commands keep starting and ending the orchestrator of `{}`", project.name);
        Err(Error::unavailable(message).into())
    }

    fn spawn(
        &self,
        edge: &Edge,
        setup: &Setup,
        sessions: &Sessions,
        project: &Project,
        prompt: String,
    ) -> Result<Spawned, Failure> {
        let agent = self.agent.as_ref().or(project.orchestrator.agent_name());
        let crew = Crew::for_project(setup, project, agent)?;
        let mut request = SpawnRequest::new(project, &crew).orchestrating(prompt);
        request.config_file.clone_from(&setup.loaded.files.local);
        request.environment = agent_environment(&edge.environment.variables);
        request.parent = manager::calling_session(edge)?;
        Ok(block_on(sessions.spawn(&request))??)
    }

    /// A session keeps its agent.
    fn warn_of_other_agent(&self, spawned: &Spawned) {
        let (Some(wanted), Some(has)) = (&self.agent, &spawned.session.agent) else { return };
        if has.name != *wanted {
            let id = &spawned.session.id;
            output::warning(format_args!(
                "the agent of `{id}` is `{}`; `ao session kill {id}` ends it, and the next start takes `{wanted}`",
                has.name
            ));
        }
    }
}

/// Whether something has been done to a session since.
fn has_gone_on(before: &Session, now: &Session) -> bool {
    let launch = |session: &Session| session.runtime.as_ref().map(|runtime| runtime.launch);
    now.op.is_some() || launch(now) != launch(before) || now.end.is_some() || now.failure.is_some()
}

/// Waits until what another command does to a session is done.
fn wait(edge: &Edge, sessions: &Sessions, id: &SessionId) -> Result<(), Failure> {
    let begun = sessions.world.now();
    block_on(follow(edge, SLOW_LOOK, async || {
        let is_done = sessions.get(id)?.op.is_none() || sessions.world.now().since(begun) > PATIENCE;
        Ok(if is_done { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }))??;
    if sessions.get(id)?.op.is_some() {
        return Err(Error::unavailable(format!("another command is still starting `{id}`")).into());
    }
    Ok(())
}
