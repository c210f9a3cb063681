//! What a commit writes outside of the worktree: of a linked worktree, all of git's own files.

use ao_plugin_sdk::agent::record;
use ao_plugin_sdk::prelude::*;

/// The most of git's pointer files that is read, in bytes.
const LIMIT: u64 = 8 * 1024;

/// The directories that a commit in this worktree writes to and that stand outside of it: none where `.git` is a directory
/// of its own. The repository's hooks and configuration are not among them: what a sandboxed command puts there would run
/// outside of the sandbox.
///
/// The `.git` of a worktree is a file that its agent can write, and what it names becomes writable by the next launch. So it is
/// believed only where git's own files agree: it names a directory in the `worktrees` of a repository, which names this very
/// worktree in return, and nothing on the way is a link to somewhere else.
pub(crate) fn directories(worktree: &Utf8Path) -> Vec<Utf8PathBuf> {
    let Some((private, common)) = linked(worktree) else { return Vec::new() };
    let shared = ["objects", "refs", "logs", "reftable"].map(|name| common.join(name));
    let is_itself = |at: &Utf8PathBuf| at.is_dir() && at.canonicalize_utf8().is_ok_and(|found| found == *at);
    std::iter::once(private).chain(shared).filter(is_itself).collect()
}

/// Where git keeps what belongs to a linked worktree alone, and the repository's own directory.
fn linked(worktree: &Utf8Path) -> Option<(Utf8PathBuf, Utf8PathBuf)> {
    let private = worktree.join(pointer(&worktree.join(".git"), "gitdir:")?).canonicalize_utf8().ok()?;
    let worktrees = private.parent().filter(|above| above.file_name() == Some("worktrees"))?;
    let common = worktrees.parent()?;
    let named = private.join(pointer(&private.join("commondir"), "")?).canonicalize_utf8().ok()?;
    let back = private.join(pointer(&private.join("gitdir"), "")?);
    let back = back.parent().filter(|_| back.file_name() == Some(".git"))?.canonicalize_utf8().ok()?;
    (named == common && back == worktree.canonicalize_utf8().ok()?).then(|| (private.clone(), common.to_owned()))
}

/// What a file of one line names behind a prefix.
fn pointer(file: &Utf8Path, prefix: &str) -> Option<Utf8PathBuf> {
    let text = record::small(file, LIMIT)?;
    let named = text.lines().next()?.strip_prefix(prefix)?.trim();
    (!named.is_empty()).then(|| named.into())
}
