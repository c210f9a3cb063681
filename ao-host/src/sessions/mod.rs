//! The session manager: what is done to sessions, in steps that survive a crash between any two of them.
//!
//! Every command that changes a session claims its `op` first, and ends only its own. A spawn is a saga: what it did before the agent is
//! launched is undone when it fails; from the launch on it goes forward.

mod adopt;
mod answer;
mod assignment;
mod claim;
mod cleanup;
mod crew;
mod deliver;
mod enter;
mod environment;
mod followers;
mod hold;
mod hook;
mod interrupt;
mod keepsake;
mod kill;
mod launch;
mod merged;
mod numbers;
mod observe;
mod orchestrator;
mod output;
mod plan;
mod pull;
mod rebuild;
mod recover;
mod report;
mod restore;
mod resume;
mod spawn;
mod steps;
mod tidy;
mod token;
mod trash;
mod typing;
mod undo;

use std::sync::Arc;

use ao_core::model::event::{Event, EventData};
use ao_core::model::facts::{Operation, OperationKind, Session};
use ao_core::model::{ProcessId, SessionId};
use ao_core::{Error, Result};
use camino::Utf8PathBuf;

use crate::failpoint::Failpoints;
use crate::store::{Claim, Store, StoreError};
use crate::world::{Places, World};

pub use adopt::Subject;
pub use answer::{Answered, Reply};
pub use assignment::assignment;
pub use claim::{Claimed, refuse_claim};
pub use cleanup::Cleaned;
pub use crew::{Bound, Crew, Everyone, Forge};
pub use deliver::{INLINE_LIMIT, Letter, Sent};
pub use environment::agent_environment;
pub use hold::Held;
pub use hook::leave_hook;
pub use kill::Killed;
pub use merged::{Finished, MERGED};
pub use observe::overlay;
pub(crate) use observe::{SCREEN_LINES, agent_target, changes, sight};
pub use output::Logs;
pub use plan::Outlook;
pub use rebuild::{Left, Rebuild, Rebuilt, Taken, taken_from};
pub use recover::Recovered;
pub use report::{Speaker, leave_report};
pub use resume::Undelivered;
pub use spawn::{Repeat, SpawnOrigin, SpawnRequest, Spawned};
pub use token::{TOKEN_VARIABLE, holder_of};

/// What the session manager works with.
pub struct Sessions {
    /// The facts.
    pub store: Arc<dyn Store>,
    /// Clock, chance and processes.
    pub world: World,
    /// Where everything stands.
    pub places: Places,
    /// Where a test makes it fail.
    pub failpoints: Failpoints,
    /// The program that holds agents: `<program> __hold <spec>`.
    pub program: Utf8PathBuf,
}

impl Sessions {
    /// A session that must exist.
    pub fn get(&self, id: &SessionId) -> Result<Session> {
        self.store.session(id)?.ok_or_else(|| StoreError::NoSession(id.clone()).into())
    }

    fn event(&self, id: &SessionId, data: EventData) -> Event {
        self.world.event(Some(id), data)
    }

    fn own_process(&self) -> Result<ProcessId> {
        self.world.proc.own().map_err(|error| Error::unavailable(format!("cannot tell which process this is: {error}")))
    }

    /// An operation of this process, at a step.
    fn operation(&self, kind: OperationKind, step: &str) -> Result<Operation> {
        Ok(Operation::new(kind, step, self.own_process()?, self.world.now()))
    }

    /// What a claim displaced must not be forgotten: a spawn that died is recovered before anything else is done.
    fn refuse_interrupted(&self, claim: Claim, kind: OperationKind) -> Result<Session> {
        let Claim { session, interrupted } = claim;
        let Some(spawn) = interrupted.filter(|op| op.kind == OperationKind::Spawn) else { return Ok(session) };
        let own = self.own_process()?;
        self.change(&session.id, |session| {
            end_operation(session, kind, &own);
            if session.op.is_none() {
                session.op = Some(spawn);
            }
        })?;
        Err(Error::conflict(format!("the spawn of `{}` was interrupted and is not brought to an end yet", session.id)))
    }

    /// Changes a session's facts as they stand now.
    pub(crate) fn change(&self, id: &SessionId, edit: impl FnOnce(&mut Session)) -> Result<Session> {
        self.change_telling(id, |session| {
            edit(session);
            Vec::new()
        })
    }

    /// Changes a session's facts and says what happened, in one transaction.
    fn change_telling(&self, id: &SessionId, edit: impl FnOnce(&mut Session) -> Vec<Event>) -> Result<Session> {
        let mut edit = Some(edit);
        let changed =
            self.store.change(id, &mut |session| Ok(edit.take().map(|edit| edit(session)).unwrap_or_default()));
        Ok(changed?)
    }
}

/// Ends an operation if it is of this kind and of this process; one of anybody else stays.
fn end_operation(session: &mut Session, kind: OperationKind, own: &ProcessId) {
    if session.op.as_ref().is_some_and(|op| op.kind == kind && op.owner == *own) {
        session.op = None;
    }
}
