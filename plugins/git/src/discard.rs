//! Takes back a worktree in which nothing was done, with its branch; anything else is kept and said.

use ao_plugin_sdk::prelude::*;

use crate::links::{self, Link};
use crate::place::{self, Place, Private, Record, Stage};
use crate::porcelain::{self, Entry, EntryKind, Status};
use crate::refs;
use crate::repository::{self, Repository};
use ao_git_command::{Call, Git, complaint};

pub(crate) async fn discard(git: &Git, request: DiscardWorkspace) -> Result<Discarded> {
    let repository = repository::open(git, &request.project).await?;
    discard_in(git, &repository, &request).await
}

pub(crate) async fn discard_in(git: &Git, repository: &Repository, request: &DiscardWorkspace) -> Result<Discarded> {
    let links = links::plan(repository, &request.symlinks)?;
    let created_at = match &request.created_at {
        Some(commit) => Some(commit.clone()),
        None => refs::created_at(git, &repository.project, &request.branch).await?,
    };
    let copy = Copy { git, repository, path: &request.path, branch: &request.branch, created_at, links };
    if let Some(why) = copy.remove().await? {
        return Ok(Discarded::Kept { why: format!("`{}`: {why}", request.path) });
    }
    refs::take_back(git, &repository.project, &request.branch, copy.created_at.as_deref()).await
}

/// The copy in question.
pub(crate) struct Copy<'a> {
    pub(crate) git: &'a Git,
    pub(crate) repository: &'a Repository,
    pub(crate) path: &'a Utf8Path,
    pub(crate) branch: &'a BranchName,
    pub(crate) created_at: Option<String>,
    pub(crate) links: Vec<Link>,
}

/// Whether the files that git checked out are gone.
pub(crate) enum Emptied {
    /// They are; the copy stands on this commit.
    Yes(String),
    /// Nothing was changed, for this reason.
    No(String),
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
        let head = match self.take_files_out(private).await? {
            Emptied::Yes(head) => head,
            Emptied::No(why) => return Ok(Some(why)),
        };
        let kept = self.remove_directory().await?;
        if kept.is_some() {
            self.put_files_back(private, &head).await?;
        }
        Ok(kept)
    }

    /// Removes what git checked out, where nothing was done in the copy.
    pub(crate) async fn take_files_out(&self, private: &Private) -> Result<Emptied> {
        let no = |why: String| Ok(Emptied::No(why));
        if private.stage == Stage::HalfMade {
            // Its own index may be missing, or locked for good: compare with a fresh one.
            self.at(private, ["read-tree", "HEAD"]).run().await?;
        }
        // It also writes down which files are as committed, whatever their times, so that `read-tree` believes it.
        let call = self
            .at(private, ["status", "--porcelain=v2", "--branch", "-z", "--ignored", "--untracked-files=all"])
            .arg("--no-renames")
            .arg("--no-ahead-behind")
            .arg("--ignore-submodules=none");
        let status = call.run().await?;
        let mut status = porcelain::status(&status.stdout);
        if private.stage == Stage::HalfMade {
            status.entries = self.without_beginnings(private, status.entries).await?;
        }
        let made: Vec<_> =
            self.links.iter().filter(|link| link.is_made(self.path)).map(|link| link.place().as_str()).collect();
        if let Some(why) = objection(&status, self.branch, self.created_at.as_deref(), private.stage, &made) {
            return no(why);
        }
        let Some(head) = status.head else { return no("its branch has no commit".into()) };
        let past = self.at(private, ["reflog", "show", "--format=%H", "HEAD", "--"]).run().await?.text();
        if let Some(other) = past.lines().find(|commit| **commit != *head && self.created_at.is_some()) {
            return no(format!("it stood on {other} before, which may be kept nowhere else"));
        }
        // git compares each file with the index again, also those marked as unchanged, and refuses when one differs.
        let emptied = self.at(private, ["read-tree", "-m", "-u", &head, empty_tree(&head)]).output().await?;
        if !emptied.status.success() {
            return no(complaint(&emptied));
        }
        Ok(Emptied::Yes(head))
    }

    /// Undoes [`Self::take_files_out`].
    pub(crate) async fn put_files_back(&self, private: &Private, head: &str) -> Result<()> {
        self.at(private, ["read-tree", "-m", "-u", empty_tree(head), head]).run().await.map(drop)
    }

    /// Removes the files that git had only begun to write: each is the beginning of what is committed.
    async fn without_beginnings(&self, private: &Private, entries: Vec<Entry>) -> Result<Vec<Entry>> {
        let mut others = Vec::new();
        for entry in entries {
            if entry.kind != EntryKind::Changed {
                others.push(entry);
                continue;
            }
            let committed = self.at(private, ["cat-file", "--filters"]).arg(format!("HEAD:{}", entry.path));
            let committed = committed.output().await?;
            let file = self.path.join(&entry.path);
            let removed = blocking(move || {
                let begun = committed.status.success() && place::is_beginning(&file, &committed.stdout);
                Ok(begun && fs_err::remove_file(&file).is_ok())
            });
            if !removed.await? {
                others.push(entry);
            }
        }
        Ok(others)
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

    /// Drops git's record of a worktree whose directory is gone; of no other one, unlike `git worktree prune`.
    async fn forget(&self) -> Result<Option<String>> {
        let record = blocking({
            let (common, path) = (self.repository.common.clone(), self.path.to_owned());
            move || place::record(&common, &path)
        });
        let private = match record.await? {
            Record::None => return Ok(None),
            Record::Locked(reason) => {
                return Ok(Some(format!("its directory is gone, and git's record of it is locked: {reason}")));
            }
            Record::Kept(private) => private,
        };
        if private.stage == Stage::Whole {
            let asked =
                |arguments| self.git.at(&self.repository.project, arguments).env("GIT_DIR", private.directory.as_str());
            let attached = asked(["symbolic-ref", "--quiet", "HEAD"]).output().await?.status.success();
            let head = asked(["rev-parse", "--verify", "HEAD"]).output().await?.text();
            if !attached && self.created_at.as_deref() != Some(&head) {
                return Ok(Some(format!(
                    "its directory is gone, and its detached HEAD {head} may be kept nowhere else"
                )));
            }
        }
        blocking(move || place::forget(&private)).await?;
        Ok(None)
    }

    /// A command in the worktree, on the index that belongs to its stage.
    fn at<const N: usize>(&self, private: &Private, arguments: [&str; N]) -> Call<'_> {
        let call = self.git.at(self.path, arguments);
        match private.stage {
            Stage::Whole => call,
            Stage::HalfMade => call.env("GIT_INDEX_FILE", private.directory.join(place::INDEX)),
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

#[cfg(test)]
mod tests {
    use super::*;

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
