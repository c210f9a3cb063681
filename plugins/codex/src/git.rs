//! What a commit writes outside of the worktree: of a linked worktree, all of git's own files.

use ao_plugin_sdk::prelude::*;

/// The most of git's pointer files that is read, in bytes.
const LIMIT: usize = 8 * 1024;

/// The directories that a commit in this worktree writes to and that stand outside of it: none where `.git` is a directory
/// of its own. The repository's hooks and configuration are not among them: what a sandboxed command puts there would run
/// outside of the sandbox.
pub(crate) fn directories(worktree: &Utf8Path) -> Vec<Utf8PathBuf> {
    let Some(private) = private_directory(worktree) else { return Vec::new() };
    let common = pointer(&private.join("commondir"), "").map_or_else(|| private.clone(), |to| private.join(to));
    let shared = ["objects", "refs", "logs", "reftable"].map(|name| common.join(name));
    let all = std::iter::once(private).chain(shared).filter_map(|at| at.canonicalize_utf8().ok());
    all.filter(|at| at.is_dir()).collect()
}

/// Where git keeps what belongs to a linked worktree alone.
fn private_directory(worktree: &Utf8Path) -> Option<Utf8PathBuf> {
    Some(worktree.join(pointer(&worktree.join(".git"), "gitdir:")?))
}

/// What a file of one line names behind a prefix.
fn pointer(file: &Utf8Path, prefix: &str) -> Option<Utf8PathBuf> {
    let found = fs_err::metadata(file).ok()?;
    if !found.is_file() || found.len() > LIMIT as u64 {
        return None;
    }
    let text = fs_err::read_to_string(file).ok()?;
    let named = text.lines().next()?.strip_prefix(prefix)?.trim();
    (!named.is_empty()).then(|| named.into())
}
