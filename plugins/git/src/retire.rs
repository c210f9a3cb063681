//! The end of what a session leaves in the repository: git's record of its worktree, its pins, its branch.

use ao_plugin_sdk::prelude::*;

use crate::preserve::TRASH;
use crate::refs;
use crate::{place, repository};
use ao_git_command::Git;

/// Drops git's record of a worktree that is not there any more, or in the trash for good, and the pins of its receipt.
pub(crate) async fn forget(git: &Git, request: ForgetWorkspace) -> Result<Forgotten> {
    only_pins(&request.refs)?;
    let repository = repository::open(git, &request.project).await?;
    blocking({
        let (common, path) = (repository.common.clone(), request.path.clone());
        move || place::drop_record(&common, &path)
    })
    .await?;
    unpin(git, &repository.project, &request.refs).await?;
    Ok(Forgotten::new())
}

/// Refuses refs that are no pins.
pub(crate) fn only_pins(refs: &[String]) -> Result<()> {
    match refs.iter().find(|name| !name.starts_with(TRASH)) {
        Some(other) => Err(Error::invalid_input(format!("`{other}` is no ref of a receipt")).at_field("refs")),
        None => Ok(()),
    }
}

/// Drops pins, all or none.
pub(crate) async fn unpin(git: &Git, directory: &Utf8Path, refs: &[String]) -> Result<()> {
    let deletions: String = refs.iter().flat_map(|name| ["delete ", name, "\0\0"]).collect();
    if !deletions.is_empty() {
        git.at(directory, ["update-ref", "--stdin", "-z"]).input(deletions).to_its_end().run().await?;
    }
    Ok(())
}

/// Removes a branch of ours whose commits are all in another one.
pub(crate) async fn retire(git: &Git, request: RetireBranch) -> Result<Retired> {
    let RetireBranch { project, branch, at, because, .. } = &request;
    let found = refs::look(git, project, branch).await?;
    let kept = |why: String| Ok(Retired::Kept { why });
    let Some(commit) = &found.commit else { return Ok(Retired::Gone) };
    if found.created_at.is_none() {
        return kept(format!("`{branch}` was there before the session"));
    }
    if commit != at {
        return kept(format!("`{branch}` has moved on to {commit}"));
    }
    if let Some(path) = &found.checked_out {
        let (common, path) = (repository::open(git, project).await?.common, Utf8PathBuf::from(path));
        let shown = path.clone();
        if !blocking(move || place::is_in_trash(&common, &path)).await? {
            return kept(format!("`{branch}` is checked out in `{shown}`"));
        }
    }
    match because {
        Merged::Told => {}
        Merged::Into { base } => {
            let ancestor = git.at(project, ["merge-base", "--is-ancestor", at, base]).looking().output().await?;
            if !ancestor.status.success() {
                return kept(format!("`{branch}` has commits that `{base}` has not"));
            }
        }
        _ => return Err(Error::unsupported("this version of the plugin does not know this reason to remove a branch")),
    }
    let removed = refs::delete(git, project, branch, at).await?;
    Ok(removed.map_or(Retired::Gone, |why| Retired::Kept { why }))
}
