//! One configuration with its plugins: files found, read, checked for trust, and composed with a registry.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ao_core::config::{
    Choice, Config, Diagnostic, Diagnostics, Document, Isolation, Lookup, PluginLibrary, Secrets, SlotConfig, closest,
};
use ao_core::model::PluginName;
use ao_core::plugin::Registration;
use ao_core::slots::{Instance, Slot};
use ao_core::{Code, Error};
use camino::{Utf8Path, Utf8PathBuf};
use thiserror::Error;

use crate::isolation::Hosting;
use crate::loader::Vault;
use crate::registry::{
    Candidate, ConditionLog, Configured, Deadlines, Mention, Registry, Search, SearchOrder, Services, Settings,
    libraries_in, text_setting,
};
use crate::store::PluginStore;
use crate::trust::{Trust, TrustedByHash};
use crate::world::{Places, World, files};

/// The names that a configuration file may have, in the order in which they are looked for.
pub const CONFIG_NAMES: [&str; 2] = ["agent-orchestrator.yaml", "agent-orchestrator.yml"];

/// What a command took from its environment, read once at its edge.
#[derive(Clone, Debug)]
pub struct Environment {
    /// The variables, as far as they are UTF-8.
    pub variables: BTreeMap<String, String>,
    /// The user's home directory.
    pub home: Utf8PathBuf,
    /// Where the command was started.
    pub current_directory: Utf8PathBuf,
    /// The running program, which is also the holder of agents.
    pub program: Utf8PathBuf,
}

impl Environment {
    /// A variable that is set to something.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// What the environment trusts by its hash, for machines that nobody sits at.
    #[must_use]
    pub fn trusted_by_hash(&self) -> TrustedByHash {
        let variable = |name| self.variable(name).map(str::to_owned);
        TrustedByHash { configs: variable("AO_TRUST_CONFIG"), libraries: variable("AO_TRUST_PLUGINS") }
    }
}

/// The configuration files that apply somewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigFiles {
    /// The user's own, for every project.
    pub global: Option<Utf8PathBuf>,
    /// The repository's.
    pub local: Option<Utf8PathBuf>,
}

impl ConfigFiles {
    /// Finds them: `AO_CONFIG_PATH`, else upwards from `start`; and the user's own.
    #[must_use]
    pub fn discover(start: &Utf8Path, environment: &Environment, places: &Places) -> Self {
        let named = environment.variable("AO_CONFIG_PATH").map(Utf8PathBuf::from);
        // One that is named and not there is an error when it is read: another file is not what was meant.
        let named = named.map(|path| environment.current_directory.join(path));
        let upwards = || {
            let candidates = start.ancestors().flat_map(|above| CONFIG_NAMES.map(|name| above.join(name)));
            candidates.into_iter().find(|path| path.is_file())
        };
        let global = match environment.variable("AO_GLOBAL_CONFIG") {
            Some(path) => Some(environment.current_directory.join(path)),
            None => Some(places.global_config()).filter(|path| path.is_file()),
        };
        Self { global, local: named.or_else(upwards) }
    }

    /// The files that there are, the repository's last.
    pub fn paths(&self) -> impl Iterator<Item = &Utf8PathBuf> {
        self.global.iter().chain(self.local.iter())
    }
}

/// Why a configuration cannot be used.
#[derive(Debug, Error)]
pub enum SetupError {
    /// It says something wrong.
    #[error("the configuration has errors")]
    Config(#[from] Diagnostics),
    /// Anything else.
    #[error(transparent)]
    Other(#[from] Error),
}

impl From<SetupError> for Error {
    fn from(error: SetupError) -> Self {
        match error {
            SetupError::Config(diagnostics) => diagnostics.into(),
            SetupError::Other(error) => error,
        }
    }
}

/// A configuration as it was read, trusted or not: it may be shown, but nothing in it runs.
pub struct Loaded {
    /// The merged files.
    pub config: Config,
    /// Which files they are.
    pub files: ConfigFiles,
    /// Those of them that are not trusted.
    pub untrusted: Vec<Utf8PathBuf>,
    trust: Trust,
}

impl Loaded {
    /// Reads and merges the files.
    pub fn read(files: ConfigFiles, environment: &Environment, places: &Places) -> Result<Self, SetupError> {
        let trust = Trust::read(&places.trust_file(), &environment.trusted_by_hash()).map_err(Error::from)?;
        let mut documents = Vec::new();
        let mut untrusted = Vec::new();
        for path in files.paths() {
            let (canonical, bytes) = read_config(path)?;
            if !trust.trusts_config(&canonical, &bytes) {
                untrusted.push(canonical.clone());
            }
            documents.push(Document::parse(&canonical, &bytes)?);
        }
        let config = Config::layered(documents, Some(&environment.home))?;
        Ok(Self { config, files, untrusted, trust })
    }

    /// What the user says for everything that `ao` keeps, whichever project a command is about: a repository's file
    /// counts once it is trusted, and before that only the user's own does.
    pub fn in_force(files: ConfigFiles, environment: &Environment, places: &Places) -> Result<Config, SetupError> {
        let global = files.global.clone();
        let loaded = Self::read(files, environment, places)?;
        if loaded.untrusted.is_empty() {
            return Ok(loaded.config);
        }
        let own = Self::read(ConfigFiles { global, local: None }, environment, places)?;
        own.require_trust()?;
        Ok(own.config)
    }

    /// Refuses to go on with a configuration that is not trusted.
    pub fn require_trust(&self) -> Result<(), Error> {
        let Some(path) = self.untrusted.first() else { return Ok(()) };
        let message = format!("`{path}` is not trusted, and it can run programs; read it, then `ao trust {path}`");
        Err(Error::new(Code::UNTRUSTED, message))
    }

    /// The plugins that are known without looking into any library: those that are linked in, and those of libraries
    /// whose manifest was read when they were trusted. No file is hashed, nothing is made, and no code runs.
    #[must_use]
    pub fn known_plugins(
        &self,
        environment: &Environment,
        places: &Places,
        linked: impl Iterator<Item = &'static Registration>,
    ) -> BTreeSet<(Slot, PluginName)> {
        let listed = self.config.plugins().iter().filter(|library| library.enabled && self.untrusted.is_empty());
        let listed = listed.map(|library| library.path.clone());
        let found = plugin_directories(environment, places).into_iter().flat_map(|directory| libraries_in(&directory));
        let vault = Vault::new(places.plugins_by_hash());
        let manifests = listed.chain(found).filter_map(|path| {
            let trusted = self.trust.library_at(&files::canonical(&path).ok()?)?;
            vault.manifest(&trusted.sha256)
        });
        let components = manifests.flat_map(|manifest| manifest.components);
        let linked = linked.filter_map(|registration| registration.manifest().ok());
        components.chain(linked).map(|component| (component.slot, component.name)).collect()
    }

    /// Composes it with plugins. An untrusted file contributes no library: nothing that it names may run.
    pub fn compose(
        self,
        environment: &Environment,
        places: &Places,
        linked: impl Iterator<Item = &'static Registration>,
    ) -> Result<Setup, Error> {
        self.compose_for(environment, places, linked, |services| services)
    }

    /// The same, for somebody who hears more of the plugins than a command does.
    pub fn compose_for(
        self,
        environment: &Environment,
        places: &Places,
        linked: impl Iterator<Item = &'static Registration>,
        serving: impl FnOnce(Services) -> Services,
    ) -> Result<Setup, Error> {
        let listed =
            if self.untrusted.is_empty() { candidates(self.config.plugins(), environment) } else { Vec::new() };
        let vault = Vault::new(places.plugins_by_hash());
        let candidates = SearchOrder { listed, directories: plugin_directories(environment, places) };
        let registry = Registry::assemble(linked, &Search { candidates, trust: &self.trust, vault: &vault })?;
        let world = World::system();
        let kept = Arc::new(PluginStore::new(places.state_db(), world.clone()));
        let conditions = Some(Arc::clone(&kept) as Arc<dyn ConditionLog>);
        let services = serving(Services { world, ear: None, state: kept, conditions });
        let registry = Arc::new(registry.serving(services));
        Ok(Setup { loaded: self, registry, environment: Arc::new(environment.clone()) })
    }
}

/// A file's bytes, with its name free of symbolic links: relative paths in it start there, and so does trust.
pub fn read_config(path: &Utf8Path) -> Result<(Utf8PathBuf, Vec<u8>), Error> {
    let failed = |error: std::io::Error| {
        Error::new(Code::UNAUTHORIZED, format!("cannot read the configuration `{path}`: {error}"))
    };
    let canonical = files::canonical(path).map_err(failed)?;
    // One byte more than the parser accepts is enough for it to refuse.
    let bytes = files::read_at_most(&canonical, ao_core::config::MAX_BYTES + 1).map_err(failed)?;
    Ok((canonical, bytes))
}

fn candidates(libraries: &[PluginLibrary], environment: &Environment) -> Vec<Candidate> {
    let mut listed: Vec<Candidate> = Vec::new();
    for library in libraries.iter().filter(|library| library.enabled) {
        // The user's own file and the repository's may both list it; the repository's entry is read later and counts.
        listed.retain(|candidate| candidate.path != library.path);
        let deadlines =
            library.deadlines.iter().map(|(method, limit)| (method.slot(), method.method().to_owned(), limit.get()));
        listed.push(Candidate {
            path: library.path.clone(),
            pinned: library.sha256.as_ref().map(|hash| hash.as_str().to_owned()),
            overrides: library.overrides,
            deadlines: Deadlines::new(deadlines),
            hosting: match library.isolation {
                Isolation::Process => Hosting::Process { program: environment.program.clone() },
                _ => Hosting::InProcess,
            },
            mention: Mention::Listed,
        });
    }
    listed
}

/// `AO_PLUGIN_PATH`, what is installed, what came with the program. Never the checkout or the current directory.
fn plugin_directories(environment: &Environment, places: &Places) -> Vec<Utf8PathBuf> {
    let named = environment.variable("AO_PLUGIN_PATH").unwrap_or_default().split(':').filter(|path| !path.is_empty());
    let beside = environment.program.parent().and_then(Utf8Path::parent).map(|above| above.join("lib/ao/plugins"));
    named.map(Utf8PathBuf::from).chain([places.plugins_installed()]).chain(beside).collect()
}

/// A configuration with its plugins.
pub struct Setup {
    /// The configuration.
    pub loaded: Loaded,
    /// The plugins.
    pub registry: Arc<Registry>,
    environment: Arc<Environment>,
}

impl Setup {
    /// Refuses to go on with a configuration that is not trusted.
    pub fn require_trust(&self) -> Result<(), Error> {
        self.loaded.require_trust()
    }

    /// Whether a program of this name is on the user's `PATH`.
    #[must_use]
    pub fn has_program(&self, name: &str) -> bool {
        let path = self.environment.variable("PATH").unwrap_or_default();
        path.split(':').filter(|directory| !directory.is_empty()).any(|directory| {
            let candidate = Utf8Path::new(directory).join(name);
            rustix::fs::access(candidate.as_std_path(), rustix::fs::Access::EXEC_OK).is_ok()
        })
    }

    /// What is wrong with a plugin's settings, as they are written, against the schema in its manifest.
    pub fn check(&self, slot: Slot, wanted: &SlotConfig) -> Result<(), SetupError> {
        let entry = self.registry.entry(slot, &wanted.plugin).map_err(|error| self.unknown(slot, wanted, error))?;
        let checked = wanted.check(&entry.component.config_schema);
        Ok(checked.map_err(|problems| problems.of_plugin(slot, &wanted.plugin))?)
    }

    /// A plugin that there is not, shown where the configuration names it. One that was named on the command line, or
    /// that nobody named, stands in no file.
    fn unknown(&self, slot: Slot, wanted: &SlotConfig, error: Error) -> SetupError {
        if wanted.choice == Choice::BuiltIn || wanted.settings.path.is_empty() {
            return error.into();
        }
        let of_slot = self.registry.entries().filter(|entry| entry.component.slot == slot);
        let names: Vec<_> = of_slot.map(|entry| entry.component.name.to_string()).collect();
        let help = match closest(wanted.plugin.as_str(), names.iter().map(String::as_str)) {
            Some(meant) => format!("did you mean `{meant}`? See `ao plugin list`"),
            None if slot == Slot::Notifier => WEB_NOTIFIERS.to_owned(),
            None => "see `ao plugin list`".to_owned(),
        };
        let (place, path) = (&wanted.settings.place, wanted.settings.path.clone());
        let problem = Diagnostic::error(place, path, error.message).help(help);
        SetupError::Config(problem.into())
    }

    /// The instance that fills a slot: its settings checked against the plugin's schema, references expanded.
    pub fn instance(&self, slot: Slot, wanted: &SlotConfig) -> Result<(PluginName, Instance), SetupError> {
        self.require_trust()?;
        let entry = self.registry.entry(slot, &wanted.plugin).map_err(|error| self.unknown(slot, wanted, error))?;
        let settings = WrittenSettings { wanted: wanted.clone(), environment: Arc::clone(&self.environment) };
        let expanded = settings
            .with_lookup(|lookup| wanted.expand(lookup, &entry.component.config_schema))
            .map_err(|problems: Diagnostics| problems.of_plugin(slot, &wanted.plugin))?;
        let configured = Configured {
            config: expanded.settings.to_json(),
            secrets: expanded.secrets,
            written: wanted.to_json(),
            settings: Some(Arc::new(settings)),
        };
        let instance = self.registry.configured(slot, &wanted.plugin, configured)?;
        Ok((wanted.plugin.clone(), instance))
    }
}

/// What to do where a notifier is not there: most of them are not part of the program.
const WEB_NOTIFIERS: &str = "see `ao plugin list`; `webhook`, `slack` and `discord` are in the library `notify-web`, which \
                             docs/notifiers.md says how to get";

/// A plugin's settings as they were written, to be read again.
struct WrittenSettings {
    wanted: SlotConfig,
    environment: Arc<Environment>,
}

impl WrittenSettings {
    fn with_lookup<T>(&self, work: impl FnOnce(&Lookup<'_>) -> T) -> T {
        let variable = |name: &str| self.environment.variables.get(name).cloned();
        let file = |path: &Utf8Path| {
            let text = fs_err::read_to_string(path).map_err(|error| error.to_string())?;
            Ok(text.trim_end_matches(['\n', '\r']).to_owned())
        };
        work(&Lookup { variable: &variable, file: &file, home: Some(&self.environment.home) })
    }
}

impl Settings for WrittenSettings {
    fn read(&self, field: &str) -> Result<(String, Secrets), Error> {
        let expanded = self.with_lookup(|lookup| self.wanted.expand_field(field, lookup))?;
        let found = expanded.as_ref().map(|expanded| expanded.settings.to_json());
        let text = text_setting(field, found)?;
        Ok((text, expanded.map(|expanded| expanded.secrets).unwrap_or_default()))
    }
}
