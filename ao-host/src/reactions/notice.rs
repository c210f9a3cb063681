//! Telling a human.

use ao_core::Result;
use ao_core::lifecycle::decide::Outcome;
use ao_core::slots::notifier::Priority;

use super::{Errand, Subject, Turn};

impl Errand {
    pub(super) fn tell(&mut self, _: Priority, _: &str, _: &Subject) -> Result<Turn> {
        Ok(Turn::Over(Outcome::Done))
    }

    pub(super) fn find_notice(&mut self) -> Result<Option<Turn>> {
        Ok(None)
    }
}
