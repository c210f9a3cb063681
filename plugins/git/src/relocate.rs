//! Follows a worktree that the host has moved into the trash, or back.

use ao_plugin_sdk::prelude::*;

use crate::preserve::copy::Copy;
use crate::{place, restore};
use ao_git_command::Git;

/// Tells git where a copy that the host has moved stands now, and whether it is in use there.
pub(crate) async fn relocate(git: &Git, request: RelocateWorkspace) -> Result<Relocated> {
    let path = &request.path;
    if request.purpose == Purpose::Unknown {
        return Err(Error::unsupported("this version of the plugin does not know this purpose of a moved copy"));
    }
    let exists = blocking({
        let dot_git = path.join(".git");
        move || Ok(dot_git.is_file())
    });
    // Without git's own file there is nothing for git to follow: the directory is only a directory.
    if !exists.await? {
        return Ok(Relocated::new());
    }
    git.at(&request.project, ["worktree", "repair", "--end-of-options"]).arg(path.as_str()).run().await?;
    let Some(copy) = Copy::find(git, Some(&request.project), path).await? else { return Ok(Relocated::new()) };
    if let (Purpose::Work, Some(receipt)) = (request.purpose, &request.receipt)
        && let Some(branch) = &receipt.branch
    {
        restore::revive_branch(git, &request.project, branch, receipt.head.as_deref()).await?;
    }
    let purpose = request.purpose;
    blocking(move || place::lock(&copy.private, purpose)).await?;
    Ok(Relocated::new())
}
