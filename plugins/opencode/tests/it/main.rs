//! The plugin, without a real OpenCode: its contract, its plans, what it finds.

mod conformance;
mod plan;

use ao_plugin_opencode::OpenCode;
use ao_plugin_sdk::prelude::*;

/// The plugin with this configuration.
fn agent(config: Value) -> Result<OpenCode> {
    let config = serde_json::from_value(config).map_err(|error| Error::invalid_input(error.to_string()))?;
    OpenCode::new(config)
}
