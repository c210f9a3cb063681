//! The demo's stage: a project in a temporary directory, with an installation of `ao` of its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ao_core::config::Project;
use ao_core::model::InvalidName;
use ao_core::plugin::registrations;
use ao_core::{Code, Error};
use ao_host::failpoint::Failpoints;
use ao_host::sessions::{Crew, Sessions};
use ao_host::setup::{ConfigFiles, Environment, Loaded, Setup};
use ao_host::store::{SessionFilter, SqliteStore};
use ao_host::trust::Trust;
use ao_host::world::{Places, World, files};
use camino::{Utf8Path, Utf8PathBuf};
use tempfile::TempDir;

use crate::edge::{Edge, block_on};
use crate::failure::Failure;
use crate::output;
use crate::process::Program;

/// The project's name.
const PROJECT: &str = "textstat";

/// The project as it is in the beginning.
const FILES: &[(&str, &str)] = &[
    ("README.md", include_str!("program/README.md")),
    ("textstat.sh", include_str!("program/textstat.sh")),
    ("tests.sh", include_str!("program/tests.sh")),
    ("cases/lines.cmd", "lines\n"),
    ("cases/lines.in", "a b\nc\n"),
    ("cases/lines.out", "2\n"),
    ("cases/longest-word.cmd", "longest\n"),
    ("cases/longest-word.in", "a bcd ef\n"),
    ("cases/longest-word.out", "bcd\n"),
    ("cases/words.cmd", "words\n"),
    ("cases/words.in", "a b\nc\n"),
    ("cases/words.out", "3\n"),
];

/// Everything that the demo needs, in one directory that goes away with it.
pub(crate) struct Stage {
    directory: TempDir,
    pub(super) repository: Utf8PathBuf,
    pub(super) environment: Environment,
    pub(super) setup: Setup,
    pub(super) sessions: Sessions,
}

impl Stage {
    /// Makes the project, a configuration for it, and an empty installation.
    pub(crate) fn build(edge: &Edge) -> Result<Self, Failure> {
        let unusable =
            |error: std::io::Error| Error::wrap(Code::UNAVAILABLE, "cannot make a temporary directory", &error);
        let directory = tempfile::Builder::new().prefix("ao-demo-").tempdir().map_err(unusable)?;
        let root = Utf8Path::from_path(directory.path())
            .ok_or_else(|| Error::invalid_input("the path of the temporary directory is not UTF-8"))?;
        let root = files::canonical(root).map_err(unusable)?;
        let repository = root.join(PROJECT);
        let environment = environment(edge, &root, &repository);
        write_project(&repository, &environment)?;
        let places = Places::resolve(&|name| environment.variable(name).map(Into::into), &environment.home)
            .map_err(Error::from)?;
        let config = repository.join("agent-orchestrator.yaml");
        let bytes = configuration(&environment.program);
        write(&config, &bytes)?;
        Trust::add_config(&places.trust_file(), &config, bytes.as_bytes()).map_err(Error::from)?;
        let files = ConfigFiles { global: None, local: Some(config) };
        let setup = Loaded::read(files, &environment, &places)?.compose(&environment, &places, registrations())?;
        let needed = ["sh", "awk", "cat", "dirname"];
        if let Some(missing) = needed.into_iter().find(|program| !setup.has_program(program)) {
            let message = format!("the demo's little project needs `{missing}`, which is not on your PATH");
            return Err(Error::unavailable(message).into());
        }
        places.ensure().map_err(Error::from)?;
        let sessions = Sessions {
            store: Arc::new(SqliteStore::open(&places.state_db()).map_err(Error::from)?),
            world: World::system(),
            places,
            failpoints: Failpoints::default(),
            program: environment.program.clone(),
        };
        Ok(Self { directory, repository, environment, setup, sessions })
    }

    /// Ends every process of the demo.
    pub(crate) fn clear(&self) -> Result<(), Failure> {
        for session in self.sessions.store.sessions(&SessionFilter::default()).map_err(Error::from)? {
            if session.runtime.is_some() && session.end.is_none() {
                let runtime = Crew::runtime_of(&self.setup, &session)?;
                block_on(self.sessions.kill(&session.id, &runtime, "the demo is over"))??;
            }
        }
        Ok(())
    }

    /// Leaves the directory where it is.
    pub(crate) fn keep(self) {
        let home = self.environment.variable("AO_HOME").unwrap_or_default().to_owned();
        let repository = self.repository.clone();
        let _ = self.directory.keep();
        output::note(format_args!("kept: {repository}"));
        output::note(format_args!("try:  cd {repository} && AO_HOME={home} ao session list"));
    }

    /// The project, as configured.
    pub(super) fn project(&self) -> Result<&Project, Failure> {
        let name = PROJECT.parse().map_err(|error: InvalidName| Error::invalid_input(error.to_string()))?;
        Ok(self.setup.loaded.config.project(&name)?)
    }

    /// What git says in the project.
    pub(super) fn git(&self, arguments: &[&str]) -> Result<String, Failure> {
        git(&self.repository, &self.environment, arguments)
    }
}

/// The user's environment with an installation of its own, and an author for the commits.
fn environment(edge: &Edge, root: &Utf8Path, repository: &Utf8Path) -> Environment {
    let mut environment = edge.environment.clone();
    let mut set = |name: &str, value: &str| environment.variables.insert(name.to_owned(), value.to_owned());
    set("AO_HOME", root.join("ao").as_str());
    set("GIT_CONFIG_NOSYSTEM", "1");
    set("GIT_CONFIG_GLOBAL", "/dev/null");
    for role in ["AUTHOR", "COMMITTER"] {
        set(&format!("GIT_{role}_NAME"), "Demo Agent");
        set(&format!("GIT_{role}_EMAIL"), "agent@example.org");
    }
    for name in ["AO_CONFIG_PATH", "AO_GLOBAL_CONFIG", "AO_PLUGIN_PATH"] {
        environment.variables.remove(name);
    }
    repository.clone_into(&mut environment.current_directory);
    environment
}

fn configuration(program: &Utf8Path) -> String {
    // A JSON text is a YAML text, whatever the path holds.
    let program = serde_json::Value::from(program.as_str());
    format!(
        "version: 1\nagents:\n  demo:\n    plugin: command\n    argv: [{program}, __demo_agent, \"{{prompt_file}}\"]\n\
         defaults:\n  agent: demo\nprojects:\n  {PROJECT}:\n    path: .\n    sessionPrefix: demo\n"
    )
}

fn write_project(repository: &Utf8Path, environment: &Environment) -> Result<(), Failure> {
    let unwritable = |error: std::io::Error| Error::wrap(Code::UNAVAILABLE, "cannot write the demo's project", &error);
    fs_err::create_dir_all(repository.join("cases")).map_err(unwritable)?;
    for (name, content) in FILES {
        write(&repository.join(name), content)?;
    }
    git(repository, environment, &["init", "--quiet", "--initial-branch=main"])?;
    git(repository, environment, &["add", "--all"])?;
    git(repository, environment, &["commit", "--quiet", "--message", "A small program with its tests"])?;
    Ok(())
}

fn write(path: &Utf8Path, content: &str) -> Result<(), Error> {
    files::write_atomic(path, content.as_bytes(), 0o644)
        .map_err(|error| Error::wrap(Code::UNAVAILABLE, format!("cannot write `{path}`"), &error))
}

fn git(directory: &Utf8Path, environment: &Environment, arguments: &[&str]) -> Result<String, Failure> {
    let program = Program {
        path: "git".into(),
        arguments: arguments.iter().map(ToString::to_string).collect(),
        environment: variables(environment),
        limit: Duration::from_secs(30),
    };
    let ended = program.run(directory)?;
    let failed = || Error::other(format!("`git {}` failed: {}", arguments.join(" "), ended.stderr.trim()));
    Ok(ended.success().ok_or_else(failed)?.to_owned())
}

/// Without what a git hook around `ao demo` would have set.
fn variables(environment: &Environment) -> BTreeMap<String, String> {
    let leaked = ["GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE", "GIT_PREFIX"];
    let kept = environment.variables.iter().filter(|(name, _)| !leaked.contains(&name.as_str()));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}
