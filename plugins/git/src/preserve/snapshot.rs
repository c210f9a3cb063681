//! What is not committed, as commits: one of what is staged, one of the files.

use std::collections::BTreeSet;

use ao_plugin_sdk::prelude::*;

use super::copy::Copy;
use super::files::{self, Saved};
use super::index::{self, Mark, Staged};

/// What was saved of a worktree.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    pub(super) staged: Option<String>,
    pub(super) files: Option<String>,
    pub(super) only_there: Vec<String>,
}

/// Saves what differs from the commit that the worktree stands on.
pub(super) async fn take(copy: &Copy<'_>, head: Option<&str>, key: &str) -> Result<Snapshot> {
    let index = index::read(copy).await?;
    let committed = match head {
        Some(head) => copy.ask(["rev-parse", "--verify", "--quiet", &format!("{head}^{{tree}}")]).await?,
        None => None,
    };
    let mut taken = Snapshot::default();
    let mut tree = index::tree_of(&index);
    let staged = index::write_tree(copy, key, &tree).await?;
    let is_new = |tree: &str, entries: usize| committed.as_deref().map_or(entries > 0, |committed| tree != committed);
    if is_new(&staged, tree.len()) {
        taken.staged = Some(commit(copy, &staged, &parents(head, None), "ao: what was staged").await?);
    }
    let Some(root) = &copy.files else { return Ok(taken) };
    let changed = changed(copy, head, &index).await?;
    let Saved { entries, gone, only_there } = files::save(copy, root, changed, key).await?;
    taken.only_there = only_there;
    tree.retain(|path, _| !path.starts_with(index::CONFLICT));
    for path in gone {
        tree.remove(&path);
    }
    tree.extend(entries);
    let files = index::write_tree(copy, key, &tree).await?;
    if is_new(&files, tree.len()) {
        let parents = parents(head, taken.staged.as_deref());
        taken.files = Some(commit(copy, &files, &parents, "ao: the files as they were").await?);
    }
    Ok(taken)
}

/// The paths whose files may differ from the commit, and those that git does not track. No filter runs for it: where only
/// a file's times differ, it is saved for nothing. What is staged is saved as a file, too: git may have converted it.
async fn changed(copy: &Copy<'_>, head: Option<&str>, index: &[Staged]) -> Result<Vec<Vec<u8>>> {
    let look = copy.at(["-c", "core.fsmonitor=false", "diff-files", "--name-only", "--no-renames", "-z"]);
    let differing = look.arg("--ignore-submodules=none").looking().run().await?.stdout;
    let look = copy.at(["-c", "core.fsmonitor=false", "ls-files", "--others", "--exclude-standard", "-z"]);
    let untracked = look.looking().run().await?.stdout;
    let submodules: BTreeSet<&[u8]> =
        index.iter().filter(|staged| staged.entry.mode == "160000").map(|staged| staged.path.as_slice()).collect();
    let staged = match head {
        Some(head) => {
            let look = copy.at(["diff-index", "--cached", "--name-only", "--no-renames", "-z"]).arg(head).arg("--");
            look.looking().run().await?.stdout
        }
        None => index.iter().flat_map(|staged| [staged.path.as_slice(), b"\0"].concat()).collect(),
    };
    let named = [&differing, &untracked, &staged].into_iter().flat_map(|named| named.split(|byte| *byte == 0));
    let mut paths: BTreeSet<Vec<u8>> =
        named.filter(|path| !path.is_empty() && !submodules.contains(path)).map(<[u8]>::to_vec).collect();
    // Where git was asked not to look, we do.
    let unseen = |staged: &&Staged| staged.mark == Mark::Assumed || staged.stage > 0;
    paths.extend(index.iter().filter(unseen).map(|staged| staged.path.clone()));
    let skipped: Vec<_> =
        index.iter().filter(|staged| staged.mark == Mark::Skipped).map(|staged| staged.path.clone()).collect();
    paths.extend(there(copy, skipped).await?);
    Ok(paths.into_iter().collect())
}

/// Those that are there: a file that a sparse check-out leaves out is not deleted.
async fn there(copy: &Copy<'_>, paths: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>> {
    use std::os::unix::ffi::OsStrExt;
    let Some(root) = copy.files.clone() else { return Ok(Vec::new()) };
    let is_there = move |path: &Vec<u8>| {
        std::fs::symlink_metadata(root.as_std_path().join(std::ffi::OsStr::from_bytes(path))).is_ok()
    };
    blocking(move || Ok(paths.into_iter().filter(is_there).collect())).await
}

fn parents<'a>(head: Option<&'a str>, staged: Option<&'a str>) -> Vec<&'a str> {
    head.into_iter().chain(staged).collect()
}

/// Makes a commit. It is nobody's work, so it bears nobody's name.
pub(super) async fn commit(copy: &Copy<'_>, tree: &str, parents: &[&str], message: &str) -> Result<String> {
    let mut call = copy.at(["commit-tree", "-m", message]);
    for parent in parents {
        call = call.arg("-p").arg(*parent);
    }
    for name in ["GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"] {
        call = call.env(name, "ao");
    }
    for name in ["GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"] {
        call = call.env(name, "ao@localhost");
    }
    Ok(call.arg(tree).run().await?.text())
}
