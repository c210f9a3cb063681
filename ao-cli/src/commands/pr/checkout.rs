//! `ao pr checkout`: a pull request's head in a directory of its own, to read and to try.

use std::process::ExitCode;

use ao_core::Error;
use ao_core::slots::scm::{CheckoutRequest, PullSnapshot};
use camino::{Utf8Path, Utf8PathBuf};

use super::desk::{Desk, Which};
use crate::edge::{Edge, block_on};
use crate::failure::Outcome;
use crate::git::Git;
use crate::output;

/// Check a pull request out into a directory of its own
///
/// It is a linked worktree of your repository with the new branch `pr/NUMBER`; nothing that you have checked out is touched.
/// `git worktree remove DIRECTORY` takes it away again.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    which: Which,
    /// A directory that does not exist yet; `<project>-pr-<NUMBER>` beside the project's unless given
    directory: Option<Utf8PathBuf>,
}

impl Arguments {
    pub(super) fn run(self, edge: &Edge) -> Outcome {
        let desk = Desk::open(edge, &self.which.whose)?;
        let pull = desk.look(self.which.number)?;
        let copy = Copy::planned(&desk, &pull, self.directory.as_deref())?;
        if !copy.is_there(edge)? {
            copy.make(&desk, &pull)?;
        }
        output::text(&format!("{}\n", copy.directory))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// The copy as it is to be.
struct Copy {
    git: Git,
    directory: Utf8PathBuf,
    branch: String,
    head: String,
}

impl Copy {
    fn planned(desk: &Desk<'_>, pull: &PullSnapshot, directory: Option<&Utf8Path>) -> Result<Self, Error> {
        let number = pull.pull.number;
        let project = &desk.project;
        let home = project.path.canonicalize_utf8().unwrap_or_else(|_| project.path.clone());
        let beside = || home.with_file_name(format!("{}-pr-{number}", project.name));
        if !pull.head.bytes().all(|digit| digit.is_ascii_hexdigit()) || pull.head.is_empty() {
            return Err(Error::other(format!("the scm plugin names no commit as the head of #{number}")));
        }
        Ok(Self {
            git: desk.git(),
            directory: directory.map_or_else(beside, |directory| desk.edge.absolute(directory)),
            branch: format!("pr/{number}"),
            head: pull.head.clone(),
        })
    }

    /// Whether it is there already, as it would be made. Anything else in its place is somebody's.
    fn is_there(&self, edge: &Edge) -> Result<bool, Error> {
        let Self { directory, branch, head, .. } = self;
        if directory.symlink_metadata().is_err() {
            return Ok(false);
        }
        if directory.is_dir() {
            let here = Git::at(directory.clone(), edge);
            let common = ["rev-parse", "--path-format=absolute", "--git-common-dir"];
            let stands_on = here.text(&["symbolic-ref", "--quiet", "--short", "HEAD"])?;
            if here.text(&common)? == self.git.text(&common)? && stands_on.as_ref() == Some(branch) {
                let at = here.text(&["rev-parse", "HEAD"])?;
                if at.as_ref() == Some(head) {
                    return Ok(true);
                }
                let message =
                    format!("`{directory}` is there and stands elsewhere than the pull request's head {head}");
                return Err(Error::conflict(format!("{message}: `git worktree remove {directory}` makes room")));
            }
        }
        Err(Error::conflict(format!("`{directory}` is there already and is left as it is: name another directory")))
    }

    fn make(&self, desk: &Desk<'_>, pull: &PullSnapshot) -> Result<(), Error> {
        let Self { git, directory, branch, head } = self;
        let reference = format!("refs/heads/{branch}");
        let before = git.text(&["rev-parse", "--verify", "--quiet", "--end-of-options", &reference])?;
        if before.as_ref().is_some_and(|before| before != head) {
            let message = format!("there is a branch `{branch}` that is not at the pull request's head {head}");
            return Err(Error::conflict(format!("{message}: `git branch --move {branch} NAME` makes room")));
        }
        fetch_head(desk, git, pull)?;
        let place = directory.as_str();
        if before.is_some() {
            git.must(&["worktree", "add", "--quiet", "--end-of-options", place, branch])?;
        } else {
            git.must(&["worktree", "add", "--quiet", "--no-track", "-b", branch, "--end-of-options", place, head])?;
        }
        Ok(())
    }
}

/// Has the commit at a pull request's head in the repository.
pub(super) fn fetch_head(desk: &Desk<'_>, git: &Git, pull: &PullSnapshot) -> Result<(), Error> {
    let commit = format!("{}^{{commit}}", pull.head);
    let has_it = || git.holds(&["cat-file", "-e", "--end-of-options", &commit]);
    if !has_it()? {
        let request = CheckoutRequest::new(desk.forge.repository.as_str(), pull.pull.clone());
        let source = block_on(desk.forge.scm.instance.checkout(request))??;
        let fetch = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--end-of-options"];
        git.must(&[&fetch[..], &[&source.remote, &source.reference]].concat())?;
    }
    if has_it()? {
        return Ok(());
    }
    Err(Error::unavailable(format!("#{} has moved meanwhile: say it again", pull.pull.number)))
}
