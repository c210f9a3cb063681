//! The runtime `process`: an agent without a terminal, fed through a named pipe, printing into a log file.
//!
//! For agents that read lines or work from arguments alone, and for machines without tmux. In the session's directory
//! stand `input` (the pipe) and `output.log`, beside the holder's records.

mod input;
mod output;
mod runtime;

use ao_plugin_sdk::prelude::*;

/// The name that users write.
const NAME: &str = "process";

/// The runtime's configuration: nothing is to be configured.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(crate = "ao_plugin_sdk::serde", deny_unknown_fields)]
#[schemars(crate = "ao_plugin_sdk::schemars")]
pub struct Config {}

/// The runtime.
#[derive(Debug)]
pub struct ProcessRuntime;

impl Plugin for ProcessRuntime {
    type Config = Config;

    fn new(_config: Config) -> Result<Self> {
        Ok(Self)
    }
}

export_plugin! {
    /// Runs agents as plain processes: a pipe for input, a file for output, no terminal.
    runtime "process" => ProcessRuntime
}
