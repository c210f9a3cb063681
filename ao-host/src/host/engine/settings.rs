//! What the configurations in force say of sessions that live already. It is written into their facts, so that whoever
//! derives a status, with a host or without one, derives the same.

use std::collections::BTreeMap;

use ao_core::Result;
use ao_core::model::facts::Session;

use super::super::HostContext;
use super::Engine;
use super::crews::Crews;
use crate::store::Fence;

impl Engine {
    /// Writes down what is configured of the living sessions, where that is not what is written down.
    pub(super) fn apply_settings(&mut self) -> Result<()> {
        let mut wanted = BTreeMap::new();
        for session in self.live.values() {
            let Some(stuck_after) = self.crews.stuck_after(&self.context, session) else { continue };
            if stuck_after != session.stuck_after_ms {
                wanted.insert(session.id.clone(), stuck_after);
            }
        }
        if wanted.is_empty() {
            return Ok(());
        }
        let ids: Vec<_> = wanted.keys().cloned().collect();
        self.context.sessions.store.change_many(Fence::Epoch(self.epoch), &ids, &mut |session| {
            if let Some(stuck_after) = wanted.get(&session.id) {
                session.stuck_after_ms = *stuck_after;
            }
            Vec::new()
        })?;
        self.read_store()
    }
}

impl Crews {
    /// The threshold of a session's project, in milliseconds, or none where the default counts. Where the configuration
    /// cannot be used, is not trusted, or has the project no more, there is nothing to go by: what was, stays.
    fn stuck_after(&mut self, context: &HostContext, session: &Session) -> Option<Option<u64>> {
        let setup = self.setup(context, session.config_file.as_ref()).ok()?;
        setup.require_trust().ok()?;
        setup.loaded.config.project(&session.project).ok().map(ao_core::config::Project::stuck_after_ms)
    }
}
