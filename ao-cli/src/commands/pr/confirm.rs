//! A pull request that an agent names as its own: it is, if the scm knows it and it is nobody else's.

use ao_core::model::facts::Session;
use ao_core::slots::scm::{PullFound, PullState};

use super::desk::Desk;
use crate::edge::Edge;
use crate::failure::Failure;
use crate::manager;

/// Makes a pull request a session's, or says why it is not.
pub(in crate::commands) fn confirm(edge: &Edge, session: &Session, number: u64) -> Result<Option<String>, Failure> {
    let desk = Desk::of(edge, session)?;
    let found = desk.found(number)?;
    let PullFound::Found { snapshot } = &found else {
        return Ok(Some(format!("the scm knows no pull request #{number}")));
    };
    if snapshot.state != PullState::Open {
        return Ok(Some(format!("#{number} is not open")));
    }
    if let Some(owner) = desk.owner(number)?.filter(|owner| owner.id != session.id) {
        return Ok(Some(format!("#{number} is the pull request of `{}`", owner.id)));
    }
    manager::bare(edge)?.saw_pull(&session.id, &desk.forge, &found)?;
    Ok(None)
}
