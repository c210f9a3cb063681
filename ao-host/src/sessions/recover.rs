//! Going on after a crash: operations whose process is provably gone are undone or finished.

use ao_core::model::event::{EventData, SessionRestored, SessionSpawned};
use ao_core::model::facts::{Operation, OperationKind, RuntimeFacts, Session, TrashState};
use ao_core::model::{DeliveryLevel, SessionId};
use ao_core::slots::runtime::{ListRuntimes, Liveness, RuntimeHandle};
use ao_core::slots::scm::PullState;
use ao_core::slots::workspace::Merged;
use ao_core::slots::{Runtime, Workspace};
use ao_core::{Error, Result};
use camino::Utf8PathBuf;

use super::launch::{launch_directory, launch_key, launch_number};
use super::observe::read_records;
use super::steps::Step;
use super::undo::{Abandoned, Effect};
use super::{Bound, Sessions, Undelivered};
use crate::store::SessionFilter;

/// What became of an interrupted operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recovered {
    /// The spawn had launched its agent: the session goes on.
    Finished,
    /// The spawn had not: it was undone.
    Undone,
    /// The spawn had not, and something of it is still there.
    Kept(String),
    /// Its workspace is in the trash now.
    Cleaned,
    /// The operation is void, and may be asked for again.
    Released,
}

impl Sessions {
    /// Sessions with an operation whose process is provably gone.
    pub fn interrupted(&self) -> Result<Vec<Session>> {
        let sessions = self.store.sessions(&SessionFilter::default())?;
        let gone = |op: &Operation| matches!(self.world.proc.look(&op.owner), Liveness::Dead { .. });
        Ok(sessions.into_iter().filter(|session| session.op.as_ref().is_some_and(gone)).collect())
    }

    /// Takes over one interrupted operation and brings it to an end.
    pub async fn recover(
        &self,
        session: &Session,
        runtime: &Bound<dyn Runtime>,
        workspace: &Bound<dyn Workspace>,
    ) -> Result<Recovered> {
        let id = &session.id;
        let Some(op) = &session.op else { return Ok(Recovered::Released) };
        let operation = self.operation(op.kind, &op.step)?;
        let claim = self.store.claim(id, &operation, &*self.world.proc)?;
        let Some(interrupted) = claim.interrupted else {
            // Somebody else has recovered it since it was looked at.
            self.release(id, op.kind)?;
            return Ok(Recovered::Released);
        };
        match interrupted.kind {
            OperationKind::Spawn => return self.recover_spawn(&claim.session, &interrupted, runtime, workspace).await,
            OperationKind::Cleanup => return self.recover_cleanup(&claim.session, workspace).await,
            OperationKind::Restore => return self.recover_restore(&claim.session, runtime).await,
            _ => {}
        }
        // A kill can be asked for again, and messages wait for somebody who can look at the agent.
        self.release(id, interrupted.kind)?;
        Ok(Recovered::Released)
    }

    /// What was being moved into the trash is moved to the end. What was being taken out, or let go, is asked for again.
    async fn recover_cleanup(&self, session: &Session, workspace: &Bound<dyn Workspace>) -> Result<Recovered> {
        let id = &session.id;
        if session.trash.last().is_none_or(|item| item.state != TrashState::Storing) {
            self.release(id, OperationKind::Cleanup)?;
            return Ok(Recovered::Released);
        }
        let is_merged = session.pull.as_ref().is_some_and(|pull| pull.snapshot.state == PullState::Merged);
        let moved = self.move_away(session, workspace, is_merged.then_some(Merged::Told)).await;
        if moved.is_err() {
            self.release(id, OperationKind::Cleanup)?;
        }
        moved.map(|_| Recovered::Cleaned)
    }

    /// One that got to its launch goes on; any other is as over as it was.
    async fn recover_restore(&self, session: &Session, runtime: &Bound<dyn Runtime>) -> Result<Recovered> {
        let id = &session.id;
        let last = session.runtime.as_ref().map_or(0, |runtime| runtime.launch);
        let launched = runtime.instance.list(ListRuntimes::new(self.places.owner())).await?;
        let newer = launched.into_iter().filter(|handle| handle.session == *id).filter_map(|handle| {
            let number = launch_number(id, &handle.key).filter(|number| *number > last)?;
            Some((number, handle))
        });
        if let Some((number, handle)) = newer.max_by_key(|(number, _)| *number) {
            let directory = launch_directory(&self.session_directory(id)?, number);
            self.adopt_launch(id, handle, directory, number)?;
            return Ok(Recovered::Finished);
        }
        self.release(id, OperationKind::Restore)?;
        Ok(Recovered::Released)
    }

    async fn recover_spawn(
        &self,
        session: &Session,
        interrupted: &Operation,
        runtime: &Bound<dyn Runtime>,
        workspace: &Bound<dyn Workspace>,
    ) -> Result<Recovered> {
        let id = &session.id;
        if session.runtime.is_some() {
            // A prompt of which nothing was typed is delivered later, as any other message is.
            let sent = self.give_up_messages(id, Undelivered::Keep)?;
            self.change(id, |session| settle(session, sent))?;
            return Ok(Recovered::Finished);
        }
        let step = Step::of_spawn(&interrupted.step);
        if step >= Step::RuntimeCreate {
            let key = launch_key(id, 1);
            let launched = runtime.instance.list(ListRuntimes::new(self.places.owner())).await?;
            if let Some(handle) = launched.into_iter().find(|handle| handle.session == *id && handle.key == key) {
                let directory = self.session_directory(id)?;
                self.adopt_launch(id, handle, directory, 1)?;
                return Ok(Recovered::Finished);
            }
        }
        let error = Error::other("the process that spawned it was killed");
        let spawn = Abandoned { runtime, workspace, step, effect: Effect::Unknown };
        let _ = self.abandon(id, &spawn, error).await;
        let kept = self.get(id)?.failure.and_then(|failure| failure.kept);
        Ok(kept.map_or(Recovered::Undone, Recovered::Kept))
    }

    /// The launch had happened, and its record had not.
    fn adopt_launch(&self, id: &SessionId, handle: RuntimeHandle, directory: Utf8PathBuf, number: u32) -> Result<()> {
        let records = read_records(&directory);
        let launched_at = records.holder.as_ref().map_or_else(|| self.world.now(), |record| record.started_at);
        let data = if number > 1 {
            EventData::SessionRestored(SessionRestored::new(number))
        } else {
            let mut data = SessionSpawned::new(handle.plugin.clone());
            data.recovered = true;
            EventData::SessionSpawned(data)
        };
        let event = self.event(id, data);
        self.change_telling(id, |session| {
            super::launch::begin_anew(session, number);
            let mut facts = RuntimeFacts::new(directory, handle, launched_at);
            facts.launch = number;
            facts.holder = records.holder.as_ref().map(|record| record.holder.clone());
            facts.child = records.holder.and_then(|record| record.child);
            session.runtime = Some(facts);
            settle(session, None);
            vec![event]
        })
        .map(|session| self.leave_facts(&session))
    }

    /// Ends this process's operation of this kind on a session; leaves one of anybody else.
    pub(super) fn release(&self, id: &SessionId, kind: OperationKind) -> Result<Session> {
        let own = self.own_process()?;
        self.change(id, |session| super::end_operation(session, kind, &own))
    }
}

/// Ends a spawn whose agent lives. A prompt that the launch itself hands over is with it; one that was to follow got as
/// far as its message, and without a message nowhere.
fn settle(session: &mut Session, sent: Option<DeliveryLevel>) {
    session.op = None;
    if let Some(prompt) = &mut session.prompt {
        prompt.delivery = match prompt.delivery {
            DeliveryLevel::Queued => sent.unwrap_or(DeliveryLevel::Failed),
            DeliveryLevel::Drafting => DeliveryLevel::Submitted,
            known => known,
        };
    }
}
