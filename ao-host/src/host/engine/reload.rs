//! Configurations that are read again while the host runs: when they have changed, and when somebody asks.

use std::collections::BTreeSet;

use ao_core::Result;
use ao_core::model::event::{ConfigRejected, ConfigReloaded, EventData};
use camino::Utf8PathBuf;

use super::super::Told;
use super::Engine;
use super::crews::Reloaded;
use crate::store::Fence;

impl Engine {
    /// Reads every configuration again, changed or not.
    pub(super) fn reload_all(&mut self, told: &mut dyn FnMut(Told)) -> Result<()> {
        self.crews.forget_rejections();
        for file in self.crews.files() {
            self.reload(&file, told)?;
        }
        self.resync()
    }

    /// The configuration files that have changed, once nobody has written to them for a moment.
    pub(super) fn take_settled(&mut self) -> BTreeSet<Utf8PathBuf> {
        let now = self.elapsed();
        let is_time = self.config_at.take_if(|at| *at <= now).is_some();
        if is_time { self.crews.changed() } else { BTreeSet::new() }
    }

    /// Reads a configuration again, and tells what became of it.
    pub(super) fn reload(&mut self, file: &Utf8PathBuf, told: &mut dyn FnMut(Told)) -> Result<()> {
        let data = match self.crews.reload(&self.context, file) {
            Reloaded::Used => EventData::HostConfigReloaded(ConfigReloaded::new(file.as_str())),
            Reloaded::StillRejected => return Ok(()),
            Reloaded::Rejected(problem) => EventData::HostConfigRejected(ConfigRejected::new(file.as_str(), problem)),
        };
        let event = self.context.sessions.world.event(None, data);
        self.context.sessions.store.append(Fence::Epoch(self.epoch), std::slice::from_ref(&event))?;
        told(Told::Event(event));
        self.listeners.close();
        self.book.forget_conditions();
        self.pulls.forget_instances();
        self.unavailable.clear();
        self.checking.ask(self.elapsed());
        self.budgeting.ask(self.elapsed());
        self.telling.ask_anew(self.elapsed());
        self.apply_settings()
    }
}
