//! The agents, each set up as by its user, with a model that answers by a script.

#![expect(clippy::disallowed_methods, reason = "tests ask whether they are to be thorough")]

use std::path::PathBuf;

use ao_real_agents::Agent;
use serde_json::{Value, json};

use super::model;
use crate::support::World;

/// Whether there is time for what takes long.
pub(crate) fn is_deep() -> bool {
    std::env::var("AO_DEEP").is_ok()
}

/// An agent that is tested, and where its program is.
#[derive(Clone, Debug)]
pub(crate) struct Player {
    pub(crate) agent: Agent,
    pub(crate) program: PathBuf,
}

impl Player {
    /// Where its program is installed; else that is said, and the test has nothing to do.
    pub(crate) fn new(agent: Agent, test: &str) -> Option<Self> {
        agent.or_skip(test).map(|program| Self { agent, program })
    }

    /// Fills the home. The provider's address is given with each launch, as nobody knows it yet.
    pub(crate) fn prepare(&self, world: &World) {
        let home = world.path("home");
        self.agent.settle(home.as_std_path(), "http://127.0.0.1:9").unwrap();
        if self.agent == Agent::Claude {
            let state = fs_err::read_to_string(home.join(".claude.json")).unwrap();
            let mut state: Value = serde_json::from_str(&state).unwrap();
            state["projects"] = json!({world.path("app").as_str(): {"hasTrustDialogAccepted": true}});
            world.file("home/.claude.json", state.to_string());
            let settings = json!({"permissions": {"allow": ["Bash(git commit:*)"]}});
            world.file("home/.claude/settings.json", settings.to_string());
        }
        if self.agent == Agent::Codex {
            codex_trusts(world);
        }
    }

    /// Its configuration, with a model at this address.
    pub(crate) fn config(&self, url: &str) -> Value {
        let program = &self.program;
        match self.agent {
            // By the Agent Client Protocol.
            Agent::OpenCode => {
                json!({"plugin": "acp", "argv": [program, "acp"], "env": model::variables(url, &json!({}))})
            }
            Agent::Claude | Agent::ClaudeAcp => json!({
                "plugin": "claude-code", "binary": program,
                "env": {
                    "ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": "sk-scripted",
                    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
                },
            }),
            // Codex keeps no helpers of its sandbox below the directory for temporary files, where the home is.
            Agent::Codex => json!({
                "plugin": "codex", "binary": program, "permissions": "auto-edit",
                "args": ["-c", format!("model_providers.scripted.base_url=\"{url}/v1\"")],
                "env": {"SCRIPTED_KEY": "sk-scripted", "TMPDIR": "/var/tmp"},
            }),
        }
    }
}

/// The user of Codex has trusted the repository. Its worktrees are elsewhere.
pub(crate) fn codex_trusts(world: &World) {
    let config = world.path("home/.codex/config.toml");
    let text = fs_err::read_to_string(&config).unwrap();
    let repository = world.path("app");
    world.file("home/.codex/config.toml", format!("{text}\n[projects.\"{repository}\"]\ntrust_level = \"trusted\"\n"));
}
