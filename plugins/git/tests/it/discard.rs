//! Taking a worktree back: gone when nothing was done in it, kept with the reason otherwise.

use ao_plugin_sdk::prelude::*;

use crate::support::{Scratch, read, write};

fn why(discarded: Discarded) -> String {
    match discarded {
        Discarded::Kept { why } => why,
        other => panic!("it was not kept: {other:?}"),
    }
}

#[tokio::test]
async fn an_untouched_worktree_leaves_nothing() {
    let scratch = Scratch::new().await;
    let before = scratch.world().await;
    let made = scratch.create("app-1").await;
    std::fs::create_dir_all(made.path.join("empty/below")).expect("directory");
    // As committed, though newer than git remembers.
    write(made.path.join("a.txt"), "one\n");
    assert_eq!(scratch.discard(&made).await, Discarded::Gone);
    assert_eq!(scratch.world().await, before);
    assert_eq!(scratch.discard(&made).await, Discarded::Gone, "a second time");
}

#[tokio::test]
async fn the_record_of_create_knows_the_branch() {
    let scratch = Scratch::new().await;
    let before = scratch.world().await;
    let made = scratch.create("app-1").await;
    let mut request = scratch.discard_request(&made);
    request.created_at = None;
    assert_eq!(scratch.plugin.discard(request).await.expect("discard"), Discarded::Gone);
    assert_eq!(scratch.world().await, before);
}

/// Does something in a new worktree, discards it, and expects that all of it is kept, with this reason.
async fn kept(scratch: &Scratch, session: &str, expected: &str, work: impl AsyncFnOnce(&Utf8Path)) {
    let made = scratch.create(session).await;
    work(&made.path).await;
    let before = (scratch.world().await, contents(&made.path));
    let why = why(scratch.discard(&made).await);
    assert!(why.contains(expected) && why.contains(made.path.as_str()), "{session}: {why}");
    assert_eq!((scratch.world().await, contents(&made.path)), before, "{session}");
}

/// Every file below a directory, with its content.
fn contents(directory: &Utf8Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in directory.read_dir_utf8().expect("directory") {
        let path = entry.expect("entry").into_path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else {
            found.push((path.to_string(), read(&path)));
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn files_that_somebody_wrote_are_kept() {
    let scratch = Scratch::new().await;
    kept(&scratch, "x-1", "`new.txt` is not in git", async |at| write(at.join("new.txt"), "x")).await;
    kept(&scratch, "x-2", "is ignored by git", async |at| write(at.join("dir/deep/a.ignored"), "x")).await;
    kept(&scratch, "x-3", "`a.txt` was changed", async |at| write(at.join("a.txt"), "six\n")).await;
    kept(&scratch, "x-4", "`a.txt` was changed", async |at| {
        write(at.join("a.txt"), "six\n");
        scratch.git_in(at, &["add", "a.txt"]).await;
    })
    .await;
    kept(&scratch, "x-5", "`a.txt` was deleted", async |at| std::fs::remove_file(at.join("a.txt")).expect("rm")).await;
    kept(&scratch, "x-6", "`a.txt` was changed", async |at| {
        write(at.join("a.txt"), "six\n");
        scratch.git_in(at, &["add", "a.txt"]).await;
        // Only the index holds it now.
        write(at.join("a.txt"), "one\n");
    })
    .await;
    for (session, flag) in [("x-7", "--assume-unchanged"), ("x-8", "--skip-worktree")] {
        kept(&scratch, session, "'a.txt' not uptodate", async |at| {
            scratch.git_in(at, &["update-index", flag, "a.txt"]).await;
            write(at.join("a.txt"), "hidden\n");
        })
        .await;
    }
}

#[tokio::test]
async fn nested_repositories_are_kept() {
    let scratch = Scratch::new().await;
    kept(&scratch, "x-1", "`nested/` is not in git", async |at| {
        std::fs::create_dir(at.join("nested")).expect("directory");
        scratch.git_in(&at.join("nested"), &["init", "--quiet"]).await;
    })
    .await;
}

#[tokio::test]
async fn commits_are_kept() {
    let scratch = Scratch::new().await;
    let commit = ["commit", "--quiet", "--allow-empty", "--message", "work"];
    kept(&scratch, "x-1", "git keeps `COMMIT_EDITMSG`", async |at| drop(scratch.git_in(at, &commit).await)).await;
    kept(&scratch, "x-2", "has commits of its own", async |at| {
        let tree = scratch.git_in(at, &["write-tree"]).await;
        let made = scratch.git_in(at, &["commit-tree", &tree, "-m", "work"]).await;
        scratch.git_in(at, &["reset", "--quiet", "--hard", &made]).await;
    })
    .await;
    kept(&scratch, "x-3", "is detached", async |at| drop(scratch.git_in(at, &["checkout", "-q", "--detach"]).await))
        .await;
    kept(&scratch, "x-4", "on another branch, `mine`", async |at| {
        scratch.git_in(at, &["checkout", "--quiet", "-b", "mine"]).await;
    })
    .await;
    kept(&scratch, "x-5", "it stood on", async |at| {
        let tree = scratch.git_in(at, &["write-tree"]).await;
        let made = scratch.git_in(at, &["commit-tree", &tree, "-m", "work"]).await;
        scratch.git_in(at, &["reset", "--quiet", "--hard", &made]).await;
        scratch.git_in(at, &["reset", "--quiet", "--hard", "main"]).await;
    })
    .await;
}

#[tokio::test]
async fn operations_and_locks_are_kept() {
    let scratch = Scratch::new().await;
    kept(&scratch, "x-1", "it is locked: on my disk", async |at| {
        scratch.git(&["worktree", "lock", "--reason", "on my disk", at.as_str()]).await;
    })
    .await;
    kept(&scratch, "x-2", "git keeps `BISECT_", async |at| drop(scratch.git_in(at, &["bisect", "start"]).await)).await;
    kept(&scratch, "x-3", "`refs/worktree`", async |at| {
        scratch.git_in(at, &["update-ref", "refs/worktree/mine", "HEAD"]).await;
    })
    .await;
}

#[tokio::test]
async fn stashes_stay() {
    let scratch = Scratch::new().await;
    let made = scratch.create("app-1").await;
    write(made.path.join("a.txt"), "stashed\n");
    scratch.git_in(&made.path, &["stash", "--quiet"]).await;
    let stash = scratch.git(&["rev-parse", "refs/stash"]).await;
    let _ = scratch.discard(&made).await;
    assert_eq!(scratch.git(&["rev-parse", "refs/stash"]).await, stash);
    assert_eq!(scratch.git(&["show", "stash@{0}:a.txt"]).await, "stashed");
}

#[tokio::test]
async fn a_directory_that_is_gone_is_forgotten_alone() {
    let scratch = Scratch::new().await;
    let before = scratch.world().await;
    let (one, two) = (scratch.create("app-1").await, scratch.create("app-15").await);
    for made in [&one, &two] {
        std::fs::rename(&made.path, scratch.path("home").join(made.path.file_name().expect("name"))).expect("move");
    }
    assert_eq!(scratch.discard(&one).await, Discarded::Gone);
    assert!(scratch.git(&["worktree", "list"]).await.contains("app-15"), "another session's entry is gone");
    assert_eq!(scratch.discard(&two).await, Discarded::Gone);
    assert_eq!(scratch.world().await, before);
}

#[tokio::test]
async fn commits_outlive_their_directory() {
    let scratch = Scratch::new().await;
    let commit = ["commit", "--quiet", "--allow-empty", "--message", "work"];
    let made = scratch.create("app-1").await;
    scratch.git_in(&made.path, &commit).await;
    std::fs::rename(&made.path, scratch.path("home/one")).expect("move");
    assert!(why(scratch.discard(&made).await).contains("the branch `ao/app-1` stands on"));

    let made = scratch.create("app-2").await;
    scratch.git_in(&made.path, &["checkout", "--quiet", "--detach"]).await;
    scratch.git_in(&made.path, &commit).await;
    std::fs::rename(&made.path, scratch.path("home/two")).expect("move");
    assert!(why(scratch.discard(&made).await).contains("detached HEAD"));
}

#[tokio::test]
async fn a_branch_that_moved_or_is_in_use_stays() {
    let scratch = Scratch::new().await;
    let made = scratch.create("app-1").await;
    std::fs::rename(&made.path, scratch.path("home/one")).expect("move");
    scratch.git(&["worktree", "prune"]).await;
    scratch.git(&["checkout", "--quiet", "ao/app-1"]).await;
    assert!(why(scratch.discard(&made).await).contains("is checked out in"));
    scratch.git(&["commit", "--quiet", "--allow-empty", "--message", "work"]).await;
    scratch.git(&["checkout", "--quiet", "main"]).await;
    assert!(why(scratch.discard(&made).await).contains("stands on"));
}

#[tokio::test]
async fn what_is_no_worktree_of_the_project_is_kept() {
    let scratch = Scratch::new().await;
    let other = Scratch::new().await;
    let foreign = other.create("app-1").await;
    for (path, expected) in [
        (foreign.path.clone(), "another repository"),
        (scratch.project.clone(), "a repository of its own"),
        (scratch.path("home"), "no git worktree"),
        (scratch.project.join("a.txt"), "not a directory"),
    ] {
        write(scratch.path("home/file"), "mine");
        let branch = "ao/none".parse::<BranchName>().expect("branch");
        let request = DiscardWorkspace::new(scratch.project.clone(), path.clone(), branch);
        let why = why(scratch.plugin.discard(request).await.expect("discard"));
        assert!(why.contains(expected), "{path}: {why}");
        assert!(path.exists());
    }
}

/// Brings a worktree into the state that a git killed in the middle of `worktree add` leaves.
fn interrupt(scratch: &Scratch, session: &str) {
    let private = scratch.project.join(".git/worktrees").join(session);
    write(private.join("locked"), "initializing");
    std::fs::remove_file(private.join("index")).expect("index");
    write(private.join("index.lock"), "");
    std::fs::remove_file(scratch.target(session).join("a.txt")).expect("a file not yet written");
}

#[tokio::test]
async fn an_interrupted_creation_is_taken_back() {
    let scratch = Scratch::new().await;
    let before = scratch.world().await;
    let made = scratch.create("app-1").await;
    interrupt(&scratch, "app-1");
    let list = ListWorkspaces::new(scratch.project.clone(), scratch.path("worktrees"));
    assert_eq!(scratch.plugin.list(list).await.expect("list"), [], "it counts as made");
    let mut request = scratch.discard_request(&made);
    request.created_at = None;
    assert_eq!(scratch.plugin.discard(request).await.expect("discard"), Discarded::Gone);
    assert_eq!(scratch.world().await, before);
    scratch.create("app-1").await;
}

#[tokio::test]
async fn work_in_an_interrupted_creation_is_kept() {
    let scratch = Scratch::new().await;
    for (session, file) in [("app-1", "new.txt"), ("app-2", "b.ignored"), ("app-3", "dir/b.txt")] {
        let made = scratch.create(session).await;
        interrupt(&scratch, session);
        write(made.path.join(file), "mine");
        assert!(why(scratch.discard(&made).await).contains(file), "{file}");
        assert_eq!(read(made.path.join(file)), "mine");
    }
}

#[tokio::test]
async fn a_claimed_directory_alone_is_taken_back() {
    let scratch = Scratch::new().await;
    let before = scratch.world().await;
    std::fs::create_dir(scratch.target("app-1")).expect("directory");
    let branch: BranchName = "ao/app-1".parse().expect("branch");
    let request = DiscardWorkspace::new(scratch.project.clone(), scratch.target("app-1"), branch);
    assert_eq!(scratch.plugin.discard(request).await.expect("discard"), Discarded::Gone);
    assert_eq!(scratch.world().await, before);
}
