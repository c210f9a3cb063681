//! Looks at worktrees: where they stand, and how much in them is not committed.

use std::time::Duration;

use ao_plugin_sdk::prelude::*;
use futures_util::{StreamExt, stream};

use crate::git::Git;
use crate::porcelain::{self, EntryKind};

/// How many worktrees are looked at at once: git reads their files, so more would only wait for the disk.
const AT_ONCE: usize = 4;

/// What is kept of the call's time to answer with what is known.
const RESERVE: Duration = Duration::from_millis(300);

pub(crate) async fn observe(git: &Git, paths: Vec<Utf8PathBuf>) -> Vec<WorkspaceObservation> {
    // Each future owns its path.
    stream::iter(paths.into_iter().map(|path| observe_one(git, path))).buffered(AT_ONCE).collect().await
}

async fn observe_one(git: &Git, path: Utf8PathBuf) -> WorkspaceObservation {
    match look(git, &path).await {
        Ok(Some(observation)) => observation,
        Ok(None) => WorkspaceObservation::new(path, Presence::Missing),
        Err(error) => WorkspaceObservation::new(path, Presence::Unknown { why: error.to_string() }),
    }
}

/// `None` where there is nothing.
async fn look(git: &Git, path: &Utf8Path) -> Result<Option<WorkspaceObservation>> {
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
    let mut observation = WorkspaceObservation::new(path, Presence::Present);
    observation.dirty = count(&[EntryKind::Changed, EntryKind::Deleted]);
    observation.untracked = count(&[EntryKind::Untracked]);
    observation.branch = status.branch.and_then(|branch| branch.parse().ok());
    observation.head = status.head;
    Ok(Some(observation))
}
