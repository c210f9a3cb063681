//! The configurations in use, and the plugins that work on each session.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ao_core::model::facts::Session;
use ao_core::model::{PluginName, ProjectName};
use ao_core::{Error, Result};
use camino::Utf8PathBuf;

use super::super::HostContext;
use crate::sessions::Crew;
use crate::setup::{ConfigFiles, Loaded, Setup};

/// Sessions with the same of these have the same plugins.
type CrewKey = (Option<Utf8PathBuf>, ProjectName, Option<PluginName>, Option<PluginName>);

/// Configurations and crews, each made once.
#[derive(Default)]
pub(super) struct Crews {
    setups: BTreeMap<Option<Utf8PathBuf>, Setup>,
    crews: BTreeMap<CrewKey, Arc<Crew>>,
}

/// What became of a configuration that was read again.
pub(super) enum Reloaded {
    /// It is in force.
    Used,
    /// The one before it stays in force.
    Rejected(String),
}

fn key(session: &Session) -> CrewKey {
    let runtime = session.runtime.as_ref().map(|runtime| runtime.handle.plugin.clone());
    let agent = session.agent.as_ref().map(|agent| agent.name.clone());
    (session.config_file.clone(), session.project.clone(), runtime, agent)
}

fn read(context: &HostContext, local: Option<&Utf8PathBuf>) -> Result<Setup> {
    // A session stays reachable when its file is gone: with built-in settings.
    let files =
        ConfigFiles { global: context.files.global.clone(), local: local.filter(|file| file.is_file()).cloned() };
    let loaded = Loaded::read(files, &context.environment, &context.places)?;
    loaded.compose(&context.environment, &context.places, (context.linked)())
}

impl Crews {
    /// The plugins of a session.
    pub(super) fn of(&mut self, context: &HostContext, session: &Session) -> Result<Arc<Crew>> {
        let key = key(session);
        if let Some(crew) = self.crews.get(&key) {
            return Ok(Arc::clone(crew));
        }
        let setup = self.setup(context, session.config_file.as_ref())?;
        let crew = Arc::new(Crew::for_session(setup, session)?);
        self.crews.insert(key, Arc::clone(&crew));
        Ok(crew)
    }

    /// The same, if it has been made before.
    pub(super) fn known(&self, session: &Session) -> Option<Arc<Crew>> {
        self.crews.get(&key(session)).cloned()
    }

    fn setup(&mut self, context: &HostContext, file: Option<&Utf8PathBuf>) -> Result<&Setup> {
        let file = file.cloned();
        if !self.setups.contains_key(&file) {
            let setup = read(context, file.as_ref()).or_else(|error| {
                let shown = file.as_ref().map_or("the configuration", |file| file.as_str());
                tracing::warn!("`{shown}` cannot be used; built-in settings are: {error}");
                let loaded = Loaded::read(ConfigFiles::default(), &context.environment, &context.places)?;
                loaded.compose(&context.environment, &context.places, (context.linked)())
            })?;
            self.setups.insert(file.clone(), setup);
        }
        self.setups.get(&file).ok_or_else(|| Error::other("a configuration that was just read is gone"))
    }

    /// How many configurations are in use.
    pub(super) fn configurations(&self) -> usize {
        self.setups.len()
    }

    /// The files that are in use.
    pub(super) fn files(&self) -> BTreeSet<Utf8PathBuf> {
        self.setups.values().flat_map(|setup| setup.loaded.files.paths().cloned()).collect()
    }

    /// Reads every configuration again that uses a file. A bad one, or one that is not trusted any more, changes nothing.
    pub(super) fn reload(&mut self, context: &HostContext, changed: &Utf8PathBuf) -> Reloaded {
        let using: Vec<_> = self
            .setups
            .iter()
            .filter(|(_, setup)| setup.loaded.files.paths().any(|file| file == changed))
            .map(|(key, _)| key.clone())
            .collect();
        for key in using {
            let read = read(context, key.as_ref()).and_then(|setup| setup.require_trust().map(|()| setup));
            match read {
                Ok(setup) => {
                    self.crews.retain(|(file, ..), _| *file != key);
                    self.setups.insert(key, setup);
                }
                Err(error) => return Reloaded::Rejected(error.to_string()),
            }
        }
        Reloaded::Used
    }
}
