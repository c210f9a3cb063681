//! The one door: `export_plugin!` submits a registration, and both a host that links the plugin in and the root of a
//! loaded library read it from here.

use serde_json::Value;

use super::{ComponentManifest, Created, EffectClass};
use crate::model::{InvalidName, PluginName};
use crate::slots::Slot;
use crate::{Error, Result};

/// One plugin, as `export_plugin!` submits it.
#[derive(Debug)]
pub struct Registration {
    /// `CARGO_CRATE_NAME` of the library: a root lists only its own crate's plugins, not those of its dependencies.
    pub crate_name: &'static str,
    /// The library's version.
    pub crate_version: &'static str,
    /// The slot.
    pub slot: Slot,
    /// The name within the slot.
    pub name: &'static str,
    /// One line on what it is for.
    pub summary: &'static str,
    /// What becomes of a notification that is sent twice.
    pub effect: EffectClass,
    /// The JSON Schema of its configuration.
    pub config_schema: fn() -> Value,
    /// Makes an instance from its configuration. No I/O.
    pub create: fn(Value) -> Result<Created>,
}

inventory::collect!(Registration);

/// Every registration in this image.
pub fn registrations() -> impl Iterator<Item = &'static Registration> {
    inventory::iter::<Registration>.into_iter()
}

impl Registration {
    /// The plugin's part of a manifest.
    pub fn manifest(&self) -> Result<ComponentManifest> {
        let name: PluginName =
            self.name.parse().map_err(|error: InvalidName| Error::invalid_input(error.to_string()))?;
        let methods: Vec<String> = self.slot.methods().iter().map(|method| method.name.to_owned()).collect();
        let mut component = ComponentManifest::new(self.slot, name, methods, (self.config_schema)());
        self.summary.trim().clone_into(&mut component.summary);
        component.effect = self.effect;
        Ok(component)
    }
}
