//! From the documents to one configuration with every default filled in.

use std::collections::BTreeMap;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::diagnostic::{Diagnostic, Diagnostics};
use super::document::Document;
use super::events::EventLimits;
use super::merge::overlay_file;
use super::model::{self, Isolation};
use super::node::{Entry, Kind, Node};
use super::notifiers::Notifiers;
use super::paths::Home;
use super::prefix::{self, Claim};
use super::project::{self, Context, Project};
use super::reactions::{Layer, nonsense};
use super::scalars::{HumanDuration, MethodName, Sha256Hex};
use super::slot::{Agents, SlotConfig, named_outside};
use super::source::Place;
use super::suggest::closest;
use super::trash::TrashLimits;
use crate::model::{PluginName, ProjectName};
use crate::prices::Prices;
use crate::{Error, Result};

/// A plugin library that the configuration lists.
#[derive(Clone, Debug, PartialEq)]
pub struct PluginLibrary {
    /// The library file. Absolute if the configuration file's name was.
    pub path: Utf8PathBuf,
    /// The digest that the file must have.
    pub sha256: Option<Sha256Hex>,
    /// Whether to load it.
    pub enabled: bool,
    /// Whether it wins over another library with a plugin of the same slot and name.
    pub overrides: bool,
    /// Where its code runs.
    pub isolation: Isolation,
    /// Time limits of single methods in place of the contract's.
    pub deadlines: BTreeMap<MethodName, HumanDuration>,
    /// Where its path is written.
    pub place: Place,
}

/// The configuration: all files merged, every default filled in, nothing expanded.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The merged tree; `None` when there was no file at all.
    root: Option<Node>,
    home: Option<Utf8PathBuf>,
    plugins: Vec<PluginLibrary>,
    agents: BTreeMap<PluginName, SlotConfig>,
    projects: BTreeMap<ProjectName, Project>,
    events: EventLimits,
    trash: TrashLimits,
    notifiers: Notifiers,
    prices: Arc<Prices>,
}

impl Config {
    /// Merges documents, each over those before it: the user's own file first, the repository's last.
    ///
    /// `home` is what `~/` stands for.
    ///
    /// # Errors
    ///
    /// Everything that keeps the merged configuration from being used.
    pub fn layered(
        documents: impl IntoIterator<Item = Document>,
        home: Option<&Utf8Path>,
    ) -> Result<Self, Diagnostics> {
        let merged =
            documents.into_iter().map(|document| document.root).reduce(|base, over| overlay_file(&base, &over));
        let home = home.map(Utf8Path::to_owned);
        let Some(root) = merged else {
            let (plugins, agents, projects, events, trash, notifiers, prices) = Default::default();
            return Ok(Self { root: None, home, plugins, agents, projects, events, trash, notifiers, prices });
        };
        let file: model::File = typed(&root)?;
        let mut problems = Vec::new();
        let mut note = |found: Diagnostics| problems.extend(found);
        note(nonsense(root.get("reactions"), &file.reactions).into_iter().collect());
        for (name, project) in &file.projects {
            let own = entry_of(&root, name).and_then(|entry| entry.node.get("reactions"));
            note(nonsense(own, &project.reactions).into_iter().collect());
        }
        let notifiers = Notifiers::resolve(&root).map_err(&mut note).unwrap_or_default();
        let named = named_agents(&root, home.as_deref());
        let agents = named.all().filter_map(|agent| agent.map_err(&mut note).ok()).collect();
        let libraries = file
            .plugins
            .into_iter()
            .enumerate()
            .map(|(position, written)| library(&root, position, written, home.as_deref()));
        let plugins = libraries.filter_map(|library| library.map_err(&mut note).ok()).collect();
        let prices = Arc::new(Prices::with(&file.prices));
        let context = Context {
            defaults: root.get("defaults"),
            agents: named,
            home: home.as_deref(),
            reactions: Layer { written: &file.reactions, node: root.get("reactions") },
            limits: file.limits,
            lifecycle: file.lifecycle,
            budgets: file.budgets,
            prices: Arc::clone(&prices),
        };
        let resolved = file.projects.iter().map(|(name, written)| {
            let entry = entry_of(&root, name).expect("the typed file and the tree hold the same projects");
            project::resolve(name, written, entry, &context)
        });
        let projects: Vec<_> = resolved.filter_map(|project| project.map_err(&mut note).ok()).collect();
        let claims: Vec<_> = projects.iter().filter_map(|project| claim(&root, project)).collect();
        problems.extend(prefix::conflicts(&claims));
        let projects = projects.into_iter().map(|project| (project.name.clone(), project)).collect();
        problems.into_iter().collect::<Diagnostics>().or(())?;
        let (events, trash) = (file.events, file.trash);
        Ok(Self { root: Some(root), home, plugins, agents, projects, events, trash, notifiers, prices })
    }

    /// The plugin libraries, in the order in which they are listed, those of the user's own file first.
    #[must_use]
    pub fn plugins(&self) -> &[PluginLibrary] {
        &self.plugins
    }

    /// How much of the event log stays in the database, as far as that is said.
    #[must_use]
    pub fn events(&self) -> EventLimits {
        self.events
    }

    /// How long the trash keeps things, and how much, as far as that is said.
    #[must_use]
    pub fn trash(&self) -> TrashLimits {
        self.trash
    }

    /// What models cost.
    #[must_use]
    pub fn prices(&self) -> &Prices {
        &self.prices
    }

    /// How humans are told.
    #[must_use]
    pub fn notifiers(&self) -> &Notifiers {
        &self.notifiers
    }

    /// The projects, by name.
    pub fn projects(&self) -> impl ExactSizeIterator<Item = &Project> {
        self.projects.values()
    }

    /// One project.
    ///
    /// # Errors
    ///
    /// [`Code::NOT_FOUND`](crate::Code::NOT_FOUND), with the name that was most likely meant.
    pub fn project(&self, name: &ProjectName) -> Result<&Project> {
        self.projects.get(name).ok_or_else(|| {
            let known: Vec<_> = self.projects.keys().map(ProjectName::as_str).collect();
            let hint = match closest(name.as_str(), known.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None if known.is_empty() => "the configuration has no projects".to_owned(),
                None => format!("there are {}", known.join(", ")),
            };
            Error::not_found(format!("no project is named `{name}`; {hint}"))
        })
    }

    /// The agent that works on a project: the one that is asked for, else the configured one.
    ///
    /// # Errors
    ///
    /// When the project does not exist, no agent is named anywhere, or the one that is asked for cannot be used.
    pub fn agent(&self, project: &ProjectName, asked: Option<&PluginName>) -> Result<SlotConfig> {
        let resolved = self.project(project)?;
        let (Some(name), Some(root)) = (asked, &self.root) else {
            return resolved.agent.clone().ok_or_else(|| {
                Error::invalid_input(format!(
                    "no agent is set for the project `{project}`; write `agent: <name>` under `defaults` or under \
                     `projects.{project}`, where <name> is a key of `agents` or an agent plugin: \
                     `ao agent list` says which are installed"
                ))
                .at_field(format!("projects.{project}.agent"))
            });
        };
        let entry = entry_of(root, project).expect("a resolved project stands in the tree");
        let slot = named_outside(name, &entry.key);
        let agents = named_agents(root, self.home.as_deref());
        Ok(agents.resolve(&slot, entry.node.get("agentConfig"))?)
    }

    /// The agents under `agents` that are not switched off, without any project's settings on top.
    #[must_use]
    pub fn agents(&self) -> &BTreeMap<PluginName, SlotConfig> {
        &self.agents
    }

    /// The merged files as JSON, unexpanded: fit to be shown.
    #[must_use]
    pub fn to_json(&self) -> Value {
        self.root.as_ref().map_or_else(|| Value::Object(serde_json::Map::new()), Node::to_json)
    }
}

/// The tree as types. Each document has passed the schema, so this refuses nothing that a user could write.
pub(crate) fn typed<T: DeserializeOwned>(root: &Node) -> Result<T, Diagnostics> {
    serde_path_to_error::deserialize(root.to_json()).map_err(|error| {
        let path = error.path().iter().fold(Vec::new(), |mut segments, segment| {
            use super::key_path::Segment as Ours;
            use serde_path_to_error::Segment;
            match segment {
                Segment::Map { key } => segments.push(Ours::Key(key.clone())),
                Segment::Seq { index } => segments.push(Ours::Index(*index)),
                Segment::Enum { .. } | Segment::Unknown => {}
            }
            segments
        });
        let (node, place) = root.nearest(&path);
        Diagnostic::error(node.scalar_place().unwrap_or(place), node.path.clone(), error.inner().to_string()).into()
    })
}

fn entry_of<'a>(root: &'a Node, project: &ProjectName) -> Option<&'a Entry> {
    root.get("projects")?.entry(project.as_str())
}

fn named_agents<'a>(root: &'a Node, home: Option<&'a Utf8Path>) -> Agents<'a> {
    Agents { named: root.get("agents").and_then(Node::mapping), home }
}

fn library(
    root: &Node,
    position: usize,
    plugin: model::Plugin,
    home: Option<&Utf8Path>,
) -> Result<PluginLibrary, Diagnostics> {
    let entry = match root.get("plugins").map(|plugins| &plugins.kind) {
        Some(Kind::Sequence(items)) => items.get(position).and_then(|item| item.get("path")),
        _ => None,
    };
    let node = entry.expect("the typed file and the tree hold the same plugins");
    let path = Home(home).resolve(node.place.source().directory(), &plugin.path).map_err(|problem| {
        Diagnostic::error(&node.place, node.path.clone(), format!("{} {problem}", node.path.subject()))
    })?;
    Ok(PluginLibrary {
        path,
        sha256: plugin.sha256,
        enabled: plugin.enabled.unwrap_or(true),
        overrides: plugin.r#override.unwrap_or(false),
        isolation: plugin.isolation.unwrap_or_default(),
        deadlines: plugin.deadlines,
        place: node.place.clone(),
    })
}

fn claim<'a>(root: &'a Node, project: &'a Project) -> Option<Claim<'a>> {
    let entry = entry_of(root, &project.name)?;
    let set = entry.node.get("sessionPrefix");
    let (place, path) = set.map_or((&entry.key, &entry.node.path), |node| (&node.place, &node.path));
    Some(Claim { project: &project.name, prefix: &project.session_prefix, place, path: path.clone() })
}
