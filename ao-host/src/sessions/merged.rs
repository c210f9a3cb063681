//! Ending a session whose pull request is merged: its agent, then its worktree, if all that is in it is merged.

use ao_core::Result;
use ao_core::lifecycle::left_by_merge;
use ao_core::model::SessionId;
use ao_core::slots::workspace::Merged;
use ao_core::slots::{Runtime, Workspace};

use super::{Bound, Sessions};

/// Why a session is ended whose pull request is merged.
pub const MERGED: &str = "its pull request is merged";

/// What became of a session whose pull request is merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finished {
    /// Its agent has ended, and its worktree is in the trash, if there was one.
    CleanedUp,
    /// Its agent has ended, and its worktree stays.
    Stays {
        /// Why.
        why: String,
    },
}

impl Sessions {
    /// Ends a session whose pull request is merged. It may be done again from wherever it was interrupted.
    pub async fn finish_merged(
        &self,
        id: &SessionId,
        runtime: &Bound<dyn Runtime>,
        workspace: &Bound<dyn Workspace>,
    ) -> Result<Finished> {
        let mut session = self.get(id)?;
        if session.end.is_none() && (session.runtime.is_some() || session.op.is_some()) {
            session = self.kill(id, runtime, MERGED).await?.session;
        } else if session.end.is_none() {
            // It was taken in without an agent.
            session = self.end_without_agent(id, MERGED)?;
        }
        let Some(facts) = &session.workspace else { return Ok(Finished::CleanedUp) };
        if !self.places.is_managed(&facts.path) {
            return Ok(Finished::Stays { why: format!("`{}` was not made by `ao`", facts.path) });
        }
        // Nothing changes it any more but a human: what is seen now is what there is.
        let session = self.look_at_workspaces(&[session], workspace).await?.pop();
        if let Some(why) = session.as_ref().and_then(left_by_merge) {
            return Ok(Finished::Stays { why });
        }
        self.cleanup(id, workspace, Some(Merged::Told)).await?;
        Ok(Finished::CleanedUp)
    }
}
