//! How humans are told: the named notifiers, and which of them hears of what.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use super::diagnostic::{Diagnostic, Diagnostics};
use super::merge::slot_map;
use super::node::{Kind, Mapping, Node};
use super::slot::{SlotConfig, configured, is_enabled};
use crate::model::PluginName;
use crate::slots::notifier::Priority;

/// The keys of `notificationRouting`.
const ROUTES: [(&str, Priority); 4] = [
    ("urgent", Priority::Urgent),
    ("action", Priority::Action),
    ("warning", Priority::Warning),
    ("info", Priority::Info),
];

/// Who is told of what, by how much it matters. Each is a list of names under `notifiers`, or of plugins; what is not set is
/// `defaults.notifiers`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "names are read from the tree, where they have positions")]
pub(crate) struct Routing {
    /// A decision is wanted now.
    #[schemars(with = "Option<Vec<NotifierName>>")]
    urgent: Option<Vec<PluginName>>,
    /// A decision is wanted.
    #[schemars(with = "Option<Vec<NotifierName>>")]
    action: Option<Vec<PluginName>>,
    /// Something may go wrong.
    #[schemars(with = "Option<Vec<NotifierName>>")]
    warning: Option<Vec<PluginName>>,
    /// For the record.
    #[schemars(with = "Option<Vec<NotifierName>>")]
    info: Option<Vec<PluginName>>,
}

/// The schema of a notifier's name where it is told of something.
pub(super) struct NotifierName;

impl JsonSchema for NotifierName {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "NotifierName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "ao-plugin" })
    }
}

/// The notifiers of a configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Notifiers {
    named: BTreeMap<PluginName, SlotConfig>,
    /// By name, and for each in the order in which they are tried.
    routes: BTreeMap<Priority, Vec<SlotConfig>>,
}

impl Notifiers {
    /// The named notifiers that are not switched off.
    #[must_use]
    pub fn named(&self) -> &BTreeMap<PluginName, SlotConfig> {
        &self.named
    }

    /// Who is told of something that matters so much, in the order that is written. A priority that this version does not
    /// know is told as the most urgent one.
    #[must_use]
    pub fn route(&self, priority: Priority) -> &[SlotConfig] {
        let known = if priority == Priority::Unknown { Priority::Urgent } else { priority };
        self.routes.get(&known).map_or(&[], Vec::as_slice)
    }

    /// The notifier of a name: one that is told of something, or a named one.
    #[must_use]
    pub fn find(&self, name: &PluginName) -> Option<&SlotConfig> {
        self.used().find(|notifier| notifier.name() == name).or_else(|| self.named.get(name))
    }

    /// The names of those who are told of something that matters so much, in the order that is written.
    #[must_use]
    pub fn aliases(&self, priority: Priority) -> Vec<PluginName> {
        self.route(priority).iter().map(|notifier| notifier.name().clone()).collect()
    }

    /// Everybody who is told of anything, each once.
    pub fn used(&self) -> impl Iterator<Item = &SlotConfig> {
        let all = self.routes.values().flatten();
        all.map(|notifier| (notifier.name(), notifier)).collect::<BTreeMap<_, _>>().into_values()
    }

    pub(crate) fn resolve(root: &Node) -> Result<Self, Diagnostics> {
        let mut problems = Vec::new();
        let written = root.get("notifiers").and_then(Node::mapping);
        let mut named = BTreeMap::new();
        for (name, entry) in written.into_iter().flatten().filter(|(_, entry)| is_enabled(&entry.node)) {
            let name: PluginName = name.parse().expect("the schema admits only names of plugins");
            match configured(&slot_map(&entry.node)) {
                Ok(notifier) => drop(named.insert(name.clone(), SlotConfig { instance: Some(name), ..notifier })),
                Err(found) => problems.extend(found),
            }
        }
        let default = root.get("defaults").and_then(|defaults| defaults.get("notifiers"));
        let routing = root.get("notificationRouting");
        let mut routes = BTreeMap::new();
        for (key, priority) in ROUTES {
            let names = routing.and_then(|routing| routing.get(key)).or(default).map(|names| &names.kind);
            let Some(Kind::Sequence(names)) = names else { continue };
            let mut route: Vec<SlotConfig> = Vec::new();
            for name in names {
                match notifier(name, &named, written) {
                    // Named twice is told once.
                    Ok(found) if route.iter().any(|there| there.name() == found.name()) => {}
                    Ok(found) => route.push(found),
                    Err(found) => problems.extend(found),
                }
            }
            routes.insert(priority, route);
        }
        problems.sort_by_key(|problem| problem.place.span().start);
        problems.dedup();
        problems.into_iter().collect::<Diagnostics>().or(Self { named, routes })
    }
}

/// The notifier of a name: one under `notifiers`, or a plugin without settings.
fn notifier(
    name: &Node,
    named: &BTreeMap<PluginName, SlotConfig>,
    written: Option<&Mapping>,
) -> Result<SlotConfig, Diagnostics> {
    let text = name.text().unwrap_or_default();
    let found = text.parse::<PluginName>().ok().and_then(|name| named.get(&name));
    match (found, written.and_then(|written| written.get(text))) {
        (Some(notifier), _) => Ok(notifier.clone()),
        (None, Some(off)) if !is_enabled(&off.node) => {
            let message = format!("the notifier `{text}` is switched off, so nobody would be told");
            Err(Diagnostic::error(&name.place, name.path.clone(), message).also("switched off here", &off.key).into())
        }
        (None, _) => configured(&slot_map(name)),
    }
}
