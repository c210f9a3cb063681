//! The one session of a project that drives `ao` itself.

use ao_core::Result;
use ao_core::config::Project;
use ao_core::model::facts::Session;
use ao_core::slots::agent::Role;

use super::{Sessions, SpawnRequest};
use crate::store::SessionFilter;

/// Whether a session is the orchestrator of a project: there, or about to be. One that was ended is not any more.
pub(super) fn is_orchestrator_of(session: &Session, project: &Project) -> bool {
    session.role == Role::Orchestrator
        && session.end.is_none()
        && session.failure.is_none()
        && session.project == project.name
        && session.project_path == project.path
}

impl SpawnRequest<'_> {
    /// The same as the project's orchestrator, told this. Where there is one already, a spawn finds it.
    #[must_use]
    pub fn orchestrating(mut self, prompt: String) -> Self {
        (self.role, self.prompt) = (Role::Orchestrator, Some(prompt));
        self
    }
}

impl Sessions {
    /// The orchestrator of a project, whether its agent lives or not.
    pub fn orchestrator(&self, project: &Project) -> Result<Option<Session>> {
        let filter = SessionFilter { project: Some(project.name.clone()), project_path: Some(project.path.clone()) };
        Ok(self.store.sessions(&filter)?.into_iter().find(|session| is_orchestrator_of(session, project)))
    }
}
