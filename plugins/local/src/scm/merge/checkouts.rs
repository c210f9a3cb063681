//! Where a branch is checked out, and what is under way there.

use ao_plugin_sdk::prelude::*;

use super::super::refs;
use super::super::repository::Repository;

/// A worktree that has the branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Checkout {
    pub(super) path: Utf8PathBuf,
    /// Whether its directory is gone.
    pub(super) is_gone: bool,
}

/// The files and directories that git leaves while something is under way (gitrepository-layout(5)), and what it is.
const UNDER_WAY: &[(&str, &str)] = &[
    ("rebase-merge", "a rebase"),
    ("rebase-apply", "a rebase or `git am`"),
    ("MERGE_HEAD", "a merge"),
    ("CHERRY_PICK_HEAD", "a cherry-pick"),
    ("REVERT_HEAD", "a revert"),
    ("sequencer", "a sequence of cherry-picks or reverts"),
    ("BISECT_LOG", "a bisection"),
];

/// The worktrees that stand on a branch.
pub(super) async fn of(repository: &Repository<'_>, branch: &BranchName) -> Result<Vec<Checkout>> {
    let listed = repository.at(["worktree", "list", "--porcelain", "-z"]).looking().run().await?;
    let mut found = read(&listed.stdout, branch);
    // Where the git directory stands elsewhere (`git init --separate-git-dir`), git names it in its worktree's place.
    for checkout in found.iter_mut().filter(|checkout| checkout.path == repository.common) {
        if let Some(place) = main_worktree(repository).await? {
            checkout.path = place;
        }
    }
    Ok(found)
}

/// The main worktree, where the repository is named by a directory of it.
async fn main_worktree(repository: &Repository<'_>) -> Result<Option<Utf8PathBuf>> {
    let asked = ["rev-parse", "--absolute-git-dir", "--show-toplevel"];
    let output = repository.inside(&repository.path, asked).looking().output().await?;
    let text = output.text();
    let place = text.split_once('\n').filter(|(private, _)| output.status.success() && *private == repository.common);
    Ok(place.map(|(_, place)| place.into()))
}

/// `worktree <path>`, `branch <ref>` and more, each with a NUL behind it; another NUL after each worktree.
fn read(listed: &[u8], branch: &BranchName) -> Vec<Checkout> {
    let wanted = format!("branch {}", refs::of_branch(branch));
    let (mut found, mut path, mut is_on, mut is_gone) = (Vec::new(), None, false, false);
    for field in listed.split(|byte| *byte == 0) {
        let field = String::from_utf8_lossy(field);
        if field.is_empty() {
            found.extend(path.take().filter(|_| is_on).map(|path| Checkout { path, is_gone }));
            (is_on, is_gone) = (false, false);
        } else if let Some(place) = field.strip_prefix("worktree ") {
            path = Some(Utf8PathBuf::from(place));
        } else {
            is_on |= field == wanted;
            is_gone |= field == "prunable" || field.starts_with("prunable ");
        }
    }
    found
}

/// What is under way in a worktree, if anything is.
pub(super) async fn under_way(repository: &Repository<'_>, checkout: &Utf8Path) -> Result<Option<&'static str>> {
    let private = repository.inside(checkout, ["rev-parse", "--absolute-git-dir"]).looking().run().await?.text();
    blocking(move || {
        let private = Utf8PathBuf::from(private);
        Ok(UNDER_WAY.iter().find(|(name, _)| private.join(name).exists()).map(|(_, what)| *what))
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worktrees_are_found_by_their_branch() {
        let listed = b"worktree /r\0HEAD aa\0branch refs/heads/main\0\0worktree /w a\0HEAD aa\0branch refs/heads/x\0\0\
            worktree /d\0HEAD aa\0detached\0\0worktree /gone\0HEAD aa\0branch refs/heads/x\0prunable gitdir\0\0";
        let found = read(listed, &"x".parse().expect("a branch"));
        let expected = [("/w a", false), ("/gone", true)];
        assert_eq!(found, expected.map(|(path, is_gone)| Checkout { path: path.into(), is_gone }));
    }
}
