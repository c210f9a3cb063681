//! Makes a worktree again whose directory is gone: from git's record of it where that is left, else from its branch, and
//! with everything that a receipt kept.

use ao_plugin_sdk::prelude::*;

use crate::links;
use crate::place;
use crate::preserve::copy::Copy;
use crate::preserve::{files, index};
use crate::refs;
use crate::repository::{self, Repository};
use ao_git_command::Git;

pub(crate) async fn restore(git: &Git, request: RestoreWorkspace) -> Result<WorkspaceInfo> {
    let RestoreWorkspace { project, target, branch, .. } = &request;
    if !target.is_absolute() {
        return Err(Error::invalid_input(format!("the worktree's path `{target}` is not absolute")));
    }
    let repository = repository::open(git, project).await?;
    let links = links::plan(&repository, &request.symlinks)?;
    let receipt = request.receipt.as_ref();
    let recorded = blocking({
        let (common, target) = (repository.common.clone(), target.clone());
        move || {
            free(&target)?;
            place::private_directory(&common, &target)
        }
    });
    let record = match recorded.await? {
        Some(private) => Record::Left(private),
        None => Record::None,
    };
    match &record {
        Record::Left(private) => revive(private, target).await?,
        Record::None => add(git, &repository, &request).await?,
    }
    let Some(copy) = Copy::find(git, Some(project), target).await? else {
        return Err(Error::other(format!("git made no worktree at `{target}`")));
    };
    if record == Record::None
        && let Some(head) = copy.ask(["rev-parse", "--verify", "--quiet", "HEAD"]).await?
    {
        copy.at(["read-tree"]).arg(head).run().await?;
    }
    fill(&copy, receipt, &record).await?;
    if !links.is_empty() {
        let (repository, target) = (repository.clone(), target.clone());
        // What they lead to may be gone by now; the copy is worth having all the same.
        let _ = blocking(move || links::make(&repository, &target, &links)).await;
    }
    let head = copy.ask(["rev-parse", "--verify", "--quiet", "HEAD"]).await?.unwrap_or_default();
    let on = copy.ask(["symbolic-ref", "--quiet", "--short", "HEAD"]).await?;
    let mut info = WorkspaceInfo::new(target.clone(), head);
    info.branch = on.and_then(|on| on.parse().ok());
    info.base = refs::created_at(git, project, branch).await?;
    Ok(info)
}

/// Whether git still has its own directory for the worktree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Record {
    /// This one, with HEAD, index and whatever was under way.
    Left(Utf8PathBuf),
    None,
}

/// Refuses a place that somebody has.
pub(crate) fn free(target: &Utf8Path) -> Result<()> {
    match fs_err::read_dir(target).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Error::conflict(format!("`{target}` is not empty: move what is in it away first"))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::wrap(Code::OTHER, format!("cannot look at `{target}`"), &error)),
    }
}

/// Gives git's record its directory back.
async fn revive(private: &Utf8Path, target: &Utf8Path) -> Result<()> {
    let (private, target) = (private.to_owned(), target.to_owned());
    blocking(move || {
        let made = fs_err::create_dir_all(&target).and_then(|()| {
            ao_plugin_sdk::files::write_atomically(&target.join(".git"), format!("gitdir: {private}\n").as_bytes())
        });
        made.map_err(|error| Error::wrap(Code::OTHER, format!("cannot make `{target}` again"), &error))?;
        place::lock(&private, Purpose::Work)
    })
    .await
}

/// A new worktree without files, on the branch where that stands as it did, else on the commit alone: a branch that has
/// moved on is somebody's work, and what was saved is not a change of that.
async fn add(git: &Git, repository: &Repository, request: &RestoreWorkspace) -> Result<()> {
    let project = &repository.project;
    let receipt = request.receipt.as_ref();
    let head = receipt.and_then(|receipt| receipt.head.as_deref());
    let branch = match receipt {
        Some(receipt) => receipt.branch.as_ref(),
        None => Some(&request.branch),
    };
    if let Some(branch) = branch {
        revive_branch(git, project, branch, head).await?;
    }
    let standing = match branch {
        Some(branch) => refs::look(git, project, branch).await?,
        None => refs::Branch::default(),
    };
    let call = git.at(project, ["worktree", "add", "--no-checkout"]);
    let (call, start) = match (branch, head) {
        (Some(branch), _)
            if standing.checked_out.is_none() && (head.is_none() || standing.commit.as_deref() == head) =>
        {
            if standing.commit.is_none() {
                let message = format!("neither a worktree nor the branch `{branch}` is left in `{project}`");
                return Err(Error::not_found(message));
            }
            (call, branch.as_str())
        }
        (_, Some(head)) => (call.arg("--detach"), head),
        (Some(branch), None) => {
            let place = standing.checked_out.unwrap_or_default();
            return Err(Error::conflict(format!("the branch `{branch}` is checked out in `{place}`")));
        }
        (None, None) => return Err(Error::not_found(format!("nothing is known of what was in `{}`", request.target))),
    };
    call.arg("--").arg(request.target.as_str()).arg(start).run().await.map(drop)
}

/// Makes a branch again that is gone.
pub(crate) async fn revive_branch(
    git: &Git,
    project: &Utf8Path,
    branch: &BranchName,
    commit: Option<&str>,
) -> Result<()> {
    let (Some(commit), None) = (commit, refs::look(git, project, branch).await?.commit) else { return Ok(()) };
    refs::make(git, project, branch, commit).await.map(drop)
}

/// Writes the files and the index as they were.
pub(crate) async fn fill(copy: &Copy<'_>, receipt: Option<&Receipt>, record: &Record) -> Result<()> {
    let Some(root) = &copy.files else { return Ok(()) };
    let head = receipt.and_then(|receipt| receipt.head.as_deref());
    let snapshot = receipt.and_then(|receipt| receipt.snapshot.as_deref());
    let staged = receipt.and_then(|receipt| receipt.staged.as_deref());
    // First as git would check them out, from an index of our own: the worktree's may hold a conflict.
    let scratch = copy.private.join("ao-restore-index");
    let from = match head.or(receipt.is_none().then_some("HEAD")) {
        Some(from) => from.to_owned(),
        None => copy.at(["mktree"]).input("").run().await?.text(),
    };
    // Without a receipt the record's own index knows more than the commit.
    if *record == Record::None || receipt.is_some() {
        copy.at(["read-tree"]).arg(&from).env("GIT_INDEX_FILE", scratch.as_str()).run().await?;
        copy.at(["checkout-index", "--all", "--force"]).env("GIT_INDEX_FILE", scratch.as_str()).run().await?;
    } else {
        // Where there is a conflict, git says so and writes the rest.
        copy.at(["checkout-index", "--all", "--force"]).output().await?;
    }
    if let Some(snapshot) = snapshot {
        files::write_changes(copy, root, &from, snapshot).await?;
    }
    if *record == Record::None
        && let Some(staged) = staged
    {
        index::restore(copy, staged).await?;
    }
    // Times of files; that some differ is no failure.
    copy.at(["update-index", "-q", "--refresh"]).output().await?;
    blocking(move || match fs_err::remove_file(&scratch) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::wrap(Code::OTHER, "cannot remove what was written aside", &error))
        }
        _ => Ok(()),
    })
    .await
}
