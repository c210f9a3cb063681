//! The session that drives `ao` in a project: with which agent, and what it is told.

use schemars::JsonSchema;
use serde::Deserialize;

use super::diagnostic::Diagnostics;
use super::merge::slot_map;
use super::node::Node;
use super::slot::{Agents, SlotConfig};
use crate::model::PluginName;

/// The longest rules, in characters: they are read with every launch, beside the manual.
pub(crate) const LONGEST_RULES: u32 = 8000;

/// An orchestrator, as it is written.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Orchestrator")]
#[expect(dead_code, reason = "agents are read from the tree, where their settings have positions")]
pub(crate) struct Written {
    /// Which agent drives `ao`: a name under `agents`, or a plugin. The one that works here unless set.
    #[schemars(with = "Option<String>", extend("format" = "ao-plugin"))]
    agent: Option<PluginName>,
}

/// The session that drives `ao` in a project.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Orchestrator {
    /// Its agent; `None` where it is the one that works in the project.
    pub agent: Option<SlotConfig>,
    /// What it is told besides how to use `ao`.
    pub rules: Option<String>,
}

impl Orchestrator {
    /// Of a project in the tree. The project's `agentConfig` is laid over its agent's settings, as over any other's.
    pub(crate) fn resolve(project: &Node, rules: Option<&String>, agents: &Agents<'_>) -> Result<Self, Diagnostics> {
        let named = project.get("orchestrator").and_then(|written| written.get("agent"));
        let agent = named.map(|name| agents.resolve(&slot_map(name), project.get("agentConfig"))).transpose()?;
        let rules = rules.map(|text| text.trim()).filter(|text| !text.is_empty()).map(str::to_owned);
        Ok(Self { agent, rules })
    }

    /// The name of its agent, where it has one of its own.
    #[must_use]
    pub fn agent_name(&self) -> Option<&PluginName> {
        self.agent.as_ref().map(SlotConfig::name)
    }
}
