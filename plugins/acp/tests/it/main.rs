//! The plugin and its helper, with real processes and sockets, against an agent that does what its prompts say.

mod conformance;
mod plan;
mod questions;
mod stage;
mod survival;
mod turns;

use ao_plugin_acp::AcpAgent;
use ao_plugin_sdk::prelude::*;

/// What stands in for `ao` and for the agent.
const PROGRAM: &str = env!("CARGO_BIN_EXE_ao-acp-test-program");

/// The plugin with this configuration.
fn agent(config: Value) -> Result<AcpAgent> {
    let config = serde_json::from_value(config).map_err(|error| Error::invalid_input(error.to_string()))?;
    AcpAgent::new(config)
}
