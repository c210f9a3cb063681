//! The configurations in use, and the plugins that work on each session.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use ao_core::model::facts::Session;
use ao_core::model::{PluginName, ProjectName};
use ao_core::{Error, Result};
use camino::Utf8PathBuf;

use super::super::HostContext;
use super::wakes::{Noted, Wakes};
use super::{Lane, address};
use crate::reactions::rules::ProjectRules;
use crate::registry::Services;
use crate::sessions::{Crew, Forge};
use crate::setup::{ConfigFiles, Loaded, Setup};

/// Sessions with the same of these have the same plugins.
type CrewKey = (Option<Utf8PathBuf>, ProjectName, Option<PluginName>, Option<PluginName>);

/// Configurations and crews, each made once.
pub(super) struct Crews {
    wakes: Wakes,
    setups: BTreeMap<Option<Utf8PathBuf>, Setup>,
    made: BTreeMap<CrewKey, Arc<Crew>>,
    forges: BTreeMap<ForgeKey, Option<Hosted>>,
    /// What is decided by; none for projects that are not in the configuration.
    pub(super) rules: BTreeMap<ForgeKey, Option<Arc<ProjectRules>>>,
    /// The repositories that pull requests are in; their places are their numbers.
    repositories: Vec<String>,
    /// What each file was like when it was last read.
    read: BTreeMap<Utf8PathBuf, Option<Stamp>>,
    /// Files that are not in force, and why.
    rejected: BTreeMap<Utf8PathBuf, String>,
}

/// Sessions with the same of these have their pull requests in the same place.
type ForgeKey = (Option<Utf8PathBuf>, ProjectName);

/// Where pull requests are, and in whose turn they are asked for.
#[derive(Clone)]
pub(super) struct Hosted {
    pub(super) forge: Arc<Forge>,
    pub(super) lane: Lane,
}

/// What tells that a file has changed: its number, its length, and when it was written to.
type Stamp = (u64, u64, i64, i64);

fn stamp(file: &Utf8PathBuf) -> Option<Stamp> {
    let data = fs_err::metadata(file).ok()?;
    Some((data.ino(), data.len(), data.mtime(), data.mtime_nsec()))
}

/// What became of a configuration that was read again.
pub(super) enum Reloaded {
    /// It is in force.
    Used,
    /// The one before it stays in force.
    Rejected(String),
    /// It is refused for the same reason as before.
    StillRejected,
}

fn key(session: &Session) -> CrewKey {
    let runtime = session.runtime.as_ref().map(|runtime| runtime.handle.plugin.clone());
    let agent = session.agent.as_ref().map(|agent| agent.name.clone());
    (session.config_file.clone(), session.project.clone(), runtime, agent)
}

fn forge_key(session: &Session) -> ForgeKey {
    (session.config_file.clone(), session.project.clone())
}

fn read(context: &HostContext, wakes: &Wakes, local: Option<&Utf8PathBuf>) -> Result<Setup> {
    // A session stays reachable when its file is gone: with built-in settings.
    let files =
        ConfigFiles { global: context.files.global.clone(), local: local.filter(|file| file.is_file()).cloned() };
    let loaded = Loaded::read(files, &context.environment, &context.places)?;
    compose(context, wakes, loaded)
}

/// With plugins that may ask for looks.
fn compose(context: &HostContext, wakes: &Wakes, loaded: Loaded) -> Result<Setup> {
    let serving = |services: Services| Services {
        world: context.sessions.world.clone(),
        ear: Some(Arc::new(wakes.clone())),
        conditions: Some(Arc::new(Noted { kept: services.conditions.clone(), wakes: wakes.clone() })),
        ..services
    };
    loaded.compose_for(&context.environment, &context.places, (context.linked)(), serving)
}

impl Crews {
    /// None yet. Their plugins leave hints with `wakes`.
    pub(super) fn new(wakes: Wakes) -> Self {
        let (setups, made, forges, rules, repositories, read, rejected) = Default::default();
        Self { wakes, setups, made, forges, rules, repositories, read, rejected }
    }

    /// The plugins of a session.
    pub(super) fn of(&mut self, context: &HostContext, session: &Session) -> Result<Arc<Crew>> {
        let key = key(session);
        if let Some(crew) = self.made.get(&key) {
            return Ok(Arc::clone(crew));
        }
        let setup = self.setup(context, session.config_file.as_ref())?;
        let crew = Arc::new(Crew::for_session(setup, session)?);
        self.made.insert(key, Arc::clone(&crew));
        Ok(crew)
    }

    /// The same, if it has been made before.
    pub(super) fn known(&self, session: &Session) -> Option<Arc<Crew>> {
        self.made.get(&key(session)).cloned()
    }

    /// Where a session's pull requests are; none where nobody looks at them. An scm that cannot be had now is asked for
    /// again by the next call.
    pub(super) fn forge_of(&mut self, context: &HostContext, session: &Session) -> Result<Option<Hosted>> {
        let key = forge_key(session);
        if let Some(hosted) = self.forges.get(&key) {
            return Ok(hosted.clone());
        }
        let setup = self.setup(context, session.config_file.as_ref())?;
        let forge = Forge::for_session(setup, session)?.map(Arc::new);
        let hosted = forge.map(|forge| {
            let known = self.repositories.iter().position(|name| *name == forge.repository);
            let number = known.unwrap_or_else(|| {
                self.repositories.push(forge.repository.clone());
                self.repositories.len() - 1
            });
            Hosted { lane: Lane::Scm(address(&forge.scm.instance), number), forge }
        });
        self.forges.insert(key, hosted.clone());
        Ok(hosted)
    }

    /// The same, if it has been found out before.
    pub(super) fn known_forge(&self, session: &Session) -> Option<&Hosted> {
        self.forges.get(&forge_key(session))?.as_ref()
    }

    /// Whether it has been found out that nobody looks at a session's pull requests.
    pub(super) fn has_no_forge(&self, session: &Session) -> bool {
        self.forges.get(&forge_key(session)).is_some_and(Option::is_none)
    }

    /// The configuration of a file, read once.
    pub(super) fn setup(&mut self, context: &HostContext, file: Option<&Utf8PathBuf>) -> Result<&Setup> {
        let file = file.cloned();
        if !self.setups.contains_key(&file) {
            // Before they are read: what changes meanwhile is a change.
            let files = context.files.global.iter().chain(&file);
            self.read.extend(files.map(|file| (file.clone(), stamp(file))));
            let setup = read(context, &self.wakes, file.as_ref()).or_else(|error| {
                let shown = file.as_ref().map_or("the configuration", |file| file.as_str());
                tracing::warn!("`{shown}` cannot be used; built-in settings are: {error}");
                let loaded = Loaded::read(ConfigFiles::default(), &context.environment, &context.places)?;
                compose(context, &self.wakes, loaded)
            })?;
            // What is not in force as it stands is read once more, and then it is told why.
            let is_used = setup.loaded.files.local == file && setup.require_trust().is_ok();
            self.read.extend(file.iter().filter(|_| !is_used).map(|file| (file.clone(), None)));
            self.setups.insert(file.clone(), setup);
        }
        self.setups.get(&file).ok_or_else(|| Error::other("a configuration that was just read is gone"))
    }

    /// The same, if what it says is what the user wants: it is trusted, and nothing else is in force in its place.
    pub(super) fn in_force(&mut self, context: &HostContext, file: Option<&Utf8PathBuf>) -> Result<&Setup> {
        let setup = self.setup(context, file)?;
        setup.require_trust()?;
        if setup.loaded.files.local.as_ref() != file {
            let shown = file.map_or("the configuration", |file| file.as_str());
            return Err(Error::unavailable(format!("`{shown}` is not in force; `ao config check` says why")));
        }
        Ok(setup)
    }

    /// How many configurations are in use.
    pub(super) fn configurations(&self) -> usize {
        self.setups.len()
    }

    /// The files that are in use.
    pub(super) fn files(&self) -> BTreeSet<Utf8PathBuf> {
        let used = self.setups.values().flat_map(|setup| setup.loaded.files.paths());
        // One that is refused is not used, and is to be used once it is mended.
        used.chain(self.setups.keys().flatten()).cloned().collect()
    }

    /// The files that were written to since they were read, and those that were refused: what was missing may be there now.
    pub(super) fn changed(&self) -> BTreeSet<Utf8PathBuf> {
        let changed = |file: &Utf8PathBuf| {
            self.rejected.contains_key(file) || self.read.get(file).is_some_and(|then| *then != stamp(file))
        };
        self.files().into_iter().filter(changed).collect()
    }

    /// Whatever is refused from now on is told, though it may have been told before.
    pub(super) fn forget_rejections(&mut self) {
        self.rejected.clear();
    }

    /// Reads every configuration again that uses a file. A bad one, or one that is not trusted any more, changes nothing.
    pub(super) fn reload(&mut self, context: &HostContext, changed: &Utf8PathBuf) -> Reloaded {
        let using: Vec<_> = self
            .setups
            .iter()
            .filter(|(key, setup)| {
                key.as_ref() == Some(changed) || setup.loaded.files.paths().any(|file| file == changed)
            })
            .map(|(key, _)| key.clone())
            .collect();
        let now = stamp(changed);
        let is_same = self.read.insert(changed.clone(), now) == Some(now);
        for key in using {
            let read = read(context, &self.wakes, key.as_ref()).and_then(|setup| setup.require_trust().map(|()| setup));
            match read {
                Ok(setup) => {
                    self.made.retain(|(file, ..), _| *file != key);
                    self.forges.retain(|(file, _), _| *file != key);
                    self.rules.retain(|(file, _), _| *file != key);
                    self.setups.insert(key, setup);
                }
                Err(error) => {
                    let problem = error.to_string();
                    let before = self.rejected.insert(changed.clone(), problem.clone());
                    let is_known = is_same && before.as_ref() == Some(&problem);
                    return if is_known { Reloaded::StillRejected } else { Reloaded::Rejected(problem) };
                }
            }
        }
        self.rejected.remove(changed);
        Reloaded::Used
    }
}
