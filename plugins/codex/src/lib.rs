//! The agent `codex`: `OpenAI`'s Codex, in its terminal.
//!
//! ```yaml
//! agents:
//!   codex:
//!     plugin: codex
//!     model: gpt-6-sol
//!     permissions: auto-edit
//! ```
//!
//! It is launched by an argument vector, without the background server that would outlive it, and with overrides in the place
//! of changes to the user's files. What it is doing is read from its own record of the conversation (the rollout), told
//! sooner by its hooks, and completed by its screen, which alone shows dialogs. `docs/agents/codex.md` has the whole list.

mod answer;
mod config;
mod cursor;
mod doctor;
mod git;
mod home;
mod hooks;
mod launch;
mod message;
mod migrations;
mod observe;
mod overrides;
mod program;
pub mod rollout;
pub mod screen;

use ao_plugin_sdk::prelude::*;

pub use config::Config;

use config::Settings;
use cursor::Cursor;
use screen::Screen;

/// `OpenAI`'s Codex.
#[derive(Debug)]
pub struct Codex {
    settings: Settings,
}

impl Plugin for Codex {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        Ok(Self { settings: config.check()? })
    }
}

#[async_trait]
impl Agent for Codex {
    async fn detect(&self, request: DetectAgent) -> Result<AgentAvailability> {
        Ok(doctor::detect(&self.settings.shared, request.cwd.as_deref()).await)
    }

    async fn plan(&self, request: PlanLaunch) -> Result<LaunchPlan> {
        let settings = self.settings.clone();
        blocking(move || launch::plan(&settings, &request)).await
    }

    async fn observe(&self, request: ObserveAgents) -> Result<Vec<AgentObservation>> {
        let settings = self.settings.shared.clone();
        blocking(move || Ok(observe::observe(&settings, &request))).await
    }

    async fn interpret(&self, request: HookEvent) -> Result<Vec<AgentObservation>> {
        blocking(move || Ok(hooks::interpret(&request).into_iter().collect())).await
    }

    async fn deliver(&self, request: DeliverMessage) -> Result<DeliverPlan> {
        let text = message::typed(&request.text);
        Ok(DeliverPlan::Runtime { inputs: vec![Input::Text { text }, Input::Submit] })
    }

    async fn confirm(&self, request: ConfirmDelivery) -> Result<Proof> {
        blocking(move || message::find(&request.text, &Cursor::read(request.cursor.as_ref()))).await
    }

    async fn answer(&self, request: AnswerAsk) -> Result<DeliverPlan> {
        answer::answer(&request)
    }

    /// Its own key for that. A dialog would take it for an answer.
    async fn interrupt(&self, request: InterruptAgent) -> Result<DeliverPlan> {
        if request.screen.as_deref().map(screen::read).is_some_and(|seen| matches!(seen, Screen::Dialog(_))) {
            let id = &request.session;
            let message =
                format!("it shows a dialog, and does nothing until that is answered; `ao answer {id}` shows it");
            return Err(Error::conflict(message));
        }
        Ok(DeliverPlan::Runtime { inputs: vec![Input::Key { key: Key::Escape }] })
    }

    async fn doctor(&self, _request: Doctor) -> Result<Vec<Finding>> {
        Ok(doctor::doctor(&self.settings.shared).await)
    }
}

export_plugin! {
    /// `OpenAI`'s Codex.
    agent "codex" => Codex
}
