//! The agent `acp`: any program that speaks the [Agent Client Protocol](https://agentclientprotocol.com) on its standard input
//! and output.
//!
//! ```yaml
//! agents:
//!   gemini:
//!     plugin: acp
//!     argv: [gemini, --acp]
//! ```
//!
//! The connection outlives the host: what a runtime launches is [`helper`], which starts the agent, speaks with it, and writes
//! a journal of what happens. The plugin reads that, and asks the helper at its socket: all of that is `ao-agent-conversation`'s.
//! What the helper decides stands in `talk`, which knows no process and no file.

mod config;
pub mod helper;
mod launch;
mod plan;
mod policy;
mod program;
mod talk;
mod wire;

use ao_agent_conversation::side::{Conversation, Party};
use ao_agent_conversation::{choices, control, journal, ledger, log, printer, room, transcript};
use ao_plugin_sdk::prelude::*;

pub use config::Config;

use config::Settings;

/// Any program that speaks the protocol.
pub type AcpAgent = Conversation<Acp>;

/// What is this plugin's own.
#[derive(Debug)]
pub struct Acp {
    settings: Settings,
}

#[async_trait]
impl Party for Acp {
    type Config = Config;

    const SOURCE: &'static str = "acp";

    fn new(config: Config) -> Result<Self> {
        Ok(Self { settings: config.check()? })
    }

    fn program(&self) -> &str {
        self.settings.program()
    }

    async fn detect(&self, cwd: Option<Utf8PathBuf>) -> Result<AgentAvailability> {
        program::detect(&self.settings, cwd).await
    }

    fn plan(&self, request: &PlanLaunch) -> Result<LaunchPlan> {
        plan::plan(&self.settings, request)
    }
}

export_plugin! {
    /// Any program that speaks the Agent Client Protocol.
    agent "acp" => AcpAgent
}
