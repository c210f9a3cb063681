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

use ao_agent_conversation::side;
use ao_plugin_sdk::agent::availability::finding;
use ao_plugin_sdk::prelude::*;

pub use config::{Config, Server};

use config::Settings;

/// How an observation came about.
const SOURCE: &str = "opencode";

/// OpenCode.
#[derive(Debug)]
pub struct OpenCode {
    settings: Settings,
}

impl Plugin for OpenCode {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        Ok(Self { settings: config.check()? })
    }
}

#[async_trait]
impl Agent for OpenCode {
    async fn detect(&self, request: DetectAgent) -> Result<AgentAvailability> {
        detect::detect(&self.settings, request.cwd).await
    }

    async fn plan(&self, request: PlanLaunch) -> Result<LaunchPlan> {
        plan::plan(&self.settings, &request)
    }

    async fn observe(&self, request: ObserveAgents) -> Result<Vec<AgentObservation>> {
        side::observe(SOURCE, request).await
    }

    async fn interpret(&self, request: HookEvent) -> Result<Vec<AgentObservation>> {
        side::interpret(SOURCE, request).await
    }

    async fn deliver(&self, request: DeliverMessage) -> Result<DeliverPlan> {
        side::deliver(request).await
    }

    async fn confirm(&self, request: ConfirmDelivery) -> Result<Proof> {
        side::confirm(request).await
    }

    async fn answer(&self, request: AnswerAsk) -> Result<DeliverPlan> {
        side::answer(request).await
    }

    async fn interrupt(&self, request: InterruptAgent) -> Result<DeliverPlan> {
        side::interrupt(request).await
    }

    async fn doctor(&self, _request: Doctor) -> Result<Vec<Finding>> {
        let found = detect::detect(&self.settings, None).await?;
        Ok(vec![finding(&self.settings.shared.binary, &found)])
    }
}

export_plugin! {
    /// OpenCode, over HTTP.
    agent "opencode" => OpenCode
}
