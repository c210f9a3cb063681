//! tmux as the runtime `tmux`, where agents live in panes of a private server, and as the terminal `tmux`, which shows
//! them in windows of the human's own.
//!
//! Whether an agent lives is never read off tmux: the holder's records say so, and survive tmux. A pane belongs to a
//! session by the options that `create` sets on it, not by its number or name, as numbers begin anew with each server.

mod check;
mod doctor;
mod environment;
mod pages;
mod panes;
mod place;
mod runtime;
mod screens;
mod server;
mod terminal;
mod watch;

use ao_plugin_sdk::prelude::*;

/// The name that users write, for both slots.
const NAME: &str = "tmux";

/// The runtime's configuration.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(crate = "ao_plugin_sdk::serde", deny_unknown_fields, rename_all = "camelCase")]
#[schemars(crate = "ao_plugin_sdk::schemars")]
pub struct Config {
    /// How many lines of an agent's output tmux keeps.
    #[serde(default = "default_history_limit")]
    history_limit: u32,
}

fn default_history_limit() -> u32 {
    50_000
}

/// The runtime.
#[derive(Debug)]
pub struct TmuxRuntime {
    config: Config,
}

impl Plugin for TmuxRuntime {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        Ok(Self { config })
    }
}

/// The terminal's configuration: nothing is to be configured.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(crate = "ao_plugin_sdk::serde", deny_unknown_fields)]
#[schemars(crate = "ao_plugin_sdk::schemars")]
pub struct TerminalConfig {}

/// The terminal.
#[derive(Debug)]
pub struct TmuxTerminal;

impl Plugin for TmuxTerminal {
    type Config = TerminalConfig;

    fn new(_config: TerminalConfig) -> Result<Self> {
        Ok(Self)
    }
}

export_plugin! {
    /// Runs each agent in a pane of a private tmux server.
    runtime "tmux" => TmuxRuntime,
    /// Shows sessions in windows of the tmux that you are in.
    terminal "tmux" => TmuxTerminal
}
