//! The one place that reads the command line, the environment, the current directory and the running program.

#![expect(clippy::disallowed_methods, reason = "what is read here is handed on as values")]

use std::ffi::OsString;
use std::future::Future;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use ao_core::model::spool::SPOOL_VARIABLE;
use ao_core::plugin::registrations;
use ao_core::{Code, Error};
use ao_host::loader::Vault;
use ao_host::registry::Registry;
use ao_host::setup::{CONFIG_NAMES, ConfigFiles, Environment, Loaded, Setup};
use ao_host::trust::Trust;
use ao_host::world::Places;
use camino::{Utf8Path, Utf8PathBuf};

use crate::commands::hook;
use crate::failure::Failure;

/// An environment variable that `ao` reads, for the reference.
pub(crate) struct Variable {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it does.
    pub(crate) about: &'static str,
}

/// Every variable that `ao` reads itself.
pub(crate) const VARIABLES: &[Variable] = &[
    Variable {
        name: "AO_COMPLETE",
        about: "set by the script of `ao completion` when it asks what may stand somewhere",
    },
    Variable { name: "AO_CONFIG_PATH", about: "the configuration file, instead of the first one found upwards" },
    Variable { name: "AO_GLOBAL_CONFIG", about: "your own configuration file, for every project" },
    Variable { name: "AO_HOME", about: "an absolute path that holds everything: state, data, configuration, sockets" },
    Variable { name: "AO_LOG", about: "what is logged to stderr, such as `debug` or `ao_host=trace`" },
    Variable { name: "AO_PLUGIN_PATH", about: "directories with plugin libraries, separated by `:`" },
    Variable {
        name: "AO_SESSION_ID",
        about: "set for agents: a session that one starts counts as its session's child",
    },
    Variable {
        name: "AO_SESSION_TOKEN",
        about: "set for agents, another with each launch: who holds a session's is its agent, whatever else it says",
    },
    Variable { name: "AO_TRUST_CONFIG", about: "SHA-256 sums of trusted configuration files, separated by commas" },
    Variable { name: "AO_TRUST_PLUGINS", about: "SHA-256 sums of trusted plugin libraries, separated by commas" },
    Variable { name: "EDITOR", about: "the editor of `ao issue edit`, unless `VISUAL` names one" },
    Variable {
        name: "NOTIFY_SOCKET",
        about: "set by a service manager: where a host says that it serves; with `WATCHDOG_USEC`, that it makes progress",
    },
    Variable { name: "NO_COLOR", about: "set to anything: no colours" },
    Variable { name: "TMPDIR", about: "where sockets stand if there is no directory with a shorter name" },
    Variable { name: "USER", about: "who writes issues, where git knows no `user.name`" },
    Variable { name: "VISUAL", about: "the editor of `ao issue edit`, a program with its options; no shell reads it" },
    Variable { name: "XDG_CONFIG_HOME", about: "your own configuration: `agent-orchestrator/config.yaml` in it" },
    Variable { name: "XDG_DATA_HOME", about: "plugins and the record of trust: `ao/` in it" },
    Variable { name: "XDG_RUNTIME_DIR", about: "sockets: `ao/` in it" },
    Variable { name: "XDG_STATE_HOME", about: "sessions, worktrees and logs: `ao/` in it" },
];

/// The variable by which a shell says that it wants to know what may stand somewhere.
pub(crate) const COMPLETION_VARIABLE: &str = "AO_COMPLETE";

/// What a command takes from outside.
pub(crate) struct Edge {
    /// The variables, the home directory, the current directory and the program.
    pub(crate) environment: Environment,
    /// Where everything of `ao` stands.
    pub(crate) places: Places,
    /// The registries that were opened: their instances are told when the command ends.
    opened: Mutex<Vec<Arc<Registry>>>,
}

/// The command line, the program's name first.
pub(crate) fn arguments() -> impl Iterator<Item = OsString> {
    std::env::args_os()
}

/// What a shell asks while somebody types.
pub(crate) struct CompletionRequest {
    /// The shell's name.
    pub(crate) shell: String,
    /// The words of the command line, `ao` first.
    pub(crate) words: Vec<OsString>,
    /// Where the shell is.
    pub(crate) directory: Option<PathBuf>,
}

/// The question of a shell, if that is why this program was started: `AO_COMPLETE=<shell> ao -- <words>`.
pub(crate) fn completion() -> Option<CompletionRequest> {
    let shell = std::env::var(COMPLETION_VARIABLE).ok().filter(|shell| !shell.is_empty())?;
    let mut arguments = arguments().skip(1);
    arguments.next().filter(|first| first == "--")?;
    Some(CompletionRequest { shell, words: arguments.collect(), directory: std::env::current_dir().ok() })
}

/// The call of an agent's hook, if that is why this program was started: `ao __hook NAME [PAYLOAD]`.
pub(crate) fn hook() -> Option<hook::Call> {
    let mut arguments = arguments().skip(1);
    arguments.next().filter(|command| command == hook::NAME)?;
    let hook = arguments.next().unwrap_or_default().to_string_lossy().into_owned();
    let payload = arguments.next().map(OsString::into_encoded_bytes);
    let spool = std::env::var_os(SPOOL_VARIABLE).and_then(|spool| Utf8PathBuf::from_path_buf(spool.into()).ok());
    Some(hook::Call { hook, payload, spool })
}

/// Runs a command's asynchronous part, on this thread.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> Result<T, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::wrap(Code::UNAVAILABLE, "cannot start the runtime", &error))?;
    Ok(runtime.block_on(future))
}

impl Edge {
    /// Reads what is outside. No file is opened.
    pub(crate) fn read() -> Result<Self, Failure> {
        let home = std::env::home_dir().filter(|home| !home.as_os_str().is_empty());
        let home = home.ok_or_else(|| Error::invalid_input("there is no home directory: set `HOME`"))?;
        let unreadable = |what: &'static str| move |error: std::io::Error| Error::wrap(Code::OTHER, what, &error);
        let current = std::env::current_dir().map_err(unreadable("cannot tell the current directory"))?;
        let program = std::env::current_exe().map_err(unreadable("cannot tell where this program is"))?;
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let home = utf8(home, "the home directory")?;
        let places = Places::resolve(&|name| std::env::var_os(name), &home).map_err(Error::from)?;
        let environment = Environment {
            variables,
            home,
            current_directory: utf8(current, "the current directory")?,
            program: utf8(program, "the path of this program")?,
        };
        Ok(Self { environment, places, opened: Mutex::default() })
    }

    /// The same program in another environment. No file is opened.
    pub(crate) fn within(environment: Environment) -> Result<Self, Failure> {
        let variable = |name: &str| environment.variable(name).map(OsString::from);
        let places = Places::resolve(&variable, &environment.home).map_err(Error::from)?;
        Ok(Self { environment, places, opened: Mutex::default() })
    }

    /// How this program is started by whoever started it now: by its name where it was found on the `PATH`, else by its
    /// path.
    pub(crate) fn called_as(&self) -> String {
        let first = arguments().next().and_then(|first| first.into_string().ok());
        first
            .filter(|name| !name.is_empty() && !name.contains('/'))
            .unwrap_or_else(|| self.environment.program.to_string())
    }

    /// A path that the user wrote on the command line, without the `.` in it.
    pub(crate) fn absolute(&self, path: &Utf8Path) -> Utf8PathBuf {
        self.environment.current_directory.join(path).components().collect()
    }

    /// The configuration file that the user named, by itself or by its directory.
    pub(crate) fn config_file(&self, path: &Utf8Path) -> Result<Utf8PathBuf, Error> {
        let path = self.absolute(path);
        if !path.exists() {
            return Err(Error::not_found(format!("there is no `{path}`")));
        }
        if !path.is_dir() {
            return Ok(path);
        }
        let found = CONFIG_NAMES.iter().map(|name| path.join(name)).find(|file| file.is_file());
        found.ok_or_else(|| Error::not_found(format!("there is no {} in `{path}`", CONFIG_NAMES[0])))
    }

    /// The configuration files that apply here; at least one.
    pub(crate) fn config_files(&self) -> Result<ConfigFiles, Error> {
        let files = self.config_files_if_any();
        if files.paths().next().is_some() {
            return Ok(files);
        }
        let name = CONFIG_NAMES[0];
        let here = &self.environment.current_directory;
        Err(Error::not_found(format!("there is no {name} in `{here}` or above; `ao init` writes one for a repository")))
    }

    /// The configuration files that apply here, of which there may be none.
    pub(crate) fn config_files_if_any(&self) -> ConfigFiles {
        ConfigFiles::discover(&self.environment.current_directory, &self.environment, &self.places)
    }

    /// The same for another directory, whatever `AO_CONFIG_PATH` says.
    pub(crate) fn config_files_of(&self, directory: &Utf8Path) -> ConfigFiles {
        let mut environment = self.environment.clone();
        environment.variables.remove("AO_CONFIG_PATH");
        ConfigFiles::discover(directory, &environment, &self.places)
    }

    /// What is trusted.
    pub(crate) fn trust(&self) -> Result<Trust, Error> {
        Ok(Trust::read(&self.places.trust_file(), &self.environment.trusted_by_hash())?)
    }

    /// Where the copies of plugin libraries stand.
    pub(crate) fn vault(&self) -> Vault {
        Vault::new(self.places.plugins_by_hash())
    }

    /// The configuration in these files, with the plugins. Nothing of it runs.
    pub(crate) fn setup_of(&self, files: ConfigFiles) -> Result<Setup, Failure> {
        let loaded = Loaded::read(files, &self.environment, &self.places)?;
        let setup = loaded.compose(&self.environment, &self.places, registrations())?;
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&setup.registry));
        Ok(setup)
    }

    /// Tells the instances of plugin libraries that the command is over. What is linked in ends with the process.
    pub(crate) fn close(&self) {
        let opened = std::mem::take(&mut *self.opened.lock().unwrap_or_else(PoisonError::into_inner));
        for registry in opened.iter().filter(|registry| registry.has_foreign_instances()) {
            if let Err(error) = block_on(registry.close()) {
                tracing::debug!("plugins were not told of the end: {error}");
            }
        }
    }
}

fn utf8(path: std::path::PathBuf, what: &str) -> Result<Utf8PathBuf, Error> {
    Utf8PathBuf::from_path_buf(path)
        .map_err(|path| Error::invalid_input(format!("{what} `{}` is not UTF-8", path.display())))
}
