//! The agent `claude-code`: Claude Code in a terminal.
//!
//! ```yaml
//! agents:
//!   claude:
//!     plugin: claude-code
//!     model: opus
//!     permissions: auto-edit
//! ```
//!
//! What it is doing is told by its hooks, by the transcript that it writes and by its own session file, and only then by its
//! screen. No file of the user's is changed: the hooks stand in a settings file of the launch's own, which Claude Code puts
//! beside the user's.

mod answer;
mod availability;
mod config;
mod confirm;
mod cursor;
mod deliver;
mod evidence;
mod files;
mod hooks;
mod launch;
mod observe;
mod screen;
mod session_file;
mod transcript;

use std::collections::BTreeMap;

use ao_plugin_sdk::prelude::*;

pub use ao_plugin_sdk::agent::settings::Config;

use ao_plugin_sdk::agent::settings::Settings;
use screen::Screen;

/// Claude Code.
#[derive(Debug)]
pub struct ClaudeCode {
    settings: Settings,
}

impl Plugin for ClaudeCode {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        Ok(Self { settings: config::check(config)? })
    }
}

#[async_trait]
impl Agent for ClaudeCode {
    async fn detect(&self, request: DetectAgent) -> Result<AgentAvailability> {
        Ok(availability::detect(&self.settings, request.cwd.as_deref()).await)
    }

    async fn plan(&self, request: PlanLaunch) -> Result<LaunchPlan> {
        let settings = self.settings.clone();
        blocking(move || launch::plan(&settings, &request, launch::User::of_this_process())).await
    }

    async fn observe(&self, request: ObserveAgents) -> Result<Vec<AgentObservation>> {
        blocking(move || {
            let mut files = BTreeMap::new();
            let mut look = |target: &AgentTarget| observe::look(target, request.now, &mut files);
            Ok(request.targets.iter().map(&mut look).collect())
        })
        .await
    }

    async fn interpret(&self, request: HookEvent) -> Result<Vec<AgentObservation>> {
        blocking(move || Ok(hooks::interpret(&request).into_iter().collect())).await
    }

    async fn deliver(&self, request: DeliverMessage) -> Result<DeliverPlan> {
        Ok(DeliverPlan::Runtime { inputs: vec![Input::Text { text: deliver::as_data(&request.text) }, Input::Submit] })
    }

    async fn confirm(&self, request: ConfirmDelivery) -> Result<Proof> {
        blocking(move || confirm::find(&request.text, request.cursor.as_ref())).await
    }

    async fn answer(&self, request: AnswerAsk) -> Result<DeliverPlan> {
        answer::answer(&request)
    }

    /// Its own key for that. A dialog would take it for an answer, and the one about trust for the end of the program.
    async fn interrupt(&self, request: InterruptAgent) -> Result<DeliverPlan> {
        if request.screen.as_deref().map(Screen::read).is_some_and(|screen| screen.dialog.is_some()) {
            let id = &request.session;
            let message =
                format!("it shows a dialog, and does nothing until that is answered; `ao answer {id}` shows it");
            return Err(Error::conflict(message));
        }
        Ok(DeliverPlan::Runtime { inputs: vec![Input::Key { key: Key::Escape }] })
    }

    async fn doctor(&self, _request: Doctor) -> Result<Vec<Finding>> {
        Ok(availability::doctor(&self.settings, launch::User::of_this_process()).await)
    }
}

export_plugin! {
    /// Claude Code in a terminal.
    agent "claude-code" => ClaudeCode
}
