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

use ao_agent_conversation::{choices, control, journal, ledger, log, printer, room, side, transcript};
use ao_plugin_sdk::agent::availability::finding;
use ao_plugin_sdk::prelude::*;

pub use config::Config;

use config::Settings;

/// How an observation came about.
const SOURCE: &str = "acp";

/// Any program that speaks the protocol.
#[derive(Debug)]
pub struct AcpAgent {
    settings: Settings,
}

impl Plugin for AcpAgent {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        Ok(Self { settings: config.check()? })
    }
}

#[async_trait]
impl Agent for AcpAgent {
    async fn detect(&self, request: DetectAgent) -> Result<AgentAvailability> {
        program::detect(&self.settings, request.cwd).await
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
        let found = program::detect(&self.settings, None).await?;
        Ok(vec![finding(self.settings.program(), &found)])
    }
}

export_plugin! {
    /// Any program that speaks the Agent Client Protocol.
    agent "acp" => AcpAgent
}
