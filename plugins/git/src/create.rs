//! Makes a worktree and its branch; what a failure leaves half-made is taken back here.

use std::io::ErrorKind;

use ao_plugin_sdk::prelude::*;

use crate::discard;
use crate::identify;
use crate::links::{self, Link};
use crate::refs::{self, Branch, Made};
use crate::repository::{self, Repository};
use ao_git_command::{Git, complaint};

/// The branch that a worktree is going to stand on.
struct Start {
    commit: String,
    created: bool,
}

pub(crate) async fn create(git: &Git, request: CreateWorkspace) -> Result<WorkspaceInfo> {
    let CreateWorkspace { project, target, branch, .. } = &request;
    if !target.is_absolute() {
        return Err(Error::invalid_input(format!("the worktree's path `{target}` is not absolute")));
    }
    let (repository, base) = repository::open_with_base(git, project, &request.base, request.freshness).await?;
    let links = links::plan(&repository, &request.symlinks)?;
    blocking({
        let (repository, links, target) = (repository.clone(), links.clone(), target.clone());
        move || {
            links::check_sources(&repository, &links)?;
            claim(&target)
        }
    })
    .await?;
    // From here on the directory is ours, so everything found in it on failure was made by this call.
    let start = match start(git, project, branch, &base, request.existing_branch).await {
        Ok(start) => start,
        Err(error) => return Err(unclaim(target, error).await),
    };
    let made = match check_out(git, &repository, target, branch, &links).await {
        Ok(()) => mark(&repository, &request).await,
        failed => failed,
    };
    if let Err(error) = made {
        return Err(take_back(git, &request, &repository, &start, error).await);
    }
    let mut info = WorkspaceInfo::new(target.clone(), start.commit);
    info.branch = Some(branch.clone());
    info.branch_created = start.created;
    info.base = Some(base);
    Ok(info)
}

/// Makes the directory, or fails where somebody has it already.
pub(crate) fn claim(target: &Utf8Path) -> Result<()> {
    fs_err::create_dir(target).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => in_the_way(target),
        _ => Error::wrap(Code::OTHER, format!("cannot make the worktree's directory `{target}`"), &error),
    })
}

pub(crate) fn in_the_way(target: &Utf8Path) -> Error {
    Error::conflict(format!(
        "`{target}` exists already, and may hold somebody's work: move it away, or use another session"
    ))
}

pub(crate) async fn unclaim(target: &Utf8Path, error: Error) -> Error {
    let target = target.to_owned();
    // It is empty unless somebody else put something there, and then it stays.
    let removed = blocking(move || fs_err::remove_dir(&target).map_err(|error| Error::other(error.to_string())));
    match removed.await {
        Ok(()) => error,
        Err(kept) => and(error, &kept.to_string()),
    }
}

/// The error with what else there is to say.
pub(crate) fn and(mut error: Error, more: &str) -> Error {
    error.message = format!("{}; {more}", error.message);
    error
}

/// Makes the branch, or continues on the one that is there.
async fn start(
    git: &Git,
    project: &Utf8Path,
    branch: &BranchName,
    base: &str,
    existing: ExistingBranch,
) -> Result<Start> {
    let refused = match refs::make(git, project, branch, base).await? {
        Made::Made => return Ok(Start { commit: base.to_owned(), created: true }),
        Made::Refused(why) => why,
    };
    let found = refs::look(git, project, branch).await?;
    let Some(commit) = usable(&found, branch, existing)? else {
        return Err(Error::conflict(format!("cannot make the branch `{branch}` in `{project}`: {refused}")));
    };
    if found.created_at.is_some() {
        refs::disown(git, project, branch).await?;
    }
    Ok(Start { commit, created: false })
}

/// The commit of a branch that is there and may be continued on; none where there is no such branch.
pub(crate) fn usable(found: &Branch, branch: &BranchName, existing: ExistingBranch) -> Result<Option<String>> {
    let Some(commit) = &found.commit else { return Ok(None) };
    if let Some(path) = &found.checked_out {
        return Err(Error::conflict(format!(
            "the branch `{branch}` is checked out in `{path}`: use another branch, or switch that worktree to another"
        )));
    }
    if existing != ExistingBranch::Continue {
        return Err(Error::conflict(format!(
            "the branch `{branch}` exists already, on {commit}: use another branch, or look at it and delete it with \
             `git branch -d`"
        )));
    }
    Ok(Some(commit.clone()))
}

/// Whether `create` could do its work. What only a fetch would bring is not looked for: that would make something.
pub(crate) async fn check(git: &Git, request: CreateWorkspace) -> Result<WorkspaceCheck> {
    let CreateWorkspace { project, target, branch, .. } = &request;
    let (repository, base) = if request.freshness == Freshness::Fetched {
        (repository::open(git, project).await?, None)
    } else {
        let (repository, base) = repository::open_with_base(git, project, &request.base, Freshness::Local).await?;
        (repository, Some(base))
    };
    let links = links::plan(&repository, &request.symlinks)?;
    blocking({
        let (repository, target) = (repository.clone(), target.clone());
        move || {
            links::check_sources(&repository, &links)?;
            if target.symlink_metadata().is_ok() { Err(in_the_way(&target)) } else { Ok(()) }
        }
    })
    .await?;
    let continued = usable(&refs::look(git, project, branch).await?, branch, request.existing_branch)?;
    let mut check = WorkspaceCheck::new();
    check.base = continued.or(base);
    Ok(check)
}

async fn mark(repository: &Repository, request: &CreateWorkspace) -> Result<()> {
    match &request.identity {
        Some(blob) => identify::mark(&repository.common, &request.target, blob.clone()).await,
        None => Ok(()),
    }
}

async fn check_out(
    git: &Git,
    repository: &Repository,
    target: &Utf8Path,
    branch: &BranchName,
    links: &[Link],
) -> Result<()> {
    let call = git.at(&repository.project, ["worktree", "add", "--"]).arg(target.as_str()).arg(branch.as_str());
    let output = call.output().await?;
    if !output.status.success() {
        let said = complaint(&output);
        let taken = said.contains("already used by worktree") || said.contains("already checked out");
        let message = format!("cannot check `{branch}` out into `{target}`: {said}");
        return Err(Error::new(if taken { Code::CONFLICT } else { Code::OTHER }, message));
    }
    if links.is_empty() {
        return Ok(());
    }
    let (repository, target, links) = (repository.clone(), target.to_owned(), links.to_vec());
    blocking(move || links::make(&repository, &target, &links)).await
}

/// Takes back what a failed check-out left; adds to the error what had to be kept.
async fn take_back(
    git: &Git,
    request: &CreateWorkspace,
    repository: &Repository,
    start: &Start,
    error: Error,
) -> Error {
    let mut discard = DiscardWorkspace::new(request.project.clone(), request.target.clone(), request.branch.clone());
    discard.created_at = start.created.then(|| start.commit.clone());
    discard.symlinks.clone_from(&request.symlinks);
    let kept = match discard::discard_in(git, repository, &discard).await {
        Ok(Discarded::Kept { why }) => why,
        Ok(_) => return error,
        Err(failed) => failed.to_string(),
    };
    and(error, &format!("what it made is kept: {kept}"))
}
