//! Looks at worktrees: where they stand, and how much in them is not committed.

use std::collections::BTreeMap;
use std::time::Duration;

use ao_plugin_sdk::prelude::*;
use futures_util::{StreamExt, stream};

use crate::porcelain::{self, EntryKind};
use ao_git_command::Git;

/// How many worktrees are looked at at once: git reads their files, so more would only wait for the disk.
const AT_ONCE: usize = 4;

/// What is kept of the call's time to answer with what is known.
const RESERVE: Duration = Duration::from_millis(300);

pub(crate) async fn observe(git: &Git, request: ObserveWorkspaces) -> Vec<WorkspaceObservation> {
    let ObserveWorkspaces { paths, bases, .. } = request;
    let bases = &bases.into_iter().map(|base| (base.path, base.base)).collect();
    // Each future owns its path.
    stream::iter(paths.into_iter().map(|path| observe_one(git, path, bases))).buffered(AT_ONCE).collect().await
}

async fn observe_one(git: &Git, path: Utf8PathBuf, bases: &BTreeMap<Utf8PathBuf, String>) -> WorkspaceObservation {
    match look(git, &path, bases.get(&path).map(String::as_str)).await {
        Ok(Some(observation)) => observation,
        Ok(None) => WorkspaceObservation::new(path, Presence::Missing),
        Err(error) => WorkspaceObservation::new(path, Presence::Unknown { why: error.to_string() }),
    }
}

/// `None` where there is nothing.
async fn look(git: &Git, path: &Utf8Path, base: Option<&str>) -> Result<Option<WorkspaceObservation>> {
    let (exists, is_worktree) = blocking({
        let path = path.to_owned();
        move || {
            let exists = path.try_exists();
            let exists =
                exists.map_err(|error| Error::wrap(Code::OTHER, format!("cannot look at `{path}`"), &error))?;
            Ok((exists, path.join(".git").exists()))
        }
    })
    .await?;
    if !exists {
        return Ok(None);
    }
    if !is_worktree {
        // git would answer for a repository around it.
        return Err(Error::not_found(format!("`{path}` is no git worktree any more")));
    }
    let mut call = git
        .at(path, ["status", "--porcelain=v2", "--branch", "-z", "--no-renames", "--untracked-files=all"])
        .arg("--no-ahead-behind")
        .looking();
    if let Some(left) = deadline() {
        call = call.within(left.saturating_sub(RESERVE));
    }
    let status = porcelain::status(&call.run().await?.stdout);
    let count = |kinds: &[EntryKind]| {
        u32::try_from(status.entries.iter().filter(|entry| kinds.contains(&entry.kind)).count()).unwrap_or(u32::MAX)
    };
    let unmerged = match (base, &status.head) {
        (Some(base), Some(head)) => unmerged(git, path, base, head).await?,
        _ => None,
    };
    let mut observation = WorkspaceObservation::new(path, Presence::Present);
    observation.unmerged = unmerged;
    observation.dirty = count(&[EntryKind::Changed, EntryKind::Deleted]);
    observation.untracked = count(&[EntryKind::Untracked]);
    observation.branch = status.branch.and_then(|branch| branch.parse().ok());
    observation.head = status.head;
    Ok(Some(observation))
}

/// How many commits lead to `head` and not to the base; none where there is no such base.
async fn unmerged(git: &Git, path: &Utf8Path, base: &str, head: &str) -> Result<Option<u32>> {
    let mut call = git.at(path, ["rev-list", "--count", "--end-of-options"]).arg(format!("{base}..{head}")).looking();
    if let Some(left) = deadline() {
        call = call.within(left.saturating_sub(RESERVE));
    }
    let output = call.output().await?;
    Ok(output.text().parse().ok().filter(|_| output.status.success()))
}
