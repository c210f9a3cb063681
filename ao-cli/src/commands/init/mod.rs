//! `ao init`: writes the configuration of a repository, and trusts what it wrote.

mod repository;
mod template;

use std::io::{self, Write};
use std::process::ExitCode;

use ao_core::config::{Config, Document};
use ao_core::{Code, Error};
use ao_host::setup::CONFIG_NAMES;
use ao_host::trust::Trust;
use camino::{Utf8Path, Utf8PathBuf};

use crate::edge::Edge;
use crate::failure::{Failure, Outcome};
use crate::output::Page;
use repository::Repository;

/// Write a configuration for a git repository, and trust it
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
}

impl Written {
    /// What it is about, in one line.
    pub(crate) fn summary(&self) -> String {
        let Self { path, repository } = self;
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
    let text = template::text(&repository, forge);
    // What is written must be what is read; a name that git allows and we do not shows up here.
    let document = Document::parse(&path, text.as_bytes())?;
    Config::layered([document], Some(&edge.environment.home))?;
    write_new(&path, &text)?;
    Trust::add_config(&edge.places.trust_file(), &path, text.as_bytes()).map_err(Error::from)?;
    Ok(Written { path, repository })
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
    let mut steps = vec!["name your agent in that file (see `agents`), then `ao trust`"];
    if !repository.has_commit {
        steps.push("make a first commit: a session's worktree starts from one, and there is none yet");
    }
    steps.push(match forge {
        Forge::Unset => "`ao spawn --prompt '…'`; `ao doctor` says what is missing",
        Forge::Local => {
            "`ao issue new '…'`, which prints a number; `ao spawn NUMBER`; `ao doctor` says what is missing"
        }
    });
    for (number, step) in (1..).zip(steps) {
        page.line(format_args!("  {number}. {step}"));
    }
    page
}
