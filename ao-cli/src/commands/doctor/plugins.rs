//! What plugins say of what they need: each that is configured, and each that is linked in.

use std::collections::BTreeSet;

use ao_core::config::{Choice, Config, Project, Secrets, SlotConfig};
use ao_core::slots::agent::{AgentAvailability, AvailabilityState, DetectAgent};
use ao_core::slots::common::{Doctor, Finding, Owner};
use ao_core::slots::{Instance, Slot};
use ao_core::{Error, Result};
use ao_host::registry::{Condition, ConditionState, Origin};
use ao_host::setup::Setup;
use serde_json::{Value, json};

use super::{Check, Level, host};
use crate::commands::config::slots;
use crate::edge::{Edge, block_on};
use crate::failure::Failure;
use crate::manager;

/// The configuration's checks, then those of the plugins that it names or that are linked in.
pub(super) fn checks(edge: &Edge) -> Result<Vec<Check>, Failure> {
    let (setup, mut checks) = host::configuration(edge);
    // Without a usable configuration there are still the plugins that are part of this program.
    let setup = match setup {
        Some(setup) => setup,
        None => edge.setup_of(ao_host::setup::ConfigFiles::default())?,
    };
    let owner = edge.places.owner();
    let mut seen = BTreeSet::new();
    let plugins = configured(&setup, &mut seen).into_iter().chain(linked_in(&setup, &mut seen));
    for Plugin { by, need, instance, repositories } in plugins {
        let found = match instance {
            Ok(instance) => block_on(examine(&by, &instance, &owner, repositories))?,
            Err(failure) => vec![Check::of_failure(&by, "settings", &failure)],
        };
        checks.extend(found.into_iter().map(|check| need.judge(check)));
    }
    checks.extend(resting(edge));
    Ok(checks)
}

/// Plugins that are not called as usual.
fn resting(edge: &Edge) -> Vec<Check> {
    let conditions = match manager::plugin_conditions(edge) {
        Ok(conditions) => conditions,
        Err(failure) => {
            let message = format!("what is written down of plugins cannot be read: {}", failure.message());
            return vec![Check::new(host::BY, Level::Warn, "calls", message)];
        }
    };
    let check = |condition: Condition| {
        let message = condition.complaint()?;
        let level = if condition.state == ConditionState::HalfOpen { Level::Warn } else { Level::Fail };
        Some(Check::new(&format!("{}/{}", condition.slot, condition.name), level, "calls", message))
    };
    conditions.into_iter().filter_map(check).collect()
}

/// A plugin to ask.
struct Plugin {
    /// Slot and name.
    by: String,
    need: Need,
    instance: Result<Instance, Failure>,
    /// Where it is to look.
    repositories: Vec<String>,
}

/// What it means that a plugin does not work.
#[derive(Clone, Copy)]
enum Need {
    /// The configuration counts on it.
    Required,
    /// Nobody asked for it, or another one stands in for it.
    Spare,
}

impl Need {
    fn judge(self, check: Check) -> Check {
        match (self, check.level) {
            (Self::Spare, Level::Fail) => Check { level: Level::Warn, ..check },
            _ => check,
        }
    }

    /// Where nobody chose a runtime, `pty` stands in for tmux; nothing does for a workspace.
    fn of(slot: Slot, choice: Choice) -> Self {
        match (slot, choice) {
            (Slot::Runtime, Choice::BuiltIn) => Self::Spare,
            _ => Self::Required,
        }
    }
}

/// The instances that the configuration asks for, each once. Of an untrusted one, none.
fn configured(setup: &Setup, seen: &mut BTreeSet<(Slot, String)>) -> Vec<Plugin> {
    if !setup.loaded.untrusted.is_empty() {
        return Vec::new();
    }
    let mut made = Vec::new();
    let mut shown = BTreeSet::new();
    for (slot, wanted) in slots(&setup.loaded.config) {
        let known = setup.registry.entry(slot, &wanted.plugin).is_ok();
        seen.insert((slot, wanted.plugin.to_string()));
        let is_new = shown.insert((slot, wanted.plugin.to_string(), wanted.to_json().to_string()));
        if is_new && (known || wanted.choice == Choice::Configured) {
            let instance = setup.instance(slot, wanted).map(|(_, made)| made).map_err(Failure::from);
            let (need, repositories) =
                (Need::of(slot, wanted.choice), repositories(&setup.loaded.config, slot, wanted));
            made.push(Plugin { by: label(slot, wanted), need, instance, repositories });
        }
    }
    made
}

/// The repositories of the projects that have these settings for a slot of the forge.
fn repositories(config: &Config, slot: Slot, wanted: &SlotConfig) -> Vec<String> {
    let uses = |project: &&Project| {
        let settings = match slot {
            Slot::Tracker => project.tracker.as_ref(),
            Slot::Scm => project.scm.as_ref(),
            _ => None,
        };
        settings.is_some_and(|settings| settings.plugin == wanted.plugin && settings.to_json() == wanted.to_json())
    };
    config.projects().filter(uses).map(Project::repository).collect()
}

fn label(slot: Slot, wanted: &SlotConfig) -> String {
    format!("{slot}/{}", wanted.name())
}

/// The linked-in plugins that nobody has configured and that need no settings. Nobody is told by a notifier that is not
/// configured: none stands in for another.
fn linked_in(setup: &Setup, seen: &mut BTreeSet<(Slot, String)>) -> Vec<Plugin> {
    let entries = setup.registry.entries().filter(|entry| {
        let is_new = seen.insert((entry.component.slot, entry.component.name.to_string()));
        is_new
            && entry.component.slot != Slot::Notifier
            && entry.origin == Origin::LinkedIn
            && !needs_settings(&entry.component.config_schema)
    });
    let instances = entries.map(|entry| {
        let (slot, name) = (entry.component.slot, &entry.component.name);
        let instance = setup.registry.instance(slot, name, &json!({}), &Secrets::default()).map_err(Failure::from);
        Plugin { by: format!("{slot}/{name}"), need: Need::Spare, instance, repositories: Vec::new() }
    });
    instances.collect()
}

fn needs_settings(schema: &Value) -> bool {
    schema.get("required").and_then(Value::as_array).is_some_and(|required| !required.is_empty())
}

/// Asks one plugin.
async fn examine(by: &str, instance: &Instance, owner: &Owner, repositories: Vec<String>) -> Vec<Check> {
    let mut checks = Vec::new();
    if let Instance::Agent(agent) = instance {
        checks.push(match agent.detect(DetectAgent::new()).await {
            Ok(availability) => available(by, availability),
            Err(error) => failed(by, &error),
        });
    }
    let mut request = Doctor::new(owner.clone());
    request.repositories = repositories;
    match findings(instance, request).await {
        Ok(findings) => checks.extend(findings.into_iter().map(|finding| Check::of_plugin(by, finding))),
        Err(error) => checks.push(failed(by, &error)),
    }
    checks
}

fn failed(by: &str, error: &Error) -> Check {
    Check::new(by, Level::Fail, "plugin", format!("it could not look: {error}"))
}

fn available(by: &str, availability: AgentAvailability) -> Check {
    let level = match availability.state {
        AvailabilityState::Usable => Level::Pass,
        AvailabilityState::Unknown => Level::Warn,
        _ => Level::Fail,
    };
    let version = availability.version.map(|version| format!(" ({version})")).unwrap_or_default();
    Check::new(by, level, "agent", format!("{}{version}", availability.message))
}

async fn findings(instance: &Instance, request: Doctor) -> Result<Vec<Finding>> {
    match instance {
        Instance::Runtime(plugin) => plugin.doctor(request).await,
        Instance::Agent(plugin) => plugin.doctor(request).await,
        Instance::Workspace(plugin) => plugin.doctor(request).await,
        Instance::Tracker(plugin) => plugin.doctor(request).await,
        Instance::Scm(plugin) => plugin.doctor(request).await,
        Instance::Notifier(plugin) => plugin.doctor(request).await,
        Instance::Terminal(plugin) => plugin.doctor(request).await,
    }
}
