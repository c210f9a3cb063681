//! A repository, a host that looks, and a model that answers by a script.

use std::time::Duration;

use ao_scripted_llm::{Llm, Script};
use serde_json::{Value, json};

use crate::studio::{Engine, Studio};
use crate::support::World;

/// How long the model is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// What an agent is told to run for a commit.
pub(crate) fn commit(message: &str) -> String {
    format!("git commit --quiet --allow-empty --message {message}")
}

/// A repository with an agent and its model, and a host.
pub(crate) struct Scene {
    pub(crate) studio: Studio,
    pub(crate) llm: Llm,
}

impl Scene {
    /// With an agent of this configuration, which `agent` makes with the model's address. `prepare` fills the home.
    pub(crate) fn new(
        engine: Engine,
        script: Script,
        prepare: impl FnOnce(&World),
        agent: impl FnOnce(&str) -> Value,
    ) -> Self {
        let llm = Llm::start(script).unwrap();
        // Blanks and quotes, as in a user's own paths.
        let studio = Studio::with(World::below("it's a home"), engine, "");
        prepare(&studio.world);
        let agent = format!("agents:\n  agent: {}\n", agent(&llm.url()));
        studio.write_config(&studio.config("").replace("agents:\n", &agent));
        studio.world.ao(&["start", "--detach"]).succeeds();
        Self { studio, llm }
    }

    /// What was committed in a session's worktree, the newest first.
    pub(crate) fn commits(&self, id: &str) -> Vec<String> {
        let worktree = self.studio.worktree(id);
        let log = self.studio.git(&["-C", worktree.as_str(), "log", "--format=%s"]);
        log.lines().map(str::to_owned).collect()
    }

    /// Sends a message, and says how far it got.
    pub(crate) fn send(&self, id: &str, text: &str) -> String {
        let sent = self.studio.world.ao(&["send", id, "--json", "--", text]).succeeds().json();
        sent["level"].as_str().unwrap_or_else(|| panic!("{sent}")).to_owned()
    }

    /// The agent's own id for its conversation.
    pub(crate) fn conversation(&self, id: &str) -> String {
        self.studio.show(id)["session"]["agent"]["agent_session"].as_str().expect("an id").to_owned()
    }

    /// What the session has used, by model: as the model's server counts it.
    pub(crate) fn used(&self, id: &str) -> Value {
        self.studio.show(id)["session"]["agent"]["usage"].clone()
    }

    /// What the model has said that was used for the agent's turns, as a session's facts tell it.
    pub(crate) fn served(&self) -> Value {
        let told = |(model, tokens): (&String, &ao_scripted_llm::Tokens)| {
            json!({
                "model": model,
                "input_tokens": tokens.input, "output_tokens": tokens.output,
                "cache_read_tokens": tokens.cache_read, "cache_write_tokens": tokens.cache_write,
            })
        };
        self.llm.served().iter().map(told).collect()
    }

    /// The process of a session's agent.
    pub(crate) fn agent(&self, id: &str) -> u32 {
        let child = &self.studio.show(id)["session"]["runtime"]["child"]["pid"];
        child.as_u64().and_then(|pid| u32::try_from(pid).ok()).expect("a process")
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.studio.world.ao(&["stop"]);
    }
}
