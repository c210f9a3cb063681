//! Looks at clones, and lists them.

use std::collections::BTreeMap;

use ao_plugin_sdk::prelude::*;
use futures_util::{StreamExt, stream};

use super::marker::{self, Made};
use super::record::{self, Record};
use crate::preserve::copy::Copy;
use crate::{observe as worktrees, repository};
use ao_git_command::Git;

/// How many clones are asked at once how much of them is merged.
const AT_ONCE: usize = 4;

/// As worktrees are looked at; only what is merged, the project knows.
pub(super) async fn observe(git: &Git, request: ObserveWorkspaces) -> Vec<WorkspaceObservation> {
    let bases: BTreeMap<_, _> = request.bases.into_iter().map(|base| (base.path, base.base)).collect();
    let seen = worktrees::observe(git, ObserveWorkspaces::new(request.paths)).await;
    let bases = &bases;
    let merged = seen.into_iter().map(|mut seen| async move {
        if let (Some(base), Some(head)) = (bases.get(&seen.path), seen.head.clone()) {
            seen.unmerged = unmerged(git, &seen.path, base, &head).await.unwrap_or_default();
        }
        seen
    });
    stream::iter(merged).buffered(AT_ONCE).collect().await
}

/// How many commits lead to `head` and not to the project's base, which the clone need not have.
async fn unmerged(git: &Git, path: &Utf8Path, base: &str, head: &str) -> Result<Option<u32>> {
    let marker = blocking({
        let path = path.to_owned();
        move || Ok(marker::read(&path))
    });
    let Some(marker) = marker.await? else { return Ok(None) };
    let repository = repository::open(git, &marker.project).await?;
    let found = git.at(&marker.project, ["rev-parse", "--verify", "--quiet", "--end-of-options"]);
    let found = found.arg(format!("{base}^{{commit}}")).looking().output().await?;
    if !found.status.success() {
        return Ok(None);
    }
    let call = git.at(path, ["rev-list", "--count", "--end-of-options"]).arg(format!("{}..{head}", found.text()));
    let objects = repository.common.join("objects");
    let output = call.looking().env("GIT_ALTERNATE_OBJECT_DIRECTORIES", quoted(&objects)).output().await?;
    Ok(output.text().parse().ok().filter(|_| output.status.success()))
}

/// One entry of a list of paths, whatever is in it (git(1), `GIT_ALTERNATE_OBJECT_DIRECTORIES`).
fn quoted(path: &Utf8Path) -> String {
    format!("\"{}\"", path.as_str().replace('\\', "\\\\").replace('"', "\\\""))
}

/// Clones that are there and complete.
pub(super) async fn list(git: &Git, request: ListWorkspaces) -> Result<Vec<WorkspaceInfo>> {
    let records = record::all(git, &request.project).await?;
    let below = request.below.clone();
    let there = blocking(move || {
        let real = below.canonicalize_utf8().unwrap_or_else(|_| below.clone());
        let is_there = |record: &Record| {
            let inside = record.path.strip_prefix(&below).ok().map(Utf8Path::to_owned);
            let inside = inside.or_else(|| record::real(&record.path).strip_prefix(&real).ok().map(Utf8Path::to_owned));
            let inside = inside.filter(|inside| !inside.as_str().is_empty())?;
            let path = below.join(inside);
            marker::read(&path).is_some_and(|marker| marker.made == Made::Whole).then_some(path)
        };
        Ok(records.into_iter().filter_map(|record| Some((is_there(&record)?, record))).collect::<Vec<_>>())
    });
    let mut found = Vec::new();
    for (path, record) in there.await? {
        let Some(copy) = Copy::find(git, None, &path).await? else { continue };
        let head = copy.ask(["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]).await?;
        let branch = copy.ask(["symbolic-ref", "--quiet", "--short", "HEAD"]).await?;
        let mut info = WorkspaceInfo::new(path, head.unwrap_or_default());
        info.branch = branch.and_then(|branch| branch.parse().ok());
        info.branch_created = record.created_at.is_some();
        info.base = record.created_at;
        found.push(info);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_colons_is_one_path() {
        assert_eq!(quoted(Utf8Path::new("/a:b/\"c\"\\")), r#""/a:b/\"c\"\\""#);
    }
}
