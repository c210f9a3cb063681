//! Which plugin fills a slot of a project, and with which settings.

use camino::Utf8Path;
use serde_json::Value;

use super::diagnostic::{Diagnostic, Diagnostics};
use super::expand::{Expanded, Lookup, expand};
use super::key_path::KeyPath;
use super::merge::{overlay, overlay_slot, slot_map};
use super::node::{Entry, Kind, Mapping, Node};
use super::paths::Home;
use super::source::Place;
use super::validate::{validate_expanded_block, validate_plugin_block};
use crate::model::PluginName;

/// How a slot came to its plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Somebody wrote it down.
    Configured,
    /// Nobody wrote anything; the host may put another plugin in its place where this one cannot work.
    BuiltIn,
}

/// The plugin of one slot, with its settings as they were written.
#[derive(Clone, Debug, PartialEq)]
pub struct SlotConfig {
    /// The plugin's name within its slot.
    pub plugin: PluginName,
    /// The name under `agents` that it was found by, if it was.
    pub instance: Option<PluginName>,
    /// Who chose it.
    pub choice: Choice,
    /// Everything under the slot but its reserved keys. A mapping, with references unexpanded.
    pub settings: Node,
}

impl SlotConfig {
    /// The name that it is told apart by: its own, or its plugin's.
    #[must_use]
    pub fn name(&self) -> &PluginName {
        self.instance.as_ref().unwrap_or(&self.plugin)
    }

    /// The settings as JSON, with references unexpanded: fit to be shown.
    #[must_use]
    pub fn to_json(&self) -> Value {
        self.settings.to_json()
    }

    /// Checks the settings against the JSON Schema of the plugin's manifest, as they are written.
    ///
    /// # Errors
    ///
    /// Every violation, each with the rule of the schema that it breaks.
    pub fn check(&self, schema: &Value) -> Result<(), Diagnostics> {
        validate_plugin_block(&self.settings, schema)
    }

    /// Expands the references in the settings and checks the outcome against the schema. Only for trusted files.
    ///
    /// `${NAME}` anywhere in a text is a variable, and a text that begins with `file:` is the content of a file.
    ///
    /// # Errors
    ///
    /// Every reference without a value, or every violation; secrets are masked.
    pub fn expand(&self, lookup: &Lookup<'_>, schema: &Value) -> Result<Expanded, Diagnostics> {
        let expanded = expand(&self.settings, lookup)?;
        let masked = |problems: Diagnostics| problems.into_iter().map(|problem| problem.masked(&expanded.secrets));
        validate_expanded_block(&expanded.settings, schema)
            .map_err(|problems| masked(problems).collect::<Diagnostics>())?;
        Ok(expanded)
    }

    /// One setting with its references as they read now; `None` where there is no such setting. `field` is its keys,
    /// separated by `.`. Only for trusted files.
    ///
    /// # Errors
    ///
    /// Every reference in it without a value.
    pub fn expand_field(&self, field: &str, lookup: &Lookup<'_>) -> Result<Option<Expanded>, Diagnostics> {
        let node = field.split('.').try_fold(&self.settings, |node, key| node.get(key));
        node.map(|node| expand(node, lookup)).transpose()
    }
}

/// One of a project's slots before it is decided: what the project and the defaults say.
pub(crate) struct Wanted<'a> {
    pub(crate) slot: &'static str,
    pub(crate) project: &'a Entry,
    pub(crate) defaults: Option<&'a Node>,
}

impl Wanted<'_> {
    /// The project's words over the defaults', in the long form.
    fn merged(&self) -> Option<Node> {
        let default = self.defaults.and_then(|defaults| defaults.get(self.slot));
        match (default, self.project.node.get(self.slot)) {
            (None, None) => None,
            (Some(only), None) | (None, Some(only)) => Some(slot_map(only)),
            (Some(default), Some(own)) => Some(overlay_slot(default, own)),
        }
    }

    /// A slot that may stay empty.
    pub(crate) fn optional(&self) -> Result<Option<SlotConfig>, Diagnostics> {
        match self.merged() {
            Some(slot) if is_enabled(&slot) => configured(&slot).map(Some),
            _ => Ok(None),
        }
    }

    /// A slot that a session cannot do without.
    pub(crate) fn required(&self, built_in: &str) -> Result<SlotConfig, Diagnostics> {
        let Some(slot) = self.merged() else {
            let path = self.project.node.path.join(self.slot);
            let settings = Node { place: self.project.key.clone(), path, kind: Kind::Mapping(Mapping::new()) };
            let plugin = built_in.parse().expect("the names of built-in plugins are valid");
            return Ok(SlotConfig { plugin, instance: None, choice: Choice::BuiltIn, settings });
        };
        self.refuse_switched_off(&slot)?;
        configured(&slot)
    }

    /// The agent, by its name under `agents` or as a plugin; `None` where nobody named one.
    pub(crate) fn agent(&self, agents: &Agents<'_>) -> Result<Option<SlotConfig>, Diagnostics> {
        let Some(slot) = self.merged() else { return Ok(None) };
        self.refuse_switched_off(&slot)?;
        agents.resolve(&slot, self.project.node.get("agentConfig")).map(Some)
    }

    fn refuse_switched_off(&self, slot: &Node) -> Result<(), Diagnostics> {
        match slot.get("enabled") {
            Some(switch) if !is_enabled(slot) => {
                let message = format!("a project cannot be without its {}", self.slot);
                Err(Diagnostic::error(&switch.place, switch.path.clone(), message)
                    .help("name another plugin instead")
                    .into())
            }
            _ => Ok(()),
        }
    }
}

/// The named agents, and what is needed to resolve the paths in them.
pub(crate) struct Agents<'a> {
    pub(crate) named: Option<&'a Mapping>,
    pub(crate) home: Option<&'a Utf8Path>,
}

impl Agents<'_> {
    /// Each named agent by itself, whether or not a project uses it.
    pub(crate) fn all(&self) -> impl Iterator<Item = Result<(PluginName, SlotConfig), Diagnostics>> {
        let entries = self.named.into_iter().flatten();
        let enabled = entries.filter(|(_, entry)| is_enabled(&entry.node));
        enabled.map(|(name, entry)| {
            let mut agent = configured(&slot_map(&entry.node))?;
            resolve_argv(&mut agent.settings, Home(self.home))?;
            let name: PluginName = name.parse().expect("the schema admits only names of plugins");
            Ok((name.clone(), SlotConfig { instance: Some(name), ..agent }))
        })
    }

    /// The agent that a slot names, with the project's own settings on top.
    pub(crate) fn resolve(&self, slot: &Node, project: Option<&Node>) -> Result<SlotConfig, Diagnostics> {
        let mut chosen = configured(slot)?;
        if let Some(entry) = self.named.and_then(|named| named.get(chosen.plugin.as_str())) {
            let instance = slot_map(&entry.node);
            if !is_enabled(&instance) {
                let message = format!("the agent `{}` is switched off", chosen.plugin);
                let place = slot.get("plugin").map_or(&slot.place, |plugin| &plugin.place);
                return Err(Diagnostic::error(place, slot.path.clone(), message)
                    .also("switched off here", &entry.key)
                    .into());
            }
            let base = configured(&instance)?;
            let settings = overlay(&base.settings, &chosen.settings);
            chosen = SlotConfig { instance: Some(chosen.plugin), settings, ..base };
        }
        if let Some(project) = project {
            chosen.settings = overlay(&chosen.settings, project);
        }
        resolve_argv(&mut chosen.settings, Home(self.home))?;
        Ok(chosen)
    }
}

/// A slot in the long form that names its plugin, with its settings split off.
pub(crate) fn configured(slot: &Node) -> Result<SlotConfig, Diagnostics> {
    let name = slot.get("plugin");
    let plugin = name.and_then(Node::text).and_then(|text| text.parse().ok());
    let Some(plugin) = plugin else {
        let (place, subject) = (first_key(slot), slot.path.subject());
        return Err(Diagnostic::error(place, slot.path.clone(), format!("{subject} has settings but names no plugin"))
            .help("add `plugin: <name>` to it")
            .into());
    };
    let mut settings = slot.clone();
    if let Kind::Mapping(entries) = &mut settings.kind {
        entries.retain(|key, _| !["plugin", "enabled"].contains(&key.as_str()));
    }
    Ok(SlotConfig { plugin, instance: None, choice: Choice::Configured, settings })
}

/// A slot that names a plugin or an agent from outside any file, such as a command-line option.
pub(crate) fn named_outside(name: &PluginName, place: &Place) -> Node {
    let path = KeyPath::default();
    slot_map(&Node { place: place.clone(), path, kind: Kind::String(name.to_string()) })
}

pub(crate) fn is_enabled(slot: &Node) -> bool {
    slot.get("enabled").is_none_or(|switch| switch.kind != Kind::Bool(false))
}

fn first_key(slot: &Node) -> &Place {
    slot.nearest(&[]).1
}

/// Makes the elements of `argv` that begin with `./` or `~/` absolute: an agent starts in its workspace, where neither
/// would lead to what the author of the file meant.
fn resolve_argv(settings: &mut Node, home: Home<'_>) -> Result<(), Diagnostics> {
    let Kind::Mapping(entries) = &mut settings.kind else { return Ok(()) };
    let Some(Kind::Sequence(argv)) = entries.get_mut("argv").map(|entry| &mut entry.node.kind) else { return Ok(()) };
    for element in argv {
        let Kind::String(text) = &element.kind else { continue };
        if text.starts_with("./") || text.starts_with("~/") {
            let path = home.resolve(element.place.source().directory(), text).map_err(|problem| {
                let message = format!("{} {problem}", element.path.subject());
                Diagnostics::from(Diagnostic::error(&element.place, element.path.clone(), message))
            })?;
            element.kind = Kind::String(path.into_string());
        }
    }
    Ok(())
}
