//! `ao agent list`: every agent that a session can be given, and whether its program is there and usable.

use std::collections::BTreeSet;
use std::process::ExitCode;

use ao_core::config::{Config, Secrets, SlotConfig};
use ao_core::slots::agent::{AgentAvailability, AvailabilityState, DetectAgent};
use ao_core::slots::{Instance, Slot};
use ao_host::setup::Setup;
use futures_util::future::join_all;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use crate::commands::config::slots;
use crate::edge::{Edge, block_on};
use crate::failure::{Failure, Outcome};
use crate::output::{self, Page};
use crate::view::{Format, View};

/// List the agents that sessions can be given, and whether each is installed and usable
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    format: Format,
}

/// The agents that there are.
#[derive(Serialize, JsonSchema)]
pub(crate) struct AgentList {
    /// Those of the configuration first.
    agents: Vec<Row>,
    /// Configuration files that are not trusted: their agents are not looked at.
    untrusted: Vec<String>,
}

/// One agent.
#[derive(Serialize, JsonSchema)]
struct Row {
    /// Its name, as `ao spawn --agent` takes it.
    name: String,
    /// The plugin.
    plugin: String,
    /// The projects whose agent it is.
    projects: Vec<String>,
    /// Whether it can be used.
    state: AvailabilityState,
    /// The program's version.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    /// In a sentence, with what to do where it cannot be used.
    message: String,
}

impl Arguments {
    pub(super) fn run(self, edge: &Edge) -> Outcome {
        let setup = edge.setup_of(edge.config_files_if_any())?;
        let list = AgentList::of(&setup)?;
        if !self.format.is_json() {
            for path in &list.untrusted {
                output::warning(format_args!("`{path}` is not trusted: its agents are not looked at"));
            }
        }
        self.format.show(&list)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// The names of the agents that can be used as they are.
pub(crate) fn usable(setup: &Setup) -> Result<Vec<String>, Failure> {
    let agents = AgentList::of(setup)?.agents.into_iter();
    Ok(agents.filter(|row| row.state == AvailabilityState::Usable).map(|row| row.name).collect())
}

/// An agent to look at.
struct Candidate {
    name: String,
    plugin: String,
    projects: Vec<String>,
    instance: Result<Instance, Failure>,
}

impl AgentList {
    fn of(setup: &Setup) -> Result<Self, Failure> {
        let mut seen = BTreeSet::new();
        let mut agents = configured(setup, &mut seen);
        agents.extend(unconfigured(setup, &mut seen));
        let agents = block_on(join_all(agents.into_iter().map(Row::of)))?;
        Ok(Self { agents, untrusted: setup.loaded.untrusted.iter().map(ToString::to_string).collect() })
    }
}

/// The agents that the configuration names, each once. Of an untrusted one, none.
fn configured(setup: &Setup, seen: &mut BTreeSet<String>) -> Vec<Candidate> {
    if !setup.loaded.untrusted.is_empty() {
        return Vec::new();
    }
    let config = &setup.loaded.config;
    let agents = slots(config).filter(|(slot, _)| *slot == Slot::Agent).map(|(_, wanted)| wanted);
    let mut found: Vec<Candidate> = Vec::new();
    for wanted in agents {
        let (name, plugin) = (wanted.name().to_string(), wanted.plugin.to_string());
        // What a project lays over an agent's settings is still that agent.
        if found.iter().any(|known| known.name == name) {
            continue;
        }
        seen.insert(plugin.clone());
        let instance = setup.instance(Slot::Agent, wanted).map(|(_, made)| made).map_err(Failure::from);
        found.push(Candidate { projects: projects(config, wanted), name, plugin, instance });
    }
    found
}

fn projects(config: &Config, wanted: &SlotConfig) -> Vec<String> {
    let uses = |project: &&ao_core::config::Project| {
        config.agent(&project.name, None).is_ok_and(|agent| agent.name() == wanted.name())
    };
    config.projects().filter(uses).map(|project| project.name.to_string()).collect()
}

/// The agents of plugins that need no settings.
fn unconfigured(setup: &Setup, seen: &mut BTreeSet<String>) -> Vec<Candidate> {
    let entries = setup.registry.entries().filter(|entry| {
        let required = entry.component.config_schema.get("required").and_then(serde_json::Value::as_array);
        entry.component.slot == Slot::Agent
            && required.is_none_or(Vec::is_empty)
            && seen.insert(entry.component.name.to_string())
    });
    let candidates = entries.map(|entry| {
        let name = &entry.component.name;
        let instance = setup.registry.instance(Slot::Agent, name, &json!({}), &Secrets::default());
        let (name, instance) = (name.to_string(), instance.map_err(Failure::from));
        Candidate { plugin: name.clone(), name, projects: Vec::new(), instance }
    });
    candidates.collect()
}

impl Row {
    async fn of(candidate: Candidate) -> Self {
        let Candidate { name, plugin, projects, instance } = candidate;
        let unknown = |message: String| AgentAvailability::new(AvailabilityState::Unknown, message);
        let found = match instance {
            Ok(Instance::Agent(agent)) => match agent.detect(DetectAgent::new()).await {
                Ok(found) => found,
                Err(error) => unknown(format!("it could not look: {error}")),
            },
            Ok(_) => unknown("its plugin is no agent".to_owned()),
            Err(failure) => unknown(failure.message().clone()),
        };
        let AgentAvailability { state, message, version, .. } = found;
        Self { name, plugin, projects, state, version, message }
    }
}

const fn word(state: AvailabilityState) -> &'static str {
    match state {
        AvailabilityState::Usable => "usable",
        AvailabilityState::Missing => "missing",
        AvailabilityState::TooOld => "too old",
        AvailabilityState::LoggedOut => "logged out",
        _ => "unknown",
    }
}

impl View for AgentList {
    fn write(&self, page: &mut Page) {
        if self.agents.is_empty() {
            return page.line("there are no agents");
        }
        let row = |row: &Row| {
            let version = row.version.clone().unwrap_or_default();
            let projects = row.projects.join(", ");
            [row.name.clone(), row.plugin.clone(), word(row.state).to_owned(), version, projects, row.message.clone()]
        };
        let rows: Vec<_> = self.agents.iter().map(row).collect();
        page.table(["NAME", "PLUGIN", "STATE", "VERSION", "PROJECTS", "SAYS"], &rows);
    }
}
