//! The end of a host's term: by itself, or because another has begun.

use ao_core::model::event::{EventData, HostFenced, HostStopped};
use ao_core::{Error, Result};

use super::Engine;
use crate::store::Fence;

impl Engine {
    /// What to say where another host has taken this one's place.
    pub(super) fn fenced(&self) -> Option<Error> {
        let sessions = &self.context.sessions;
        let found = sessions.store.host().ok()??.epoch;
        if found == self.epoch {
            return None;
        }
        let event = sessions.world.event(None, EventData::HostFenced(HostFenced::new(self.epoch, found)));
        // It is news for readers only: what counts is that nothing else is written.
        let _ = sessions.store.append(Fence::None, &[event]);
        Some(Error::conflict("another host has taken the place of this one, which ends; `ao status` names it"))
    }

    /// Writes down that it stops by itself.
    pub(super) fn stop(&self, reason: &str) -> Result<()> {
        let mut data = HostStopped::new(self.epoch);
        data.reason = Some(reason.to_owned());
        let world = &self.context.sessions.world;
        let event = world.event(None, EventData::HostStopped(data));
        self.context.sessions.store.stopped(self.epoch, world.now(), &[event])?;
        Ok(())
    }
}
