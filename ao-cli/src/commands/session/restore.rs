//! `ao session restore`: brings ended sessions back.

use std::process::ExitCode;

use ao_core::lifecycle::{Policy, StatusName, status};
use ao_core::model::SessionId;
use ao_core::model::facts::Session;
use ao_core::slots::runtime::Liveness;
use ao_host::sessions::{Crew, Repeat, Sessions, SpawnRequest, agent_environment, overlay};
use ao_host::store::SessionFilter;

use crate::edge::{Edge, block_on};
use crate::failure::{Failure, Outcome};
use crate::{completion, manager, output};

/// Bring ended sessions back: the worktree where it was, and the agent in it
///
/// An agent that can goes on with its conversation; any other is given its task again.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The sessions
    #[arg(required_unless_present = "all", value_name = "SESSION", add = completion::sessions())]
    sessions: Vec<SessionId>,
    /// Every session whose agent died, as after the machine was restarted
    #[arg(long, conflicts_with = "sessions")]
    all: bool,
    /// What their agents are told, instead of their task
    #[arg(long, value_name = "TEXT", conflicts_with = "all", allow_hyphen_values = true)]
    prompt: Option<String>,
}

impl Arguments {
    pub(super) fn run(self, edge: &Edge) -> Outcome {
        let sessions = manager::open(edge)?;
        let wanted = if self.all { dead(edge, &sessions)? } else { self.sessions };
        if wanted.is_empty() {
            output::note("no agent has died");
        }
        let mut code = ExitCode::SUCCESS;
        for id in &wanted {
            match restore(edge, &sessions, id, self.prompt.clone()) {
                Ok(session) => {
                    let place = session.workspace.map(|workspace| workspace.path.to_string()).unwrap_or_default();
                    output::note(format_args!("{id} is back in {place}"));
                }
                Err(failure) => code = failure.report(),
            }
        }
        Ok(code)
    }
}

/// Sessions that nobody ended, and whose agents are gone. Whether one is, its runtime is asked, where that is still open.
fn dead(edge: &Edge, sessions: &Sessions) -> Result<Vec<SessionId>, Failure> {
    let mut dead = Vec::new();
    for session in sessions.store.sessions(&SessionFilter::default()).map_err(ao_core::Error::from)? {
        if session.end.is_some() || session.runtime.is_none() || is_alive(&session, sessions) {
            continue;
        }
        let runtime = Crew::runtime_of(&manager::setup_for(edge, &session)?, &session)?;
        if block_on(sessions.is_over(&session, &runtime))?? && !is_done(&session, sessions) {
            dead.push(session.id);
        }
    }
    Ok(dead)
}

/// Whether the process table shows its agent.
fn is_alive(session: &Session, sessions: &Sessions) -> bool {
    let now = overlay(session, &sessions.world);
    let process = now.runtime.and_then(|runtime| runtime.process);
    process.is_some_and(|probe| probe.now() == Liveness::Alive)
}

/// Whether it did what it was told, or never began.
fn is_done(session: &Session, sessions: &Sessions) -> bool {
    let name = status(&overlay(session, &sessions.world), sessions.world.now(), &Policy::default()).name;
    matches!(name, StatusName::Done | StatusName::Merged | StatusName::Errored)
}

/// Brings a session back, and tells its agent this instead of its task.
pub(in crate::commands) fn restore(
    edge: &Edge,
    sessions: &Sessions,
    id: &SessionId,
    prompt: Option<String>,
) -> Result<Session, Failure> {
    let session = manager::session(sessions, id)?;
    let setup = manager::setup_for(edge, &session)?;
    let project = setup.loaded.config.project(&session.project)?;
    let crew = Crew::for_session(&setup, &session)?;
    let request = SpawnRequest {
        config_file: session.config_file.clone(),
        repeat: Repeat::Again,
        prompt,
        environment: agent_environment(&edge.environment.variables),
        ..SpawnRequest::new(project, &crew)
    };
    let restored = block_on(sessions.restore(id, &request))??;
    if let Some(Err(error)) = restored.prompt {
        output::warning(format_args!("`{id}` is back, but its task was not sent: {error}"));
    }
    Ok(restored.session)
}
