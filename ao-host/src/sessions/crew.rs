//! The plugins that work on one session.

use std::sync::Arc;

use ao_core::config::{Choice, Project, Secrets, SlotConfig};
use ao_core::model::PluginName;
use ao_core::model::facts::Session;
use ao_core::slots::{Agent, Instance, Runtime, Scm, Slot, Tracker, Workspace};
use ao_core::{Code, Error, Result};
use camino::Utf8PathBuf;

use crate::setup::{Setup, SetupError};

/// An instance of a plugin, with the plugin's name.
pub struct Bound<T: ?Sized> {
    /// The plugin's name within its slot.
    pub plugin: PluginName,
    /// The instance.
    pub instance: Arc<T>,
}

impl<T: ?Sized> Bound<T> {
    fn new(found: (PluginName, Instance), as_slot: impl FnOnce(&Instance) -> Option<Arc<T>>) -> Result<Self> {
        let (plugin, instance) = found;
        let wrong = || Error::other(format!("`{plugin}` is a {} plugin", instance.slot()));
        let instance = as_slot(&instance).ok_or_else(wrong)?;
        Ok(Self { plugin, instance })
    }
}

/// The plugins that work on one session.
pub struct Crew {
    /// Where the agent lives.
    pub runtime: Bound<dyn Runtime>,
    /// The agent.
    pub agent: Bound<dyn Agent>,
    /// The agent's name in the configuration, or its plugin's.
    pub agent_name: PluginName,
    /// Its copy of the project.
    pub workspace: Bound<dyn Workspace>,
    /// Where its issue comes from, if it is to have one.
    pub tracker: Option<Bound<dyn Tracker>>,
}

/// Where a session's pull requests are.
pub struct Forge {
    /// The plugin.
    pub scm: Bound<dyn Scm>,
    /// The repository, as the configuration writes it; the project's directory where it names none.
    pub repository: String,
}

impl Forge {
    /// Of a project; none where it names no scm.
    pub fn for_project(setup: &Setup, project: &Project) -> Result<Option<Self>, SetupError> {
        let Some(wanted) = &project.scm else { return Ok(None) };
        let scm = Bound::new(setup.instance(Slot::Scm, wanted)?, Instance::scm)?;
        Ok(Some(Self { scm, repository: project.repository() }))
    }

    /// For a session that exists; none where its project names no scm. It is no part of a [`Crew`], which everything else
    /// needs: an scm that cannot be had must not keep a session from being reached.
    pub fn for_session(setup: &Setup, session: &Session) -> Result<Option<Self>, SetupError> {
        let Ok(project) = setup.loaded.config.project(&session.project) else { return Ok(None) };
        Self::for_project(setup, project)
    }
}

impl Crew {
    /// For a new session of a project. `agent` asks for another than the configured one.
    pub fn for_project(setup: &Setup, project: &Project, agent: Option<&PluginName>) -> Result<Self, SetupError> {
        let agent = setup.loaded.config.agent(&project.name, agent)?;
        let runtime = usable_runtime(setup, &project.runtime);
        Ok(Self {
            agent_name: agent.instance.clone().unwrap_or_else(|| agent.plugin.clone()),
            runtime: Bound::new(setup.instance(Slot::Runtime, &runtime)?, Instance::runtime)?,
            agent: Bound::new(setup.instance(Slot::Agent, &agent)?, Instance::agent)?,
            workspace: Bound::new(setup.instance(Slot::Workspace, &project.workspace)?, Instance::workspace)?,
            tracker: None,
        })
    }

    /// The same, with the project's tracker: for a session that is to have an issue. A tracker that nobody asks is not
    /// even made.
    pub fn with_tracker(self, setup: &Setup, project: &Project) -> Result<Self, SetupError> {
        Ok(Self { tracker: Some(Self::tracker_of(setup, project)?), ..self })
    }

    /// The tracker of a project.
    pub fn tracker_of(setup: &Setup, project: &Project) -> Result<Bound<dyn Tracker>, SetupError> {
        let wanted = project.tracker.as_ref().ok_or_else(|| no_tracker(project))?;
        Ok(Bound::new(setup.instance(Slot::Tracker, wanted)?, Instance::tracker)?)
    }

    /// For a session that exists. What the configuration does not say any more is taken at its defaults: a session
    /// must be reachable whatever became of its file.
    pub fn for_session(setup: &Setup, session: &Session) -> Result<Self, SetupError> {
        let facts = session.agent.as_ref();
        let configured = facts.and_then(|agent| setup.loaded.config.agent(&session.project, Some(&agent.name)).ok());
        let agent = facts.map(|agent| &agent.plugin);
        Ok(Self {
            agent_name: facts.map_or_else(|| name("command"), |agent| agent.name.clone()),
            runtime: Self::runtime_of(setup, session)?,
            workspace: Self::workspace_of(setup, session)?,
            agent: Bound::new(as_recorded(setup, Slot::Agent, agent, configured.as_ref())?, Instance::agent)?,
            tracker: None,
        })
    }

    /// The runtime of a session that exists.
    pub fn runtime_of(setup: &Setup, session: &Session) -> Result<Bound<dyn Runtime>, SetupError> {
        let configured = setup.loaded.config.project(&session.project).ok().map(|project| &project.runtime);
        let launched = session.runtime.as_ref().map(|runtime| &runtime.handle.plugin);
        let plugin = launched.or(session.plugins.as_ref().map(|plugins| &plugins.runtime));
        Ok(Bound::new(as_recorded(setup, Slot::Runtime, plugin, configured)?, Instance::runtime)?)
    }

    /// The workspace plugin of a session that exists.
    pub fn workspace_of(setup: &Setup, session: &Session) -> Result<Bound<dyn Workspace>, SetupError> {
        let configured = setup.loaded.config.project(&session.project).ok().map(|project| &project.workspace);
        let plugin = session.plugins.as_ref().map(|plugins| &plugins.workspace);
        Ok(Bound::new(as_recorded(setup, Slot::Workspace, plugin, configured)?, Instance::workspace)?)
    }
}

/// Everybody who may know something of sessions, whoever's they are: for when nothing else is known of them.
#[derive(Default)]
pub struct Everyone {
    /// The directories of the projects.
    pub projects: Vec<Utf8PathBuf>,
    /// The workspace plugins, `worktree` first.
    pub workspaces: Vec<Bound<dyn Workspace>>,
    /// The runtime plugins.
    pub runtimes: Vec<Bound<dyn Runtime>>,
}

impl Everyone {
    /// Adds those of a configuration: each plugin that there is, with built-in settings, and as its projects have it. One
    /// that cannot be made knows nothing.
    pub fn add(&mut self, setup: &Setup) {
        self.workspaces
            .extend(known(setup, Slot::Workspace).filter_map(|found| Bound::new(found, Instance::workspace).ok()));
        self.runtimes.extend(known(setup, Slot::Runtime).filter_map(|found| Bound::new(found, Instance::runtime).ok()));
        for project in setup.loaded.config.projects() {
            self.projects.push(project.path.clone());
            let workspace = setup.instance(Slot::Workspace, &project.workspace).ok();
            self.workspaces.extend(workspace.and_then(|found| Bound::new(found, Instance::workspace).ok()));
            let runtime = setup.instance(Slot::Runtime, &project.runtime).ok();
            self.runtimes.extend(runtime.and_then(|found| Bound::new(found, Instance::runtime).ok()));
        }
        self.workspaces.sort_by_key(|bound| bound.plugin.as_str() != "worktree");
        distinct(&mut self.workspaces);
        distinct(&mut self.runtimes);
    }
}

/// The plugins of a slot that need no settings.
fn known(setup: &Setup, slot: Slot) -> impl Iterator<Item = (PluginName, Instance)> {
    let names = setup.registry.entries().filter(move |entry| entry.component.slot == slot);
    names.filter_map(move |entry| {
        let defaults = serde_json::Value::Object(serde_json::Map::new());
        let name = entry.component.name.clone();
        Some((name.clone(), setup.registry.instance(slot, &name, &defaults, &Secrets::default()).ok()?))
    })
}

/// Equal settings have one instance.
fn distinct<T: ?Sized>(all: &mut Vec<Bound<T>>) {
    let mut seen = Vec::new();
    all.retain(|bound| {
        let address = Arc::as_ptr(&bound.instance).cast::<()>().addr();
        let is_new = !seen.contains(&address);
        seen.push(address);
        is_new
    });
}

fn no_tracker(project: &Project) -> Error {
    let name = &project.name;
    Error::invalid_input(format!(
        "no tracker is set for the project `{name}`, so there is nowhere to get an issue from; write \
         `tracker: local`, or another plugin's name, under `projects.{name}` or under `defaults`"
    ))
    .at_field(format!("projects.{name}.tracker"))
}

/// The plugin that a session's facts name, with the settings of the configuration if that still names the same one.
fn as_recorded(
    setup: &Setup,
    slot: Slot,
    recorded: Option<&PluginName>,
    configured: Option<&SlotConfig>,
) -> Result<(PluginName, Instance), SetupError> {
    let same = configured.filter(|wanted| recorded.is_none_or(|plugin| *plugin == wanted.plugin));
    if let Some(wanted) = same.filter(|_| setup.loaded.untrusted.is_empty()) {
        return setup.instance(slot, wanted);
    }
    let plugin = recorded.ok_or_else(|| Error::not_found(format!("the session has no {slot} yet")))?;
    let defaults = serde_json::Value::Object(serde_json::Map::new());
    let made = setup
        .registry
        .instance(slot, plugin, &defaults, &Secrets::default())
        .map_err(|error| without_settings(setup, slot, &error))?;
    Ok((plugin.clone(), made))
}

/// A plugin that cannot do without its settings: says where they went.
fn without_settings(setup: &Setup, slot: Slot, error: &Error) -> Error {
    let (code, message) = match setup.loaded.untrusted.first() {
        Some(file) => (
            Code::UNTRUSTED,
            format!(
                "the settings of the session's {slot} are in `{file}`, which is not trusted any more; read it, then `ao trust {file}`"
            ),
        ),
        None => (
            Code::NOT_FOUND,
            format!(
                "the configuration does not name the session's {slot} any more, whose settings are needed for this"
            ),
        ),
    };
    Error::wrap(code, message, error)
}

/// The runtime that nobody chose is `pty` where there is no tmux: agents want a terminal.
fn usable_runtime(setup: &Setup, wanted: &SlotConfig) -> SlotConfig {
    let absent = wanted.plugin.as_str() == "tmux" && !setup.has_program("tmux");
    match wanted.choice {
        Choice::BuiltIn if absent => SlotConfig { plugin: name("pty"), ..wanted.clone() },
        Choice::BuiltIn | Choice::Configured => wanted.clone(),
    }
}

fn name(plugin: &str) -> PluginName {
    plugin.parse().expect("a built-in plugin's name is valid")
}
