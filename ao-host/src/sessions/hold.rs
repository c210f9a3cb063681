//! Holding a session: as long as it is held, nothing is decided about it. Its agent goes on with what it does, and a human
//! who sends it something is not kept from it.

use ao_core::model::SessionId;
use ao_core::model::facts::{Hold, HoldReason, Session};
use ao_core::{Error, Result};

use super::Sessions;

/// What became of a hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// It was put in place, or lifted.
    Changed,
    /// Nothing was changed, for this reason.
    Unchanged {
        /// In words for a human.
        why: String,
    },
}

impl Sessions {
    /// Holds a session until it is resumed. One that is held for another reason is held for both.
    pub fn pause(&self, id: &SessionId) -> Result<Held> {
        let now = self.world.now();
        self.change_hold(id, |session| {
            if is_over(session) {
                return Err(Error::conflict(format!("`{id}` has ended, so there is nothing to pause")));
            }
            Ok(match &mut session.hold {
                None => {
                    session.hold = Some(Hold::new(HoldReason::Paused, now));
                    Held::Changed
                }
                Some(hold) if hold.reason == HoldReason::Paused || hold.paused_at.is_some() => {
                    unchanged("it is paused already")
                }
                Some(hold) => {
                    hold.paused_at = Some(now);
                    Held::Changed
                }
            })
        })
    }

    /// Lifts what a human can lift: a pause, and the doubt after the state was lost. A budget or a provider's limit is not
    /// lifted by asking.
    pub fn resume(&self, id: &SessionId) -> Result<Held> {
        self.change_hold(id, |session| {
            let Some(hold) = &mut session.hold else { return Ok(unchanged("it is not held")) };
            if let HoldReason::Paused | HoldReason::Rebuild = hold.reason {
                session.hold = None;
                return Ok(Held::Changed);
            }
            let besides = if hold.paused_at.take().is_some() { "; it is not paused any more" } else { "" };
            Ok(unchanged(&format!("{}, which no `ao resume` lifts{besides}", shown(hold.reason))))
        })
    }

    fn change_hold(&self, id: &SessionId, edit: impl FnOnce(&mut Session) -> Result<Held>) -> Result<Held> {
        let mut held = Ok(unchanged("nothing was asked for"));
        self.change(id, |session| held = edit(session))?;
        held
    }
}

/// Whether nothing more is decided about a session anyhow.
fn is_over(session: &Session) -> bool {
    session.end.is_some() || session.failure.is_some()
}

fn unchanged(why: &str) -> Held {
    Held::Unchanged { why: why.to_owned() }
}

fn shown(reason: HoldReason) -> &'static str {
    match reason {
        HoldReason::Paused => "it is paused",
        HoldReason::Budget => "its budget is used up",
        HoldReason::RateLimit => "its provider's limit has to pass",
        HoldReason::Rebuild => "it was found again after the state was lost",
        _ => "for a reason that this version does not know",
    }
}
