//! Ending a session: its processes, never its work.

use ao_core::lifecycle::{Policy, StatusName, status};
use ao_core::model::event::{EventData, SessionKilled};
use ao_core::model::facts::{End, EndKind, OperationKind, Session};
use ao_core::model::{ProcessId, SessionId};
use ao_core::slots::Runtime;
use ao_core::slots::runtime::{DestroyRuntime, Destroyed};
use ao_core::{Error, Result};

use super::observe::{changes, not_launched, overlay};
use super::steps::Step;
use super::{Bound, Sessions, Undelivered};

/// How long an agent may take to end by itself, in milliseconds.
const GRACE_MS: u64 = 3000;

/// A session that was ended.
pub struct Killed {
    /// Its facts.
    pub session: Session,
}

impl Sessions {
    /// Ends a session's whole process tree and verifies that it is gone. Its worktree stays where it is.
    pub async fn kill(&self, id: &SessionId, runtime: &Bound<dyn Runtime>, reason: &str) -> Result<Killed> {
        let session = self.get(id)?;
        not_ended(&session)?;
        if session.runtime.is_none() && session.op.is_none() {
            // A spawn that failed has no processes: that it is over is all there is to write down.
            let failed = session.failure.is_some();
            return if failed { self.record_end(id, EndKind::Killed, reason) } else { Err(not_launched(id)) };
        }
        // What had done its task before, or was merged, stays that.
        let now = overlay(&session, &self.world);
        let name = status(&now, self.world.now(), &Policy::default()).name;
        let kind = match name {
            StatusName::Done => EndKind::Done,
            StatusName::Merged => EndKind::Merged,
            _ => EndKind::Killed,
        };
        let operation = self.operation(OperationKind::Kill, Step::SignalTree.name())?;
        let claim = self.store.claim(id, &operation, &*self.world.proc)?;
        let session = self.refuse_interrupted(claim, OperationKind::Kill)?;
        // Between the look and the claim another kill may have ended it.
        if let Err(error) = not_ended(&session) {
            self.release(id, OperationKind::Kill)?;
            return Err(error);
        }
        match self.end_processes(&session, runtime).await {
            Ok(()) => {
                self.give_up_messages(id, Undelivered::Fail)?;
                self.record_end(id, kind, reason)
            }
            Err(error) => {
                self.release(id, OperationKind::Kill)?;
                Err(error)
            }
        }
    }

    /// Ends a session that has no agent: there is nothing to write down but that.
    pub(super) fn end_without_agent(&self, id: &SessionId, reason: &str) -> Result<Session> {
        let session = self.get(id)?;
        not_ended(&session)?;
        let name = status(&session, self.world.now(), &Policy::default()).name;
        let kind = if name == StatusName::Merged { EndKind::Merged } else { EndKind::Killed };
        Ok(self.record_end(id, kind, reason)?.session)
    }

    async fn end_processes(&self, session: &Session, runtime: &Bound<dyn Runtime>) -> Result<()> {
        let id = &session.id;
        let handle = session.runtime.as_ref().ok_or_else(|| not_launched(id))?.handle.clone();
        self.keep_output(session, runtime).await;
        let request = DestroyRuntime::new(handle, GRACE_MS);
        let destroyed = self.step(id, Step::SignalTree, runtime.instance.destroy(request)).await?;
        self.step(id, Step::VerifyGone, async { verify(id, &destroyed) }).await
    }

    fn record_end(&self, id: &SessionId, kind: EndKind, reason: &str) -> Result<Killed> {
        let now = self.world.now();
        let event = self.event(id, EventData::SessionKilled(SessionKilled::new(reason)));
        let session = self.change_telling(id, |session| {
            // The holder wrote the exit down before it went; keep it with the end.
            let before = session.clone();
            *session = overlay(session, &self.world);
            let mut events = changes(&self.world, &before, session);
            let mut end = End::new(kind, now);
            reason.clone_into(&mut end.reason);
            session.end = Some(end);
            session.op = None;
            events.push(event);
            events
        })?;
        self.leave_facts(&session);
        Ok(Killed { session })
    }
}

fn not_ended(session: &Session) -> Result<()> {
    match &session.end {
        None => Ok(()),
        Some(end) => Err(Error::conflict(format!("the session `{}` has ended already: {}", session.id, end.reason))),
    }
}

pub(super) fn verify(id: &SessionId, destroyed: &Destroyed) -> Result<()> {
    if destroyed.survivors.is_empty() {
        return Ok(());
    }
    let survivors: Vec<_> = destroyed.survivors.iter().map(ProcessId::to_string).collect();
    Err(Error::other(format!("processes of `{id}` could not be ended: {}", survivors.join(", "))))
}
