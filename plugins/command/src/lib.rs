//! The agent `command`: any program, by a template of its arguments.
//!
//! ```yaml
//! agents:
//!   fixer:
//!     plugin: command
//!     argv: [./fix.py, --session, "{session}", --file, "{prompt_file}"]
//!     env: { LANG: C }
//! ```
//!
//! Each element of `argv` is one argument, whatever its placeholders stand for: nothing is split, and no shell is
//! involved. A program that could take a prompt for an option wants a `--` before `{prompt}`.
//!
//! A program with a composer and a record of its own takes messages most surely when both are described:
//!
//! ```yaml
//!     draft: '^> ?(.*)'
//!     ask: 'Proceed\?.*'
//!     answers: { allow_once: "y\n", reject_once: "n\n" }
//!     transcript: { path: "{directory}/transcript.jsonl", text: /text }
//! ```
//!
//! What the agent is doing is read from what it prints; the rule stands in [`observe`].

mod answer;
mod composer;
mod config;
mod launch;
pub mod observe;
mod program;
mod template;
mod transcript;

use ao_plugin_sdk::agent::availability::finding;
use ao_plugin_sdk::prelude::*;

pub use config::{Config, PromptMode, Transcript};

use config::Settings;

/// Any program as an agent.
#[derive(Debug)]
pub struct CommandAgent {
    settings: Settings,
}

impl Plugin for CommandAgent {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        Ok(Self { settings: config.check()? })
    }
}

#[async_trait]
impl Agent for CommandAgent {
    async fn detect(&self, request: DetectAgent) -> Result<AgentAvailability> {
        self.available(request.cwd).await
    }

    async fn plan(&self, request: PlanLaunch) -> Result<LaunchPlan> {
        launch::plan(&self.settings, &request)
    }

    async fn observe(&self, request: ObserveAgents) -> Result<Vec<AgentObservation>> {
        let patterns = &self.settings.patterns;
        let seen = request.targets.iter().map(|target| observe::observe(target, patterns, request.now));
        let mut seen: Vec<_> = seen.collect();
        let Some(record) = self.settings.record.clone() else { return Ok(seen) };
        blocking(move || {
            request.targets.iter().zip(&mut seen).for_each(|(target, seen)| record.mark(target, seen));
            Ok(seen)
        })
        .await
    }

    async fn confirm(&self, request: ConfirmDelivery) -> Result<Proof> {
        let Some(record) = self.settings.record.clone() else { return Ok(Proof::Unknown) };
        blocking(move || Ok(record.find(&request.text, request.cursor.as_ref()))).await
    }

    async fn answer(&self, request: AnswerAsk) -> Result<DeliverPlan> {
        observe::answer(&self.settings.patterns, &request)
    }

    async fn doctor(&self, _request: Doctor) -> Result<Vec<Finding>> {
        let program = self.settings.argv.first().map(ToString::to_string);
        Ok(vec![finding(&program.unwrap_or_default(), &self.available(None).await?)])
    }
}

impl CommandAgent {
    async fn available(&self, cwd: Option<Utf8PathBuf>) -> Result<AgentAvailability> {
        let Some(program) = self.settings.argv.first().and_then(|first| first.literal()) else {
            let message = "which program it is depends on the session: `argv` begins with a placeholder";
            return Ok(AgentAvailability::new(AvailabilityState::Unknown, message));
        };
        let (program, env) = (program.to_owned(), self.settings.env.clone());
        blocking(move || Ok(program::detect(&program, &env, cwd.as_deref()))).await
    }
}

export_plugin! {
    /// Any program, by a template of its arguments.
    agent "command" => CommandAgent
}
