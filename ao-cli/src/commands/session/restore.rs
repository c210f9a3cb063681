//! `ao session restore`: brings ended sessions back.

use std::process::ExitCode;

use ao_core::lifecycle::{Policy, status};
use ao_core::model::SessionId;
use ao_core::model::facts::{EndKind, Session};
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
}

impl Arguments {
    pub(super) fn run(self, edge: &Edge) -> Outcome {
        let sessions = manager::open(edge)?;
        let wanted = if self.all { dead(&sessions)? } else { self.sessions };
        if wanted.is_empty() {
            output::note("no agent has died");
        }
        let mut code = ExitCode::SUCCESS;
        for id in &wanted {
            match restore(edge, &sessions, id) {
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

/// Sessions that nobody ended, and whose agents are gone.
fn dead(sessions: &Sessions) -> Result<Vec<SessionId>, Failure> {
    let all = sessions.store.sessions(&SessionFilter::default()).map_err(ao_core::Error::from)?;
    let is_dead = |session: &Session| {
        let now = overlay(session, &sessions.world);
        let ended = session.end.as_ref().is_some_and(|end| end.kind != EndKind::Unknown);
        !ended && session.runtime.is_some() && status(&now, sessions.world.now(), &Policy::default()).name.is_over()
    };
    Ok(all.into_iter().filter(is_dead).map(|session| session.id).collect())
}

fn restore(edge: &Edge, sessions: &Sessions, id: &SessionId) -> Result<Session, Failure> {
    let session = manager::session(sessions, id)?;
    let setup = manager::setup_for(edge, &session)?;
    let project = setup.loaded.config.project(&session.project)?;
    let crew = Crew::for_session(&setup, &session)?;
    let request = SpawnRequest {
        project,
        config_file: session.config_file.clone(),
        crew: &crew,
        issue: None,
        repeat: Repeat::Again,
        prompt: None,
        branch: None,
        environment: agent_environment(&edge.environment.variables),
        parent: None,
    };
    let restored = block_on(sessions.restore(id, &request))??;
    if let Some(Err(error)) = restored.prompt {
        output::warning(format_args!("`{id}` is back, but its task was not sent: {error}"));
    }
    Ok(restored.session)
}
