//! Lists the worktrees of a project below a directory: what `create` made, looked up in the world.

use std::collections::BTreeMap;

use ao_plugin_sdk::prelude::*;

use crate::porcelain::{self, HALF_MADE, Listed};
use crate::refs;
use ao_git_command::Git;

/// Worktrees that are there and complete. One that was interrupted while it was made is left out: it did not happen,
/// and `discard` takes it back.
pub(crate) async fn list(git: &Git, request: ListWorkspaces) -> Result<Vec<WorkspaceInfo>> {
    let listed = git.at(&request.project, ["worktree", "list", "--porcelain", "-z"]).run().await?;
    let records = git.at(&request.project, ["for-each-ref", "--format=%(refname) %(objectname)", refs::CREATED]);
    let records = records.run().await?.text();
    let created: BTreeMap<String, &str> = records
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter_map(|(name, commit)| Some((refs::created_branch(name)?, commit)))
        .collect();
    let below = request.below;
    let real = blocking({
        let below = below.clone();
        move || Ok(below.canonicalize_utf8().unwrap_or(below))
    });
    let real = real.await?;
    let inside = |listed: &Listed| {
        let relative = listed.path.strip_prefix(&real).ok().filter(|relative| !relative.as_str().is_empty())?;
        Some(below.join(relative))
    };
    let whole = porcelain::worktrees(&listed.stdout).into_iter();
    let whole = whole.filter(|listed| !listed.prunable && listed.locked.as_deref() != Some(HALF_MADE));
    Ok(whole.filter_map(|listed| Some(info(inside(&listed)?, &listed, &created))).collect())
}

fn info(path: Utf8PathBuf, listed: &Listed, created: &BTreeMap<String, &str>) -> WorkspaceInfo {
    let mut info = WorkspaceInfo::new(path, listed.head.clone());
    info.branch = listed.branch.as_deref().and_then(|branch| branch.parse().ok());
    info.base = listed.branch.as_ref().and_then(|branch| created.get(branch)).map(|&commit| commit.to_owned());
    info.branch_created = info.base.is_some();
    info
}
