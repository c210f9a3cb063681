//! The runtime `pty`: each agent in a terminal of its own, which its holder owns, so that it needs no tmux and survives the
//! host and every command.
//!
//! The holder answers at a socket (`connection`): what the screen shows, pastes, viewers, wake-ups. What the agent printed is
//! in files that outlive the holder (`output`). Whether an agent lives is read off the holder's records, as everywhere.

mod connection;
mod observe;
mod output;
mod place;
mod runtime;
mod viewer;
mod watch;

use ao_plugin_sdk::core::model::process::{default_log_bytes, default_scrollback};
use ao_plugin_sdk::prelude::*;

/// The name that users write.
const NAME: &str = "pty";

/// The runtime's configuration.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(crate = "ao_plugin_sdk::serde", deny_unknown_fields, rename_all = "camelCase")]
#[schemars(crate = "ao_plugin_sdk::schemars")]
pub struct Config {
    /// How many lines that left an agent's screen are kept in memory.
    #[serde(default = "default_scrollback")]
    scrollback_lines: u32,
    /// How many bytes of an agent's output are kept on the disk at most.
    #[serde(default = "default_log_bytes")]
    log_bytes: u64,
}

/// The runtime.
#[derive(Debug)]
pub struct PtyRuntime {
    config: Config,
}

impl Plugin for PtyRuntime {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        Ok(Self { config })
    }
}

export_plugin! {
    /// Runs each agent in a terminal of its own, without tmux.
    runtime "pty" => PtyRuntime
}
