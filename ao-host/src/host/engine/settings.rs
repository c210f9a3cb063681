//! What the configurations in force say of sessions that live already. It is written into their facts, so that whoever
//! derives a status, with a host or without one, derives the same.

use std::collections::BTreeMap;

use ao_core::Result;
use ao_core::model::facts::Session;

use super::super::HostContext;
use super::Engine;
use super::crews::Crews;
use crate::store::Fence;

/// What a configuration says of a session.
struct Configured {
    /// As in [`Session::stuck_after_ms`].
    stuck_after_ms: Option<u64>,
}

impl Engine {
    /// Writes down what is configured of the living sessions, where that is not what is written down.
    pub(super) fn apply_settings(&mut self) -> Result<()> {
        let mut wanted = BTreeMap::new();
        for session in self.live.values() {
            let Some(said) = self.crews.configured(&self.context, session) else { continue };
            if said.stuck_after_ms != session.stuck_after_ms {
                wanted.insert(session.id.clone(), said);
            }
        }
        if wanted.is_empty() {
            return Ok(());
        }
        let ids: Vec<_> = wanted.keys().cloned().collect();
        self.context.sessions.store.change_many(Fence::Epoch(self.epoch), &ids, &mut |session| {
            if let Some(said) = wanted.get(&session.id) {
                session.stuck_after_ms = said.stuck_after_ms;
            }
            Vec::new()
        })?;
        self.read_store()
    }
}

impl Crews {
    /// What is said of a session's project. Where the configuration cannot be used, is not trusted, or has the project no
    /// more, there is nothing to go by: what was, stays.
    fn configured(&mut self, context: &HostContext, session: &Session) -> Option<Configured> {
        let setup = self.setup(context, session.config_file.as_ref()).ok()?;
        setup.require_trust().ok()?;
        let project = setup.loaded.config.project(&session.project).ok()?;
        Some(Configured { stuck_after_ms: project.stuck_after_ms() })
    }
}
