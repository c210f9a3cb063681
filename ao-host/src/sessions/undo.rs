//! Taking back a spawn whose agent was never launched: what it made, and nothing else.

use ao_core::model::event::{EventData, SessionErrored};
use ao_core::model::facts::{Failure, OperationKind, Session};
use ao_core::model::process::HOLD_SPEC_FILE;
use ao_core::model::{Identity, SessionId};
use ao_core::slots::runtime::{DestroyRuntime, ListRuntimes};
use ao_core::slots::workspace::{DiscardWorkspace, Discarded, IdentifySession, IdentityChange};
use ao_core::slots::{Runtime, Workspace};
use ao_core::{Code, Error, Result};

use super::launch::launch_key;
use super::steps::Step;
use super::{Bound, Sessions};

/// How long what was launched by half may take to end, in milliseconds.
const GRACE_MS: u64 = 1000;

/// A spawn that did not get to its launch.
pub(super) struct Abandoned<'a> {
    pub(super) runtime: &'a Bound<dyn Runtime>,
    pub(super) workspace: &'a Bound<dyn Workspace>,
    /// The step that it got to.
    pub(super) step: Step,
    /// Whether that step may have had an effect that its error does not tell of.
    pub(super) effect: Effect,
}

/// What is known of the last step's effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// What it made is in the facts, or it made nothing.
    Recorded,
    /// It may have made something.
    Unknown,
}

impl Sessions {
    /// Undoes a spawn and records its failure. Returns the error to show.
    ///
    /// Where something can neither be taken back nor be kept for good, the operation stays, so that the next command
    /// tries again.
    pub(super) async fn abandon(&self, id: &SessionId, spawn: &Abandoned<'_>, error: Error) -> Error {
        let undone = self.undo(id, spawn).await;
        let step = spawn.step.name();
        let kept = match &undone {
            Ok(kept) => kept.clone(),
            Err(error) => Some(error.to_string()),
        };
        let mut failure = Failure::new(step, error.message.as_str(), self.world.now());
        failure.output = error.chain.join("\n");
        failure.kept.clone_from(&kept);
        let event = self.event(id, EventData::SessionErrored(SessionErrored::new(step, error.clone())));
        let own = self.own_process();
        let recorded = self.change_telling(id, |session| {
            session.failure = Some(failure);
            if let (Ok(_), Ok(own)) = (&undone, &own) {
                super::end_operation(session, OperationKind::Spawn, own);
            }
            vec![event]
        });
        let mut shown = error.context(format!("spawning `{id}` failed at `{step}`"));
        shown.chain.extend(kept.map(|what| format!("not taken back: {what}")));
        shown.chain.extend(recorded.err().map(|error| format!("the failure could not be recorded: {error}")));
        shown
    }

    /// Takes back everything, last first, and goes on past what fails. What is kept for good is the answer.
    async fn undo(&self, id: &SessionId, spawn: &Abandoned<'_>) -> Result<Option<String>> {
        let session = self.get(id)?;
        if spawn.step >= Step::RuntimeCreate {
            self.end_half_launched(id, spawn.runtime).await?;
        }
        let kept = self.discard_workspace(&session, spawn).await;
        let identity = self.forget_identity(&session, spawn.workspace).await;
        let kept = kept?;
        identity.map(|()| kept)
    }

    async fn end_half_launched(&self, id: &SessionId, runtime: &Bound<dyn Runtime>) -> Result<()> {
        // A holder that was started and has not come to it yet finds nothing to run any more.
        let spec = self.places.session_dir(id).join(HOLD_SPEC_FILE);
        match std::fs::remove_file(&spec) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::wrap(Code::UNAVAILABLE, format!("cannot remove `{spec}`"), &error));
            }
            _ => {}
        }
        let key = launch_key(id, 1);
        let launched = runtime.instance.list(ListRuntimes::new(self.places.owner())).await?;
        for handle in launched.into_iter().filter(|handle| handle.session == *id && handle.key == key) {
            let destroyed = runtime.instance.destroy(DestroyRuntime::new(handle, GRACE_MS)).await?;
            super::kill::verify(id, &destroyed)?;
        }
        Ok(())
    }

    async fn discard_workspace(&self, session: &Session, spawn: &Abandoned<'_>) -> Result<Option<String>> {
        let Some(facts) = &session.workspace else { return Ok(None) };
        // A creation that failed takes itself back; a path that it refused is somebody else's.
        if facts.base.is_none() && spawn.effect == Effect::Recorded {
            return Ok(None);
        }
        let mut discard = DiscardWorkspace::new(session.project_path.clone(), facts.path.clone(), facts.branch.clone());
        // Without a record, as after a crash in the middle, the plugin knows its own doings.
        discard.created_at = facts.base.clone().filter(|_| facts.branch_created);
        discard.symlinks.clone_from(&facts.symlinks);
        match spawn.workspace.instance.discard(discard).await? {
            Discarded::Kept { why } => Ok(Some(why)),
            _ => Ok(None),
        }
    }

    async fn forget_identity(&self, session: &Session, workspace: &Bound<dyn Workspace>) -> Result<()> {
        let Some(blob) = session.identity.clone() else { return Ok(()) };
        let copy = Identity::read(&blob).and_then(|identity| identity.path);
        let change = IdentityChange::Remove { blob };
        let mut forget = IdentifySession::new(session.project_path.clone(), session.id.clone(), change);
        forget.copy = copy;
        match workspace.instance.identify(forget).await {
            Err(error) if error.code != Code::UNSUPPORTED => Err(error),
            _ => Ok(()),
        }
    }
}
