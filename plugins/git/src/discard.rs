//! Takes back a worktree in which nothing was done, with its branch; anything else is kept and said.

use ao_plugin_sdk::prelude::*;

use crate::git::{Call, Git, complaint};
use crate::links::{self, Link};
use crate::place::{self, Place, Private, Stage};
use crate::porcelain::{self, EntryKind, HALF_MADE, Status};
use crate::refs;
use crate::repository::{self, Repository};

pub(crate) async fn discard(git: &Git, request: DiscardWorkspace) -> Result<Discarded> {
    let repository = repository::open(git, &request.project).await?;
    discard_in(git, &repository, &request).await
}

pub(crate) async fn discard_in(git: &Git, repository: &Repository, request: &DiscardWorkspace) -> Result<Discarded> {
    let links = links::plan(repository, &request.symlinks)?;
    let created_at = match &request.created_at {
        Some(commit) => Some(commit.clone()),
        None => refs::look(git, &repository.project, &request.branch).await?.created_at,
    };
    let copy = Copy { git, repository, path: &request.path, branch: &request.branch, created_at, links };
    if let Some(why) = copy.remove().await? {
        return Ok(Discarded::Kept { why: format!("`{}`: {why}", request.path) });
    }
    refs::take_back(git, &repository.project, &request.branch, copy.created_at.as_deref()).await
}

/// The worktree in question.
struct Copy<'a> {
    git: &'a Git,
    repository: &'a Repository,
    path: &'a Utf8Path,
    branch: &'a BranchName,
    created_at: Option<String>,
    links: Vec<Link>,
}

impl Copy<'_> {
    /// Removes the directory and git's record of it. Says why not, where it must be kept.
    async fn remove(&self) -> Result<Option<String>> {
        let place = blocking({
            let (common, path) = (self.repository.common.clone(), self.path.to_owned());
            move || place::look(&common, &path)
        });
        let emptied = match place.await? {
            Place::Foreign(why) => Some(why),
            Place::Missing => None,
            Place::Empty => self.remove_directory().await?,
            Place::Worktree(private) => self.empty(&private).await?,
        };
        match emptied {
            Some(why) => Ok(Some(why)),
            None => self.forget().await,
        }
    }

    /// Removes what git checked out, after every check, and then the directory.
    async fn empty(&self, private: &Private) -> Result<Option<String>> {
        if private.stage == Stage::HalfMade {
            // Its own index may be missing: compare with a fresh one.
            self.at(private, ["read-tree", "HEAD"]).run().await?;
        }
        // It also writes down which files are as committed, whatever their times, so that `read-tree` believes it.
        let call = self
            .at(private, ["status", "--porcelain=v2", "--branch", "-z", "--ignored", "--untracked-files=all"])
            .arg("--no-renames")
            .arg("--no-ahead-behind")
            .arg("--ignore-submodules=none");
        let status = call.run().await?;
        let status = porcelain::status(&status.stdout);
        let made: Vec<_> =
            self.links.iter().filter(|link| link.is_made(self.path)).map(|link| link.place().as_str()).collect();
        if let Some(why) = objection(&status, self.branch, self.created_at.as_deref(), private.stage, &made) {
            return Ok(Some(why));
        }
        let Some(head) = status.head else { return Ok(Some("its branch has no commit".into())) };
        let past = self.at(private, ["reflog", "show", "--format=%H", "HEAD", "--"]).run().await?.text();
        if let Some(other) = past.lines().find(|commit| **commit != *head && self.created_at.is_some()) {
            return Ok(Some(format!("it stood on {other} before, which may be kept nowhere else")));
        }
        // git compares each file with the index again, also those marked as unchanged, and refuses when one differs.
        let nothing = empty_tree(&head);
        let emptied = self.at(private, ["read-tree", "-m", "-u", &head, nothing]).output().await?;
        if !emptied.status.success() {
            return Ok(Some(complaint(&emptied)));
        }
        let kept = self.remove_directory().await?;
        if kept.is_some() {
            self.at(private, ["read-tree", "-m", "-u", nothing, &head]).run().await?;
        }
        Ok(kept)
    }

    /// Removes a directory that holds no file of anybody's.
    async fn remove_directory(&self) -> Result<Option<String>> {
        let (path, links) = (self.path.to_owned(), self.links.clone());
        blocking(move || {
            let failed = |error: &std::io::Error| Error::wrap(Code::OTHER, format!("cannot remove `{path}`"), error);
            let found = place::contents(&path, &links).map_err(|error| failed(&error))?;
            if let Some(first) = found.first() {
                return Ok(Some(format!("it holds `{first}`")));
            }
            place::remove(&path, &links).map_err(|error| failed(&error))?;
            Ok(None)
        })
        .await
    }

    /// Makes git forget a worktree whose directory is gone; no other one, unlike `git worktree prune`.
    async fn forget(&self) -> Result<Option<String>> {
        let project = &self.repository.project;
        let listed = self.git.at(project, ["worktree", "list", "--porcelain", "-z"]).run().await?;
        let path = blocking({
            let path = self.path.to_owned();
            move || Ok(real(&path))
        });
        let path = path.await?;
        let Some(listed) = porcelain::worktrees(&listed.stdout).into_iter().find(|listed| listed.path == path) else {
            return Ok(None);
        };
        let pinned = listed.branch.is_none() && self.created_at.as_deref() != Some(&listed.head);
        if pinned && !listed.head.bytes().all(|byte| byte == b'0') {
            return Ok(Some(format!(
                "its directory is gone, and its detached HEAD {} may be kept nowhere else",
                listed.head
            )));
        }
        match listed.locked.as_deref() {
            None => {}
            Some(HALF_MADE) => drop(self.git.at(project, ["worktree", "unlock", "--"]).arg(path.as_str()).run().await?),
            Some(reason) => {
                return Ok(Some(format!("its directory is gone, and git's record of it is locked: {reason}")));
            }
        }
        self.git.at(project, ["worktree", "remove", "--"]).arg(path.as_str()).run().await?;
        Ok(None)
    }

    /// A command in the worktree, on the index that belongs to its stage.
    fn at<const N: usize>(&self, private: &Private, arguments: [&str; N]) -> Call<'_> {
        let call = self.git.at(self.path, arguments);
        match private.stage {
            Stage::Whole => call,
            Stage::HalfMade => call.env("GIT_INDEX_FILE", private.directory.join("ao-index")),
        }
    }
}

/// Why a worktree must be kept, as far as `git status` tells.
fn objection(
    status: &Status,
    branch: &BranchName,
    created_at: Option<&str>,
    stage: Stage,
    links: &[&str],
) -> Option<String> {
    match status.branch.as_deref() {
        None => return Some("its HEAD is detached".into()),
        Some(other) if other != branch.as_str() => return Some(format!("it stands on another branch, `{other}`")),
        Some(_) => {}
    }
    if created_at.is_some() && status.head.as_deref() != created_at {
        return Some("it has commits of its own".into());
    }
    let work = status.entries.iter().find(|entry| match entry.kind {
        EntryKind::Deleted => stage == Stage::Whole,
        EntryKind::Untracked | EntryKind::Ignored => !links.contains(&entry.path.as_str()),
        EntryKind::Changed => true,
    })?;
    let what = match work.kind {
        EntryKind::Deleted => "was deleted",
        EntryKind::Changed => "was changed",
        EntryKind::Untracked => "is not in git",
        EntryKind::Ignored => "is ignored by git and exists nowhere else",
    };
    Some(format!("`{}` {what}", work.path))
}

/// The tree without files, in the hash that the repository uses.
fn empty_tree(commit: &str) -> &'static str {
    const SHA_1_LENGTH: usize = 40;
    if commit.len() == SHA_1_LENGTH {
        "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
    } else {
        "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321"
    }
}

/// A path that need not exist, with every link above it followed, as git writes it down.
fn real(path: &Utf8Path) -> Utf8PathBuf {
    match (path.parent().map(Utf8Path::canonicalize_utf8), path.file_name()) {
        (Some(Ok(parent)), Some(name)) => parent.join(name),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::porcelain::Entry;

    fn status(branch: Option<&str>, entries: &[(EntryKind, &str)]) -> Status {
        let entry = |&(kind, path): &(EntryKind, &str)| Entry { kind, path: path.to_owned() };
        Status { head: Some("aa".into()), branch: branch.map(Into::into), entries: entries.iter().map(entry).collect() }
    }

    #[test]
    fn only_an_untouched_worktree_may_go() {
        use EntryKind::{Changed, Deleted, Ignored, Untracked};
        use Stage::{HalfMade, Whole};
        let branch: BranchName = "ao/x-1".parse().expect("branch");
        let own = Some("ao/x-1");
        let table = [
            (status(own, &[]), Whole, None),
            (status(own, &[(Ignored, "link")]), Whole, None),
            (status(own, &[(Untracked, "link")]), Whole, None),
            (status(own, &[(Deleted, "a")]), HalfMade, None),
            (status(own, &[(Deleted, "a")]), Whole, Some("`a` was deleted")),
            (status(own, &[(Changed, "a")]), HalfMade, Some("`a` was changed")),
            (status(own, &[(Untracked, "a")]), Whole, Some("`a` is not in git")),
            (status(own, &[(Ignored, "a")]), Whole, Some("`a` is ignored by git and exists nowhere else")),
            (status(None, &[]), Whole, Some("its HEAD is detached")),
            (status(Some("main"), &[]), Whole, Some("it stands on another branch, `main`")),
        ];
        for (status, stage, expected) in table {
            assert_eq!(objection(&status, &branch, Some("aa"), stage, &["link"]).as_deref(), expected, "{status:?}");
        }
        let moved = objection(&status(own, &[]), &branch, Some("bb"), Whole, &[]);
        assert_eq!(moved.as_deref(), Some("it has commits of its own"));
        assert_eq!(objection(&status(own, &[]), &branch, None, Whole, &[]), None);
    }
}
