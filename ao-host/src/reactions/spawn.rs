//! Starting another session: a reviewer of the pull request, or a worker that follows up. The intent's key is the session's,
//! so that it is there once.

use ao_core::Result;
use ao_core::config::Project;
use ao_core::lifecycle::decide::Outcome;
use ao_core::slots::agent::Role;

use super::{Errand, LATER, Subject, Turn};
use crate::sessions::{Crew, SpawnRequest, agent_environment};
use crate::store::SessionFilter;

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
                    prompt.push_str(&format!(
                        "\nIt was asked for by the rule `{}`:\n{text}\n",
                        self.entry.intent.reaction
                    ));
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
            Ok(_) => Turn::Over(Outcome::Done),
            // A limit that leaves no room now may leave some later; the other failures are the spawn's own.
            Err(error) if error.retryable() => Turn::Wait(LATER, error.to_string()),
            Err(error) => Turn::Over(Outcome::Failed { why: error.to_string() }),
        })
    }

    /// Whether the session is there that was started for this.
    pub(super) fn find_session(&self) -> Result<Option<Turn>> {
        let key = &self.entry.intent.key;
        let (project, path) = (self.entry.intent.project.clone(), self.entry.project_path.clone());
        let filter = SessionFilter { project: Some(project), project_path: Some(path) };
        let there = self.sessions.store.sessions(&filter)?;
        let is_it = there.iter().any(|session| session.spawned_for.as_ref() == Some(key) && session.failure.is_none());
        Ok(is_it.then_some(Turn::Over(Outcome::Done)))
    }
}
