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
//! a journal of what happens (`journal`). The plugin reads that, and asks the helper at its socket (`control`). What the helper
//! decides stands in `talk`, which knows no process and no file.

mod config;
mod control;
pub mod helper;
mod journal;
mod launch;
mod observe;
mod plan;
mod policy;
mod program;
mod talk;
mod transcript;
mod wire;

use std::time::Duration;

use ao_plugin_sdk::prelude::*;

pub use config::Config;

use config::Settings;
use control::{Reply, Request};

/// The hook with which a helper wakes the host.
const HOOK: &str = "acp";
/// How long a helper may take to answer. It does one thing at a time, each within moments.
const ANSWER_WITHIN: Duration = Duration::from_secs(4);

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
        blocking(move || Ok(request.targets.iter().map(|target| observe::observe(target, request.now)).collect())).await
    }

    async fn interpret(&self, request: HookEvent) -> Result<Vec<AgentObservation>> {
        if request.hook != HOOK {
            return Ok(Vec::new());
        }
        blocking(move || Ok(observe::woken(&request).into_iter().collect())).await
    }

    async fn deliver(&self, request: DeliverMessage) -> Result<DeliverPlan> {
        let directory = known(request.directory)?;
        let (key, prompt) = (request.key.clone(), Request::Prompt { key: request.key, text: request.text });
        let asked = ask(directory.clone(), prompt).await;
        let reply = match asked {
            // The helper may have written it down and gone before it could say so.
            Err(error) if error.code == Code::LOST => {
                let found = blocking(move || finds(&directory, &key)).await?;
                if found { Ok(Reply::Taken) } else { Err(error) }
            }
            asked => asked,
        };
        match reply? {
            Reply::Taken => Ok(DeliverPlan::Done { level: DeliveryLevel::Acked }),
            other => Err(unexpected(other)),
        }
    }

    async fn confirm(&self, request: ConfirmDelivery) -> Result<Proof> {
        let Some(directory) = request.directory else { return Ok(Proof::Unknown) };
        let key = request.key;
        blocking(move || {
            let found = finds(&directory, &key)?;
            let reference = format!("{}#{key}", journal::journal_of(&directory));
            Ok(if found { Proof::Found { reference } } else { Proof::Absent })
        })
        .await
    }

    async fn answer(&self, request: AnswerAsk) -> Result<DeliverPlan> {
        let directory = known(request.directory)?;
        let answer = Request::Answer { key: request.key, ask: request.ask, answer: request.answer };
        match ask(directory, answer).await? {
            Reply::Answered { .. } => Ok(DeliverPlan::Done { level: DeliveryLevel::Acked }),
            other => Err(unexpected(other)),
        }
    }

    async fn interrupt(&self, request: InterruptAgent) -> Result<DeliverPlan> {
        match ask(known(request.directory)?, Request::Cancel { key: request.key }).await? {
            Reply::Cancelled => Ok(DeliverPlan::Done { level: DeliveryLevel::Acked }),
            Reply::NoTurn => Ok(DeliverPlan::Done { level: DeliveryLevel::Withdrawn }),
            other => Err(unexpected(other)),
        }
    }

    async fn doctor(&self, _request: Doctor) -> Result<Vec<Finding>> {
        let found = program::detect(&self.settings, None).await?;
        let level = match found.state {
            AvailabilityState::Usable => FindingLevel::Ok,
            AvailabilityState::Missing => FindingLevel::Fail,
            _ => FindingLevel::Warn,
        };
        Ok(vec![Finding::new(level, self.settings.program(), found.message)])
    }
}

fn known(directory: Option<Utf8PathBuf>) -> Result<Utf8PathBuf> {
    directory.ok_or_else(|| Error::unsupported("this host does not say which launch it means; use a newer `ao`"))
}

async fn ask(directory: Utf8PathBuf, request: Request) -> Result<Reply> {
    let left = deadline().map_or(ANSWER_WITHIN, |left| left.mul_f32(0.8).min(ANSWER_WITHIN));
    blocking(move || control::ask(&directory, &request, left)).await
}

fn finds(directory: &Utf8Path, key: &str) -> Result<bool> {
    journal::finds(directory, key)
        .map_err(|error| Error::wrap(Code::UNAVAILABLE, format!("cannot read the journal of `{directory}`"), &error))
}

fn unexpected(reply: Reply) -> Error {
    match reply {
        Reply::Refused { code, message } => Error::new(code, message),
        other => Error::new(Code::PROTOCOL, format!("the agent's helper answers something else: {other:?}")),
    }
}

export_plugin! {
    /// Any program that speaks the Agent Client Protocol.
    agent "acp" => AcpAgent
}
