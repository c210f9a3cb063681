//! When all that lives was looked at last. It is told of a look when that has ended, by the time at which it began: who
//! asks for a look waits until a time is told that is not before the question.

use std::time::Duration;

use ao_core::Result;
use ao_core::model::Timestamp;

use super::Engine;

/// A look at everything that is under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Round {
    at: Timestamp,
    /// The same, since the engine's start.
    began: Duration,
}

impl Engine {
    /// A look at everything begins.
    pub(super) fn begin_round(&mut self) {
        self.round = Some(Round { at: self.context.sessions.world.now(), began: self.elapsed() });
    }

    /// Writes down that the look has ended, if it has: what was due when it began has been asked, and every answer is
    /// written down.
    pub(super) fn end_round(&mut self) -> Result<()> {
        let Some(round) = self.round else { return Ok(()) };
        let waits = self.queue.next(|_| true).is_some_and(|due| due <= round.began);
        let answering = !self.busy.is_empty() || !self.waiting.is_empty() || !self.recovering.is_empty();
        if !waits && !answering {
            self.round = None;
            self.context.sessions.store.looked(self.epoch, round.at)?;
        }
        Ok(())
    }
}
