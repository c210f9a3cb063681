//! The agent `opencode`: OpenCode, over HTTP.
//!
//! ```yaml
//! agents:
//!   opencode:
//!     plugin: opencode
//!     permissions: auto-edit
//!     server: shared
//! ```
//!
//! What a runtime launches is [`helper`], which has a server of OpenCode's, holds the conversation and writes a journal of what
//! happens (`ao-agent-conversation`). What it decides stands in `talk`, which knows no process, no file and no connection; the
//! server's words are read in `wire`, and asked for in `http`; `server` starts and ends servers, shared ones, too.

mod config;
mod detect;
pub mod helper;
mod http;
mod launch;
mod plan;
mod rules;
mod server;
mod talk;
mod wire;

use ao_agent_conversation::side::{Conversation, Party};
use ao_plugin_sdk::prelude::*;

pub use config::{Config, Server};
pub use rules::auto_edit_and_run;

use config::Settings;

/// OpenCode.
pub type OpenCode = Conversation<Http>;

/// What is this plugin's own.
#[derive(Debug)]
pub struct Http {
    settings: Settings,
}

#[async_trait]
impl Party for Http {
    type Config = Config;

    const SOURCE: &'static str = "opencode";

    fn new(config: Config) -> Result<Self> {
        Ok(Self { settings: config.check()? })
    }

    fn program(&self) -> &str {
        &self.settings.shared.binary
    }

    async fn detect(&self, cwd: Option<Utf8PathBuf>) -> Result<AgentAvailability> {
        detect::detect(&self.settings, cwd).await
    }

    fn plan(&self, request: &PlanLaunch) -> Result<LaunchPlan> {
        plan::plan(&self.settings, request)
    }
}

export_plugin! {
    /// OpenCode, over HTTP.
    agent "opencode" => OpenCode
}
