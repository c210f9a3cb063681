//! Nothing is lost: what a worktree holds is the same after it was in the trash, and, but for what is only in the
//! directory, after the directory itself is gone.

#![expect(clippy::disallowed_methods, reason = "a directory is lost on purpose")]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use ao_plugin_sdk::prelude::*;

use crate::support::{Kind, Scratch, write};

const KEY: &str = "01JD0000000000000000000000";

/// The states in which work is lost elsewhere.
const STATES: &[&str] = &[
    "clean",
    "dirty",
    "untracked",
    "ignored",
    "unpushed",
    "stash",
    "detached",
    "submodule",
    "locked",
    "conflicted",
    "mid-rebase",
    "symlinked",
    "staged",
    "bytes",
    "hidden",
    "replaced",
    "unborn-past",
];

/// Every path with what it is, and what is in it.
type Manifest = BTreeMap<Vec<u8>, Vec<u8>>;

fn manifest(root: &Utf8Path) -> Manifest {
    let mut found = Manifest::new();
    let mut ahead = vec![root.as_std_path().to_owned()];
    while let Some(directory) = ahead.pop() {
        for entry in std::fs::read_dir(&directory).expect("directory") {
            let path = entry.expect("entry").path();
            let relative = path.strip_prefix(root).expect("below").as_os_str().as_bytes().to_vec();
            let meta = std::fs::symlink_metadata(&path).expect("metadata");
            if meta.is_symlink() {
                let target = std::fs::read_link(&path).expect("link");
                found.insert(relative, [b"link ", target.as_os_str().as_bytes()].concat());
            } else if meta.is_dir() {
                // What a clone has of its own there, git shows.
                if relative != b".git" {
                    ahead.push(path);
                }
            } else {
                let content = std::fs::read(&path).expect("file");
                found.insert(relative, [format!("{:o} ", meta.mode() & 0o100).as_bytes(), &content].concat());
            }
        }
    }
    found
}

/// A worktree in a state, and how git sees it.
struct Case {
    kind: Kind,
    scratch: Scratch,
    made: WorkspaceInfo,
    project: Utf8PathBuf,
}

impl Case {
    async fn new(state: &str) -> Self {
        Self::of(Kind::Worktree, state).await
    }

    async fn of(kind: Kind, state: &str) -> Self {
        let scratch = Scratch::of(kind).await;
        let made = scratch.create("app-1").await;
        let project = scratch.project.clone();
        let case = Self { kind, scratch, made, project };
        case.bring_into(state).await;
        case
    }

    fn path(&self) -> &Utf8Path {
        &self.made.path
    }

    fn file(&self, name: impl AsRef<OsStr>) -> std::path::PathBuf {
        self.path().as_std_path().join(Path::new(name.as_ref()))
    }

    async fn git(&self, arguments: &[&str]) -> String {
        self.scratch.git_in(self.path(), arguments).await
    }

    /// Runs git where it is to fail.
    async fn stopped(&self, arguments: &[&str]) {
        let git = command("git").current_dir(self.path());
        let git = git.env_only(crate::support::environment(&self.scratch.path("")));
        assert!(!git.args(arguments).output().await.expect("git").status.success(), "{arguments:?} was to stop");
    }

    async fn commit(&self, name: &str, text: &str) -> String {
        write(self.file(name), text);
        self.git(&["add", "--", name]).await;
        self.git(&["commit", "--quiet", "--message", text]).await;
        self.git(&["rev-parse", "HEAD"]).await
    }

    async fn bring_into(&self, state: &str) {
        match state {
            "clean" => {}
            "dirty" => write(self.file("a.txt"), "changed\n"),
            "untracked" => {
                write(self.file("new/file"), "untracked\n");
                std::fs::set_permissions(self.file("new/file"), PermissionsExt::from_mode(0o755)).expect("mode");
            }
            "ignored" => write(self.file("build.ignored"), "ignored\n"),
            "unpushed" => drop(self.commit("a.txt", "committed\n").await),
            "stash" => {
                write(self.file("a.txt"), "stashed\n");
                self.git(&["stash", "push", "--quiet"]).await;
                write(self.file("dir/b.txt"), "after\n");
            }
            "detached" => {
                self.git(&["checkout", "--quiet", "--detach"]).await;
                self.commit("a.txt", "nowhere else\n").await;
            }
            "submodule" => {
                let origin = self.scratch.path("sub");
                std::fs::create_dir(&origin).expect("directory");
                for arguments in [
                    &["init", "--quiet", "--initial-branch=main"][..],
                    &["commit", "--quiet", "--allow-empty", "--message", "sub"],
                ] {
                    self.scratch.git_in(&origin, arguments).await;
                }
                self.git(&["submodule", "--quiet", "add", origin.as_str(), "sub"]).await;
                self.git(&["commit", "--quiet", "--message", "a submodule"]).await;
                write(self.file("sub/inner"), "in the submodule\n");
            }
            "locked" => {
                if self.kind == Kind::Worktree {
                    self.git(&["worktree", "lock", "--reason", "mine", self.path().as_str()]).await;
                }
                write(self.file("a.txt"), "changed\n");
            }
            "conflicted" => {
                let base = self.git(&["rev-parse", "HEAD"]).await;
                self.commit("a.txt", "ours\n").await;
                self.git(&["checkout", "--quiet", "-b", "other", &base]).await;
                self.commit("a.txt", "theirs\n").await;
                self.git(&["checkout", "--quiet", "ao/app-1"]).await;
                self.stopped(&["merge", "other"]).await;
                self.git(&["branch", "--quiet", "-D", "other"]).await;
            }
            "mid-rebase" => {
                let base = self.git(&["rev-parse", "HEAD"]).await;
                self.commit("a.txt", "ours\n").await;
                self.commit("c.txt", "more\n").await;
                self.git(&["checkout", "--quiet", "--detach", &base]).await;
                let onto = self.commit("a.txt", "theirs\n").await;
                self.git(&["checkout", "--quiet", "ao/app-1"]).await;
                self.stopped(&["rebase", &onto]).await;
                write(self.file("a.txt"), "half resolved\n");
            }
            "symlinked" => {
                symlink("a.txt", self.file("link")).expect("link");
                std::fs::remove_file(self.file("dir/b.txt")).expect("remove");
                symlink("/nowhere/at\nall", self.file("dir/b.txt")).expect("link");
            }
            "staged" => {
                write(self.file("a.txt"), "staged\n");
                self.git(&["add", "a.txt"]).await;
                write(self.file("a.txt"), "and changed\n");
                self.git(&["rm", "--quiet", "--cached", "dir/b.txt"]).await;
            }
            "bytes" => {
                write(self.file(OsStr::from_bytes(b"not \xff utf-8")), "a\r\nb\r\n");
                write(self.file("a \"line\"\nfeed\r"), "x");
                write(self.file("-flag"), "x");
                write(self.file(".gitattributes"), "* text=auto eol=crlf\n*.id ident\n");
                write(self.file("mixed.txt"), "one\r\ntwo\n");
                self.git(&["add", "mixed.txt"]).await;
                write(self.file("k.id"), "$Id$\n");
            }
            "hidden" => {
                self.git(&["update-index", "--assume-unchanged", "a.txt"]).await;
                self.git(&["update-index", "--skip-worktree", "dir/b.txt"]).await;
                write(self.file("a.txt"), "nobody looks\n");
                write(self.file("dir/b.txt"), "nor here\n");
            }
            "replaced" => {
                std::fs::remove_file(self.file("a.txt")).expect("remove");
                write(self.file("a.txt/now/a/directory"), "x");
                std::fs::remove_file(self.file("dir/b.txt")).expect("remove");
                std::fs::remove_dir(self.file("dir")).expect("remove");
                symlink(".git", self.file("dir")).expect("link");
            }
            "unborn-past" => {
                let base = self.git(&["rev-parse", "HEAD"]).await;
                self.commit("a.txt", "thrown away\n").await;
                self.git(&["reset", "--quiet", "--hard", &base]).await;
                self.git(&["update-ref", "-d", "ORIG_HEAD"]).await;
            }
            other => panic!("no state {other}"),
        }
    }

    /// How git sees the worktree, without what differs by time alone.
    async fn view(&self) -> Vec<String> {
        let mut seen = Vec::new();
        for arguments in [
            &["status", "--porcelain=v2", "--branch", "--untracked-files=all"][..],
            &["ls-files", "--stage", "-v"],
            &["stash", "list"],
            &["rev-parse", "HEAD"],
            &["worktree", "list", "--porcelain"],
        ] {
            seen.push(self.git(arguments).await);
        }
        seen
    }

    async fn preserve(&self) -> Receipt {
        let mut request =
            PreserveWorkspace::new(KEY, "app-1".parse::<SessionId>().expect("id"), self.path().to_owned());
        request.project = Some(self.project.clone());
        request.branch = self.made.branch.clone();
        self.scratch.plugin.preserve(request).await.expect("preserve")
    }

    async fn relocate(&self, path: &Utf8Path, purpose: Purpose, receipt: Option<&Receipt>) {
        let mut request = RelocateWorkspace::new(self.project.clone(), path.to_owned(), purpose);
        request.receipt = receipt.cloned();
        self.scratch.plugin.relocate(request).await.expect("relocate");
    }

    async fn restore(&self, receipt: Option<Receipt>) -> WorkspaceInfo {
        let branch = self.made.branch.clone().expect("branch");
        let mut request = RestoreWorkspace::new(self.project.clone(), self.path().to_owned(), branch);
        request.receipt = receipt;
        self.scratch.plugin.restore(request).await.expect("restore")
    }

    async fn forget(&self, refs: Vec<String>) -> Result<Forgotten> {
        let mut request = ForgetWorkspace::new(self.project.clone(), self.path().to_owned());
        request.refs = refs;
        self.scratch.plugin.forget(request).await
    }

    async fn kept(&self) -> String {
        self.scratch.git(&["for-each-ref", "--format=%(refname)", "refs/ao/trash"]).await
    }
}

#[tokio::test]
async fn there_and_back_through_the_trash_nothing_changes() {
    nothing_changes_in_the_trash(Kind::Worktree).await;
}

#[tokio::test]
async fn there_and_back_through_the_trash_nothing_changes_in_a_clone() {
    nothing_changes_in_the_trash(Kind::Clone).await;
}

async fn nothing_changes_in_the_trash(kind: Kind) {
    for state in STATES.iter().copied() {
        let case = Case::of(kind, state).await;
        let (files, view) = (manifest(case.path()), case.view().await);
        let receipt = case.preserve().await;
        assert_eq!(manifest(case.path()), files, "{kind:?} {state}: preserving changed files");
        assert_eq!(case.view().await, view, "{kind:?} {state}: preserving changed what git sees");
        assert_eq!(case.kept().await.lines().count(), receipt.refs.len(), "{kind:?} {state}");

        let trash = case.scratch.path("worktrees").join("trashed");
        std::fs::rename(case.path(), &trash).expect("rename");
        case.relocate(&trash, Purpose::Trash, None).await;
        case.scratch.git(&["worktree", "prune", "--expire=now"]).await;
        let head = case.scratch.git_in(&trash, &["rev-parse", "HEAD"]).await;
        assert_eq!(Some(&head), receipt.head.as_ref(), "{kind:?} {state}: it works in the trash");

        std::fs::rename(&trash, case.path()).expect("rename");
        case.relocate(case.path(), Purpose::Work, Some(&receipt)).await;
        assert_eq!(manifest(case.path()), files, "{kind:?} {state}: files");
        assert_eq!(case.view().await, view, "{state}: git's view");
    }
}

#[tokio::test]
async fn a_lost_directory_is_made_again_from_the_receipt() {
    is_made_again_from_the_receipt(Kind::Worktree).await;
}

#[tokio::test]
async fn a_lost_clone_is_made_again_from_the_receipt() {
    is_made_again_from_the_receipt(Kind::Clone).await;
}

async fn is_made_again_from_the_receipt(kind: Kind) {
    for state in STATES.iter().copied() {
        for forgets in [false, true] {
            let case = Case::of(kind, state).await;
            let (mut files, view) = (manifest(case.path()), case.view().await);
            let receipt = case.preserve().await;
            std::fs::remove_dir_all(case.path()).expect("lose it");
            if forgets && (kind == Kind::Clone || state != "locked") {
                case.forget(Vec::new()).await.expect("forget");
            }
            let info = case.restore(Some(receipt.clone())).await;
            assert_eq!(Some(&info.head), receipt.head.as_ref(), "{state}");
            let mut found = manifest(case.path());
            for files in [&mut files, &mut found] {
                // Ignored files and those of a submodule are nowhere but in the directory.
                files.retain(|path, _| path != b".git" && !path.ends_with(b".ignored") && !path.starts_with(b"sub/"));
            }
            assert_eq!(found, files, "{kind:?} {state}, record forgotten: {forgets}");
            if kind == Kind::Worktree && !forgets && !["submodule", "locked"].contains(&state) {
                assert_eq!(case.view().await, view, "{state}: git's view");
            }
            let staged = case.git(&["ls-files", "--stage"]).await;
            let before = view[1].lines().map(|line| &line[2..]).collect::<Vec<_>>().join("\n");
            assert_eq!(staged, before, "{kind:?} {state}: what was staged, record forgotten: {forgets}");
        }
    }
}

#[tokio::test]
async fn commits_of_every_state_survive_the_garbage_collection() {
    let states = ["unpushed", "detached", "conflicted", "mid-rebase", "unborn-past", "staged", "stash"];
    let cases = Kind::ALL.into_iter().flat_map(|kind| states.map(|state| (kind, state)));
    for (kind, state) in cases {
        let case = Case::of(kind, state).await;
        let lister = ["cat-file", "--batch-all-objects", "--batch-check=%(objecttype) %(objectname)"];
        let commits = |text: String| {
            let commits = text.lines().filter(|line| line.starts_with("commit ")).map(str::to_owned);
            commits.collect::<std::collections::BTreeSet<_>>()
        };
        let before = commits(case.git(&lister).await);
        case.preserve().await;
        std::fs::remove_dir_all(case.path()).expect("lose it");
        case.forget(Vec::new()).await.expect("forget");
        if kind == Kind::Worktree {
            case.scratch.git(&["branch", "--quiet", "-D", "ao/app-1"]).await;
        }
        case.scratch.git(&["reflog", "expire", "--expire=now", "--all"]).await;
        case.scratch.git(&["gc", "--quiet", "--prune=now"]).await;
        let after = commits(case.scratch.git(&lister).await);
        assert_eq!(before.difference(&after).collect::<Vec<_>>(), Vec::<&String>::new(), "{kind:?} {state}");
    }
}

#[tokio::test]
async fn what_cannot_be_saved_is_named() {
    let case = Case::new("dirty").await;
    std::fs::create_dir(case.file("nested")).expect("directory");
    case.scratch.git_in(&case.path().join("nested"), &["init", "--quiet"]).await;
    write(case.file("nested/file"), "x");
    let big = std::fs::File::create(case.file("big")).expect("big");
    big.set_len(32 * 1024 * 1024 + 1).expect("big");
    write(case.file("target.ignored/deep/file"), "x");
    let receipt = case.preserve().await;
    assert_eq!(receipt.ignored, ["target.ignored"]);
    let named: Vec<_> = receipt.only_there.iter().map(|line| line.split(": ").next().unwrap_or_default()).collect();
    assert_eq!(named, ["big", "nested/"]);
    assert!(receipt.snapshot.is_some(), "the rest is saved");
}

#[tokio::test]
async fn without_a_receipt_a_branch_is_checked_out_again() {
    let case = Case::new("unpushed").await;
    let head = case.git(&["rev-parse", "HEAD"]).await;
    std::fs::remove_dir_all(case.path()).expect("lose it");
    case.forget(Vec::new()).await.expect("forget");
    assert_eq!(case.restore(None).await.head, head);
    assert_eq!(crate::support::read(case.file("a.txt")), "committed\n");
    let request = RestoreWorkspace::new(
        case.project.clone(),
        case.path().to_owned(),
        "ao/app-1".parse::<BranchName>().expect("branch"),
    );
    let error = case.scratch.plugin.restore(request).await.expect_err("it is there");
    assert_eq!(error.code, Code::CONFLICT, "{error}");
}

#[tokio::test]
async fn only_a_merged_branch_of_ours_is_retired() {
    let case = Case::new("unpushed").await;
    let head = case.git(&["rev-parse", "HEAD"]).await;
    let receipt = case.preserve().await;
    let retire = async |at: &str, because: Merged| {
        let branch = case.made.branch.clone().expect("branch");
        let request = RetireBranch::new(case.project.clone(), branch, at, because);
        case.scratch.plugin.retire(request).await.expect("retire")
    };
    let kept = |retired: Retired, part: &str| {
        assert!(matches!(&retired, Retired::Kept { why } if why.contains(part)), "{retired:?} does not say {part}");
    };
    let into_main = || Merged::Into { base: "main".into() };
    kept(retire(&head, Merged::Told).await, "is checked out in");
    let trash = case.scratch.path("worktrees").join("trashed");
    std::fs::rename(case.path(), &trash).expect("rename");
    case.relocate(&trash, Purpose::Trash, None).await;
    kept(retire(&head, into_main()).await, "has commits that `main` has not");
    kept(retire(&case.scratch.head().await, into_main()).await, "has moved on");
    case.scratch.git(&["merge", "--quiet", "ao/app-1"]).await;
    assert_eq!(retire(&head, into_main()).await, Retired::Gone);
    assert_eq!(retire(&head, into_main()).await, Retired::Gone, "again");

    // It comes back with its branch.
    std::fs::rename(&trash, case.path()).expect("rename");
    case.relocate(case.path(), Purpose::Work, Some(&receipt)).await;
    assert_eq!(case.git(&["rev-parse", "ao/app-1"]).await, head);
    assert_eq!(case.git(&["status", "--porcelain"]).await, "");
}

#[tokio::test]
async fn forgetting_takes_only_pins() {
    let case = Case::new("dirty").await;
    let receipt = case.preserve().await;
    let error = case.forget(vec!["refs/heads/main".into()]).await.expect_err("a branch");
    assert_eq!(error.code, Code::INVALID_INPUT, "{error}");
    std::fs::remove_dir_all(case.path()).expect("lose it");
    case.forget(receipt.refs.clone()).await.expect("forget");
    case.forget(receipt.refs).await.expect("again");
    assert_eq!(case.kept().await, "");
    assert_eq!(case.scratch.git(&["worktree", "list"]).await.lines().count(), 1);
}
