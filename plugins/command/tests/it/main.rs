//! The plugin through its slot.

mod config;
mod conformance;
mod detect;
mod launch;
mod observe;
mod transcript;

use ao_plugin_command::CommandAgent;
use ao_plugin_sdk::prelude::*;

/// The plugin with this configuration.
fn agent(config: Value) -> Result<CommandAgent> {
    let config = serde_json::from_value(config).map_err(|error| Error::invalid_input(error.to_string()))?;
    CommandAgent::new(config)
}
