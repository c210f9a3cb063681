//! A look at the workspaces of ended sessions, right before it is decided which of them may go.

use ao_core::lifecycle::observe;
use ao_core::model::facts::Session;
use ao_core::slots::Workspace;
use ao_core::slots::workspace::{ObserveWorkspaces, WorkspaceBase};
use ao_core::{Error, Result};

use super::{Bound, Sessions};

impl Sessions {
    /// The sessions as they are after a look at their workspaces, one call for all. What could not be seen is unknown.
    pub async fn look_at_workspaces(
        &self,
        sessions: &[Session],
        workspace: &Bound<dyn Workspace>,
    ) -> Result<Vec<Session>> {
        let mut request = ObserveWorkspaces::new(Vec::new());
        for facts in sessions.iter().filter_map(|session| session.workspace.as_ref()) {
            request.paths.push(facts.path.clone());
            request.bases.push(WorkspaceBase::new(facts.path.clone(), facts.base_ref.clone()));
        }
        let seen = workspace.instance.observe(request).await;
        let error = seen.as_ref().err().map(Error::to_string);
        let seen = seen.unwrap_or_default();
        let now = self.world.now();
        let looked_at = sessions.iter().map(|session| {
            self.change(&session.id, |session| {
                let Some(facts) = &mut session.workspace else { return };
                if let Some(seen) = seen.iter().find(|seen| seen.path == facts.path) {
                    observe::workspace(facts, seen, now);
                } else {
                    let why = error.as_deref().unwrap_or("the workspace plugin says nothing about it");
                    observe::workspace_unseen(facts, why, now);
                }
            })
        });
        looked_at.collect()
    }
}
