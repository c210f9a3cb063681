//! Who may act on a session: its operation is its lock, and only a dead owner loses it.

use ao_core::model::facts::{Operation, Session};
use ao_core::slots::runtime::Liveness;

use super::{Result, StoreError};
use crate::world::Proc;

/// A session that was claimed.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// The session, with the new operation.
    pub session: Session,
    /// The operation that its process left behind when it died: to be resumed or undone.
    pub interrupted: Option<Operation>,
}

/// Puts `operation` in place, unless another one's owner lives or may live.
pub(super) fn take(session: &mut Session, operation: &Operation, proc: &dyn Proc) -> Result<Option<Operation>> {
    if let Some(current) = &session.op {
        let doubt = match proc.look(&current.owner) {
            Liveness::Dead { .. } => return Ok(session.op.replace(operation.clone())),
            Liveness::Unknown { why } => Some(why),
            _ => None,
        };
        let (id, kind, owner) = (session.id.clone(), current.kind, current.owner.clone());
        return Err(StoreError::Held { id, kind, owner, doubt });
    }
    session.op = Some(operation.clone());
    Ok(None)
}
