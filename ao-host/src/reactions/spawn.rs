//! Starting another session: a reviewer of the pull request, or a worker that follows up. The intent's key is the session's,
//! so that it is there once.

use std::fmt::Write as _;
use std::time::Duration;

use ao_core::Result;
use ao_core::config::Project;
use ao_core::lifecycle::decide::Outcome;
use ao_core::model::facts::{OperationKind, Session};
use ao_core::slots::agent::Role;

use super::{Errand, LATER, SOON, Subject, Turn, rest};
use crate::sessions::{Crew, SpawnRequest, agent_environment};

/// How long room for another session is waited for.
const ROOM_WITHIN: Duration = Duration::from_mins(15);

/// What a session is started with.
pub(crate) struct Kit {
    pub(crate) project: Project,
    pub(crate) crew: Crew,
}

impl Errand {
    /// Starts it.
    pub(super) async fn spawn(&mut self, role: Role, text: &str, subject: &Subject) -> Result<Turn> {
        let (Some(kit), Some((parent, _))) = (&self.kit, &subject.session) else {
            return Ok(Turn::Over(Outcome::Refused { why: "there is no session that it would follow".to_owned() }));
        };
        let request = SpawnRequest::new(&kit.project, &kit.crew);
        let mut request = match (role, &parent.pull) {
            (Role::Reviewer, Some(pull)) => {
                let mut request = request.reviewing(Some(parent.id.clone()), &pull.snapshot);
                if let Some(prompt) = &mut request.prompt {
                    let rule = self.entry.intent.reaction;
                    // Writing to a string cannot fail.
                    let _ = write!(prompt, "\nIt was asked for by the rule `{rule}`:\n{text}\n");
                }
                request
            }
            (Role::Reviewer, None) => {
                return Ok(Turn::Over(Outcome::Refused { why: "there is no pull request to review".to_owned() }));
            }
            _ => request.following(parent.id.clone(), text.to_owned()),
        };
        request.config_file.clone_from(&self.entry.config_file);
        request.environment = agent_environment(&self.environment.variables);
        request.spawned_for = Some(self.entry.intent.key.clone());
        self.sessions.failpoints.pass("react.spawn_child.before")?;
        let spawned = Box::pin(self.sessions.spawn(&request)).await;
        self.sessions.failpoints.pass("react.spawn_child.after")?;
        Ok(match spawned {
            Ok(spawned) => of_session(&spawned.session),
            // Where nothing was reserved, no room may be for a while; a human is told when that goes on.
            Err(error) if error.retryable() && !self.has_failed_spawns()? && self.is_young() => {
                Turn::Wait(rest(&error, LATER), error.to_string())
            }
            Err(error) => Turn::Over(Outcome::Failed { why: error.to_string() }),
        })
    }

    /// Whether a session was made for this and taken back.
    fn has_failed_spawns(&self) -> Result<bool> {
        Ok(self.spawned()?.iter().any(|session| session.failure.is_some()))
    }

    fn is_young(&self) -> bool {
        self.sessions.world.now().since(self.entry.planned_at) < ROOM_WITHIN
    }

    /// The sessions that were made for this.
    fn spawned(&self) -> Result<Vec<Session>> {
        Ok(self.sessions.store.sessions_spawned_for(&self.entry.intent.key)?)
    }

    /// Whether the session is there that was started for this.
    pub(super) fn find_session(&self) -> Result<Option<Turn>> {
        Ok(self.spawned()?.iter().find(|session| session.failure.is_none()).map(of_session))
    }
}

/// One that is half made may still be taken back.
fn of_session(session: &Session) -> Turn {
    let is_half_made = session.op.as_ref().is_some_and(|op| op.kind == OperationKind::Spawn);
    if is_half_made { Turn::UnderWay(SOON) } else { Turn::Over(Outcome::Done) }
}
