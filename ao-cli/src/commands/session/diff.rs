//! `ao session diff`: what a session has changed, against what it was started from.

use std::io::IsTerminal;
use std::process::ExitCode;

use ao_core::Error;
use ao_core::model::SessionId;
use ao_core::model::facts::Session;
use ao_host::store::{Reader, StoreError};
use camino::Utf8PathBuf;

use crate::edge::Edge;
use crate::failure::{Failure, Outcome};
use crate::git::Git;
use crate::{completion, manager, output};

/// Show what a session has changed, committed or not, against the commit where its branch left the base
///
/// On a terminal, control characters are escaped. In a pipe every byte is as it is, so that `git apply` takes it.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The session
    #[arg(add = completion::sessions())]
    session: SessionId,
    /// Only which files, and how much
    #[arg(long)]
    stat: bool,
}

impl Arguments {
    pub(super) fn run(self, edge: &Edge) -> Outcome {
        let stored = manager::reader(edge)?.session(&self.session).map_err(Error::from)?;
        let session = stored.ok_or_else(|| Error::from(StoreError::NoSession(self.session.clone())))?;
        let side = Side::of(&session)?;
        let git = Git::at(side.directory.clone(), edge);
        let base = base(&git, &session, &side)?;
        let form = if self.stat { "--stat" } else { "--binary" };
        let mut arguments =
            vec!["diff", "--no-ext-diff", "--no-textconv", "--no-color", form, "--end-of-options", &base];
        arguments.extend(side.commit.as_deref());
        arguments.push("--");
        let on_terminal = std::io::stdout().is_terminal();
        let status = git.program(&arguments).stream(&git.directory, |line| {
            if on_terminal {
                output::text(&output::printable(&String::from_utf8_lossy(line)))
            } else {
                output::bytes(line)
            }
        })?;
        if !status.success() {
            return Err(Error::other(format!("`git diff` ended with {status} in `{}`", git.directory)).into());
        }
        if side.commit.is_none() {
            let new = git.text(&["ls-files", "--others", "--exclude-standard", "-z"])?.unwrap_or_default();
            let count = new.split('\0').filter(|path| !path.is_empty()).count();
            if count > 0 {
                output::note(format_args!("{count} files that git does not track yet are not shown"));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// What is compared with the base.
struct Side {
    /// The worktree; the project where that is gone.
    directory: Utf8PathBuf,
    /// The commit, where there is no worktree.
    commit: Option<String>,
}

impl Side {
    fn of(session: &Session) -> Result<Self, Error> {
        let id = &session.id;
        let none = || Error::conflict(format!("`{id}` has no worktree: its spawn did not get that far"));
        let workspace = session.workspace.as_ref().ok_or_else(none)?;
        if workspace.path.join(".git").exists() {
            return Ok(Self { directory: workspace.path.clone(), commit: None });
        }
        let receipt = session.trash.last().and_then(|item| item.receipt.as_ref());
        // With what was not committed, where that was saved.
        let kept = receipt.and_then(|receipt| receipt.snapshot.clone().or(receipt.head.clone()));
        let commit = kept.unwrap_or_else(|| format!("refs/heads/{}", workspace.branch));
        Ok(Self { directory: session.project_path.clone(), commit: Some(commit) })
    }
}

/// Where the session's work left the base: an agent may have brought its branch up to date since it was started.
fn base(git: &Git, session: &Session, side: &Side) -> Result<String, Failure> {
    let workspace = session.workspace.as_ref();
    let head = side.commit.as_deref().unwrap_or("HEAD");
    let reference = workspace.map(|workspace| workspace.base_ref.as_str()).filter(|name| !name.is_empty());
    let names = reference.into_iter().flat_map(|name| [name.to_owned(), format!("refs/remotes/origin/{name}")]);
    let recorded = workspace.and_then(|workspace| workspace.base.clone());
    for name in names.chain(recorded.clone()) {
        if let Some(base) = git.text(&["merge-base", "--end-of-options", &name, head])? {
            return Ok(base);
        }
    }
    let message = format!("it cannot be told what `{}` was started from; is its repository still there?", session.id);
    recorded.ok_or_else(|| Error::not_found(message).into())
}
