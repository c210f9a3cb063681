//! Taking back a spawn whose agent was never launched.

use ao_core::model::SessionId;
use ao_core::model::event::EventKind;
use ao_core::model::facts::{Failure, Session};
use ao_core::slots::runtime::{DestroyRuntime, ListRuntimes};
use ao_core::slots::workspace::{DiscardWorkspace, Discarded, IdentifySession, IdentityChange};
use ao_core::{Code, Error, Result};
use serde_json::json;

use super::launch::launch_key;
use super::{Crew, Sessions};

/// How long what was launched by half may take to end, in milliseconds.
const GRACE_MS: u64 = 1000;

impl Sessions {
    /// Undoes a failed spawn and records the failure. Returns the error to show.
    pub(super) async fn abandon(&self, id: &SessionId, crew: &Crew, step: &str, error: Error) -> Error {
        let left = self.undo(id, crew).await;
        let kept = left.as_ref().err().map(ToString::to_string).or_else(|| left.ok().flatten());
        let mut failure = Failure::new(step, error.message.as_str(), self.world.now());
        failure.output = error.chain.join("\n");
        failure.kept.clone_from(&kept);
        let event = self.event(EventKind::SessionErrored, id, json!({"step": step, "error": error}));
        let recorded = self.change_telling(id, |session| {
            session.failure = Some(failure);
            session.op = None;
            vec![event]
        });
        let mut shown = error.context(format!("spawning `{id}` failed at `{step}`"));
        shown.chain.extend(kept.map(|what| format!("not taken back: {what}")));
        shown.chain.extend(recorded.err().map(|error| format!("the failure could not be recorded: {error}")));
        shown
    }

    /// Takes back everything, last first. What had to stay is the answer.
    pub(super) async fn undo(&self, id: &SessionId, crew: &Crew) -> Result<Option<String>> {
        let session = self.get(id)?;
        let key = launch_key(id, 1);
        let launched = crew.runtime.instance.list(ListRuntimes::new(self.places.owner())).await?;
        for handle in launched.into_iter().filter(|handle| handle.session == *id && handle.key == key) {
            let destroyed = crew.runtime.instance.destroy(DestroyRuntime::new(handle, GRACE_MS)).await?;
            if !destroyed.survivors.is_empty() {
                let survivors: Vec<_> = destroyed.survivors.iter().map(ToString::to_string).collect();
                return Ok(Some(format!("these processes could not be ended: {}", survivors.join(", "))));
            }
        }
        let kept = self.discard_workspace(&session, crew).await?;
        if kept.is_none() {
            self.forget_identity(&session, crew).await?;
        }
        Ok(kept)
    }

    async fn discard_workspace(&self, session: &Session, crew: &Crew) -> Result<Option<String>> {
        let Some(facts) = &session.workspace else { return Ok(None) };
        let workspace = &crew.workspace.instance;
        let project = &session.project_path;
        let mut discard = DiscardWorkspace::new(project.clone(), facts.path.clone(), facts.branch.clone());
        // Without a record, as after a crash in the middle, the plugin knows its own doings.
        discard.created_at = facts.base.clone().filter(|_| facts.branch_created);
        match workspace.discard(discard).await? {
            Discarded::Kept { why } => Ok(Some(why)),
            _ => Ok(None),
        }
    }

    async fn forget_identity(&self, session: &Session, crew: &Crew) -> Result<()> {
        let forget = IdentifySession::new(session.project_path.clone(), session.id.clone(), IdentityChange::Remove);
        match crew.workspace.instance.identify(forget).await {
            Err(error) if error.code != Code::UNSUPPORTED => Err(error),
            _ => Ok(()),
        }
    }
}
