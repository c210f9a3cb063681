//! The one door: `export_plugin!` submits a registration, and both a host that links the plugin in and the root of a
//! loaded library read it from here.

use async_trait::async_trait;
use serde_json::Value;

use super::ComponentManifest;
use crate::model::{InvalidName, PluginName};
use crate::slots::{Instance, Slot};
use crate::{Error, Result};

/// What an instance may ask of its host.
#[async_trait]
pub trait Host: Send + Sync + 'static {
    /// Whether a log line of this level (1 error to 5 trace) would be kept.
    fn log_enabled(&self, level: u8, target: &str) -> bool;

    /// Hands over a log line that belongs to a call (0: to none). Never blocks.
    fn log(&self, call: u64, level: u8, target: &str, message: &str);

    /// Calls a method of the host with JSON. Polled on whichever thread asks, also a library's: what it does needs no
    /// runtime of its own.
    async fn call(&self, method: &str, payload: Vec<u8>) -> Result<Vec<u8>>;
}

/// A host that keeps nothing and answers nothing, for tests.
#[derive(Debug)]
pub struct NoHost;

#[async_trait]
impl Host for NoHost {
    fn log_enabled(&self, _level: u8, _target: &str) -> bool {
        false
    }

    fn log(&self, _call: u64, _level: u8, _target: &str, _message: &str) {}

    async fn call(&self, method: &str, _payload: Vec<u8>) -> Result<Vec<u8>> {
        Err(Error::unsupported(format!("this host does not answer `{method}`")))
    }
}

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
    /// The JSON Schema of its configuration.
    pub config_schema: fn() -> Value,
    /// Makes an instance from its configuration. No I/O.
    pub create: fn(Value) -> Result<Instance>,
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
        Ok(component)
    }
}
