//! Starting another session: a reviewer, or a worker that follows up.

use ao_core::Result;
use ao_core::lifecycle::decide::Outcome;
use ao_core::model::PluginName;
use ao_core::slots::agent::Role;

use super::{Errand, Subject, Turn};

impl Errand {
    pub(super) async fn spawn(&mut self, _: Role, _: Option<PluginName>, _: &str, _: &Subject) -> Result<Turn> {
        Ok(Turn::Over(Outcome::Refused { why: String::new() }))
    }

    pub(super) fn find_session(&mut self) -> Result<Option<Turn>> {
        Ok(None)
    }
}
