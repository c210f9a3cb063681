//! `ao init`: writes the configuration of a repository, and trusts what it wrote.

mod repository;
mod template;

use std::io::{self, Write};
use std::process::ExitCode;

use ao_core::config::{Config, Document};
use ao_core::{Code, Error};
use ao_host::setup::{CONFIG_NAMES, ConfigFiles, read_config};
use ao_host::trust::Trust;
use camino::{Utf8Path, Utf8PathBuf};

use crate::commands::agent::list;
use crate::edge::Edge;
use crate::failure::{Failure, Outcome};
use crate::output::Page;
use repository::Repository;

/// Write a configuration for a git repository, and trust it
///
/// It names the first agent that `ao agent list` calls usable, for which the agents' programs are asked for their versions;
/// unless you have a configuration of your own that names one.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A directory in the repository; the current one unless given
    #[arg(default_value = ".")]
    path: Utf8PathBuf,
    /// Keep issues and pull requests in the repository itself: no account, no network
    #[arg(long)]
    local: bool,
}

/// Where issues and pull requests are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forge {
    /// Nothing is said of it.
    Unset,
    /// In the repository.
    Local,
}

impl Arguments {
    pub(crate) fn run(self, edge: &Edge) -> Outcome {
        let forge = if self.local { Forge::Local } else { Forge::Unset };
        let written = write(&edge.absolute(&self.path), forge, edge)?;
        report(&written, forge).print()?;
        Ok(ExitCode::SUCCESS)
    }
}

/// A configuration that was written just now.
pub(crate) struct Written {
    /// Where it is.
    pub(crate) path: Utf8PathBuf,
    repository: Repository,
    worker: Worker,
}

impl Written {
    /// What it is about, in one line.
    pub(crate) fn summary(&self) -> String {
        let Self { path, repository, .. } = self;
        let hosted = repository.hosted.as_ref().map(|name| format!(", {}", name.as_str())).unwrap_or_default();
        let (project, branch) = (repository.project(), &repository.default_branch);
        format!("wrote and trusted {path}: project {project}, branch {branch}{hosted}")
    }
}

/// Writes and trusts the configuration of the repository that a directory is in, which must have none.
pub(crate) fn write(directory: &Utf8Path, forge: Forge, edge: &Edge) -> Result<Written, Failure> {
    let repository = Repository::find(directory, edge)?;
    refuse_another(&repository.root)?;
    let path = repository.root.join(CONFIG_NAMES[0]);
    let worker = Worker::find(&repository, &path, &template::text(&repository, forge, &[]), edge);
    let text = template::text(&repository, forge, worker.usable());
    // What is written must be what is read; a name that git allows and we do not shows up here.
    let document = Document::parse(&path, text.as_bytes())?;
    Config::layered([document], Some(&edge.environment.home))?;
    write_new(&path, &text)?;
    Trust::add_config(&edge.places.trust_file(), &path, text.as_bytes()).map_err(Error::from)?;
    Ok(Written { path, repository, worker })
}

/// Whom sessions get.
enum Worker {
    /// As the user's own configuration says.
    Configured(String),
    /// The first of these, which are usable here; nobody where there is none.
    Usable(Vec<String>),
}

impl Worker {
    /// Looks into the user's own configuration, which lies under what is to be written (`new`), then for agents. A
    /// configuration that cannot be used says so when it is used.
    fn find(repository: &Repository, path: &Utf8Path, new: &str, edge: &Edge) -> Self {
        let global = edge.config_files_of(&repository.root).global;
        let own = global.as_ref().map_or(Ok(None), |own| configured(repository, own, path, new, edge));
        let usable = match own {
            Ok(Some(agent)) => return Self::Configured(agent),
            Ok(None) => edge.setup_of(ConfigFiles { global, local: None }).and_then(|setup| list::usable(&setup)),
            Err(failure) => Err(failure),
        };
        Self::Usable(usable.unwrap_or_else(|failure| {
            tracing::debug!("agents were not looked for: {}", failure.message());
            Vec::new()
        }))
    }

    fn usable(&self) -> &[String] {
        match self {
            Self::Configured(_) => &[],
            Self::Usable(usable) => usable,
        }
    }

    /// Who it is and why, if anybody.
    fn said(&self) -> Option<String> {
        match self {
            Self::Configured(agent) => Some(format!("{agent}, as your own configuration says")),
            Self::Usable(usable) => usable.first().map(|agent| format!("{agent}, which is usable here")),
        }
    }
}

/// The agent of the project where `new` lies over the user's own configuration.
fn configured(
    repository: &Repository,
    own: &Utf8Path,
    path: &Utf8Path,
    new: &str,
    edge: &Edge,
) -> Result<Option<String>, Failure> {
    let (own, bytes) = read_config(own)?;
    let documents = [Document::parse(&own, &bytes)?, Document::parse(path, new.as_bytes())?];
    let config = Config::layered(documents, Some(&edge.environment.home))?;
    Ok(config.project(&repository.project())?.agent.as_ref().map(|agent| agent.name().to_string()))
}

/// There is one configuration a repository, under either of the names.
fn refuse_another(root: &Utf8Path) -> Result<(), Error> {
    let there = CONFIG_NAMES.iter().map(|name| root.join(name)).find(|path| path.symlink_metadata().is_ok());
    there.map_or(Ok(()), |path| Err(exists(&path)))
}

fn exists(path: &Utf8Path) -> Error {
    Error::conflict(format!("`{path}` exists already and is left as it is; look at it, then `ao trust {path}`"))
}

/// Writes a file that is not there yet. A file of the user's is never replaced, also when it appears just now.
fn write_new(path: &Utf8Path, text: &str) -> Result<(), Error> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => exists(path),
        _ => Error::wrap(Code::OTHER, format!("cannot write `{path}`"), &error),
    };
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(path).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)
}

fn report(written: &Written, forge: Forge) -> Page {
    let (mut page, repository) = (Page::for_stdout(), &written.repository);
    page.line(written.summary());
    page.line("next:");
    let mut steps = Vec::new();
    let worker = written.worker.said();
    if worker.is_none() {
        steps.push("name your agent in that file (see `agents`), then `ao trust`".to_owned());
    }
    if !repository.has_commit {
        steps.push("make a first commit: a session's worktree starts from one, and there is none yet".to_owned());
    }
    let begin = match forge {
        Forge::Unset => "`ao spawn --prompt '…'`",
        Forge::Local => "`ao issue new '…'`, which prints a number; `ao spawn NUMBER`",
    };
    let starts = worker.map(|worker| format!(" starts {worker}")).unwrap_or_default();
    steps.push(format!("{begin}{starts}; `ao doctor` says what is missing"));
    for (number, step) in (1..).zip(steps) {
        page.line(format_args!("  {number}. {step}"));
    }
    page
}
