//! Making a worktree: where it starts from, whose branch it takes, and that a refusal leaves nothing behind.

use std::os::unix::fs::PermissionsExt;

use ao_plugin_sdk::prelude::*;

use crate::support::{Scratch, names, read, write};

#[tokio::test]
async fn a_worktree_and_its_branch_are_made() {
    let scratch = Scratch::new().await;
    let head = scratch.head().await;
    let made = scratch.create("app-1").await;
    assert_eq!((made.path.clone(), made.head.as_str()), (scratch.target("app-1"), head.as_str()));
    assert_eq!((made.branch.as_ref().map(BranchName::as_str), made.branch_created), (Some("ao/app-1"), true));
    assert_eq!(made.base.as_deref(), Some(head.as_str()));
    assert_eq!(read(made.path.join("dir/b.txt")), "two\n");
    assert_eq!(scratch.git_in(&made.path, &["symbolic-ref", "HEAD"]).await, "refs/heads/ao/app-1");
    assert_eq!(scratch.git_in(&made.path, &["status", "--porcelain"]).await, "");
}

#[tokio::test]
async fn hostile_paths_and_names_are_taken_as_they_are() {
    for project in ["-rf", "with space", "ünïcode-Ж", "quote'\"s", "$(id)", "a\nb"] {
        let scratch = Scratch::named(project).await;
        for (session, branch) in [("x-1", "feat/'quoted\""), ("x-2", "$(id)"), ("x-3", "a;b|c&d"), ("x-4", "ünïcode")]
        {
            let mut request = scratch.request(session);
            request.branch = branch.parse().expect(branch);
            let made = match scratch.plugin.create(request).await {
                Ok(made) => made,
                Err(error) => {
                    assert!(project.contains('\n'), "{project:?} {branch:?}: {error}");
                    continue;
                }
            };
            assert_eq!(scratch.git_in(&made.path, &["symbolic-ref", "--short", "HEAD"]).await, branch);
            assert_eq!(scratch.discard(&made).await, Discarded::Gone);
        }
    }
}

#[tokio::test]
async fn a_target_with_a_leading_dash_is_a_path() {
    let scratch = Scratch::new().await;
    let mut request = scratch.request("app-1");
    request.target = scratch.target("--force");
    let made = scratch.plugin.create(request).await.expect("create");
    assert_eq!(read(made.path.join("a.txt")), "one\n");
    let mut request = scratch.request("app-2");
    request.target = "--force".into();
    assert_eq!(scratch.refused(request).await.code, Code::INVALID_INPUT);
}

#[tokio::test]
async fn what_cannot_carry_a_worktree_is_named() {
    let none = Scratch::bare_directory("app");
    let error = none.refused(none.request("app-1")).await;
    assert!(error.message.contains("is not a git repository") && error.message.contains("git init"), "{error}");

    let bare = Scratch::bare_directory("app");
    bare.git(&["init", "--quiet", "--bare"]).await;
    let error = bare.refused(bare.request("app-1")).await;
    assert!(error.message.contains("is a bare repository"), "{error}");

    let empty = Scratch::empty("app").await;
    let error = empty.refused(empty.request("app-1")).await;
    assert!(error.message.contains("no commits yet") && error.message.contains("first commit"), "{error}");

    let mut request = empty.request("app-1");
    request.project = empty.path("nowhere");
    let error = empty.refused(request).await;
    assert!(error.message.contains("does not exist"), "{error}");
}

#[tokio::test]
async fn a_missing_base_names_what_there_is() {
    let scratch = Scratch::new().await;
    scratch.git(&["branch", "other"]).await;
    let mut request = scratch.request("app-1");
    request.base = "trunk".into();
    let error = scratch.refused(request.clone()).await;
    assert_eq!((error.code, error.field.as_deref()), (Code::NOT_FOUND, Some("base")));
    for part in ["`trunk`", "`main`", "`other`", "HEAD is on `main`", "defaultBranch"] {
        assert!(error.message.contains(part), "{part}: {}", error.message);
    }
    for base in ["", "--force", "a\nb"] {
        request.base = base.into();
        assert_eq!(scratch.refused(request.clone()).await.code, Code::INVALID_INPUT, "{base:?}");
    }
}

#[tokio::test]
async fn a_branch_wins_over_a_tag_and_commits_are_found() {
    let scratch = Scratch::new().await;
    let first = scratch.head().await;
    scratch.git(&["tag", "main"]).await;
    scratch.git(&["commit", "--quiet", "--allow-empty", "--message", "second"]).await;
    let second = scratch.head().await;
    assert_eq!(scratch.create("app-1").await.head, second);
    for (session, base) in [("app-2", first.as_str()), ("app-3", "refs/tags/main"), ("app-4", "HEAD~1")] {
        let mut request = scratch.request(session);
        request.base = base.into();
        assert_eq!(scratch.plugin.create(request).await.expect(base).head, first, "{base}");
    }
}

#[tokio::test]
async fn a_detached_project_and_a_subdirectory_are_fine() {
    let scratch = Scratch::new().await;
    scratch.git(&["checkout", "--quiet", "--detach"]).await;
    scratch.create("app-1").await;
    let mut request = scratch.request("app-2");
    request.project = scratch.project.join("dir");
    assert_eq!(read(scratch.plugin.create(request).await.expect("create").path.join("a.txt")), "one\n");
}

#[tokio::test]
async fn the_remote_s_branch_serves_where_only_that_exists() {
    let upstream = Scratch::new().await;
    let clone = Scratch::bare_directory("app");
    clone.git(&["clone", "--quiet", upstream.project.as_str(), "."]).await;
    clone.git(&["checkout", "--quiet", "--detach"]).await;
    clone.git(&["branch", "--quiet", "-D", "main"]).await;
    let made = clone.create("app-1").await;
    assert_eq!(made.head, upstream.head().await);
    // A branch that tracks the base would push there.
    assert_eq!(clone.git(&["for-each-ref", "--format=%(upstream)", "refs/heads/ao/app-1"]).await, "");
}

#[tokio::test]
async fn a_fetched_base_is_the_remote_s() {
    let upstream = Scratch::new().await;
    let clone = Scratch::bare_directory("app");
    clone.git(&["clone", "--quiet", upstream.project.as_str(), "."]).await;
    let old = clone.head().await;
    upstream.git(&["commit", "--quiet", "--allow-empty", "--message", "second"]).await;
    assert_eq!(clone.create("app-1").await.head, old);
    let mut request = clone.request("app-2");
    request.freshness = Freshness::Fetched;
    assert_eq!(clone.plugin.create(request.clone()).await.expect("create").head, upstream.head().await);
    assert_eq!(clone.git(&["rev-parse", "main"]).await, old, "the user's own branch was moved");

    request = clone.request("app-3");
    request.freshness = Freshness::Fetched;
    request.base = "nope".into();
    let error = clone.refused(request).await;
    assert!(error.message.contains("has no branch `nope` to fetch"), "{error}");

    let mut request = upstream.request("app-4");
    request.freshness = Freshness::Fetched;
    let error = upstream.refused(request).await;
    assert!(error.message.contains("has no remote `origin`") && error.message.contains("none"), "{error}");
}

#[tokio::test]
async fn an_existing_branch_is_refused_or_continued() {
    let scratch = Scratch::new().await;
    scratch.git(&["branch", "ao/app-1"]).await;
    let tip = scratch.head().await;
    scratch.git(&["commit", "--quiet", "--allow-empty", "--message", "second"]).await;
    let error = scratch.refused(scratch.request("app-1")).await;
    assert_eq!(error.code, Code::CONFLICT);
    assert!(error.message.contains("`ao/app-1` exists already"), "{error}");

    let mut request = scratch.request("app-1");
    request.existing_branch = ExistingBranch::Continue;
    let made = scratch.plugin.create(request).await.expect("create");
    assert_eq!((made.head.as_str(), made.branch_created), (tip.as_str(), false));
    assert_eq!(scratch.discard(&made).await, Discarded::Gone);
    assert_eq!(scratch.git(&["rev-parse", "ao/app-1"]).await, tip, "somebody's branch is gone");

    let mut request = scratch.request("app-2");
    request.existing_branch = ExistingBranch::Continue;
    assert!(scratch.plugin.create(request).await.expect("create").branch_created);
}

#[tokio::test]
async fn a_branch_in_use_names_its_worktree() {
    let scratch = Scratch::new().await;
    for existing in [ExistingBranch::Refuse, ExistingBranch::Continue] {
        let mut request = scratch.request("app-1");
        request.branch = "main".parse().expect("branch");
        request.existing_branch = existing;
        let error = scratch.refused(request).await;
        assert_eq!(error.code, Code::CONFLICT);
        assert!(error.message.contains(scratch.project.as_str()), "{error}");
    }
}

#[tokio::test]
async fn a_branch_below_a_branch_is_a_conflict() {
    let scratch = Scratch::new().await;
    scratch.git(&["branch", "ao"]).await;
    let error = scratch.refused(scratch.request("app-1")).await;
    assert_eq!(error.code, Code::CONFLICT);
    assert!(error.message.contains("'refs/heads/ao' exists"), "{error}");
}

#[tokio::test]
async fn an_existing_target_is_left_alone() {
    let scratch = Scratch::new().await;
    write(scratch.target("app-1").join("work.txt"), "mine");
    let error = scratch.refused(scratch.request("app-1")).await;
    assert_eq!(error.code, Code::CONFLICT);
    assert_eq!(read(scratch.target("app-1").join("work.txt")), "mine");

    std::fs::create_dir(scratch.target("app-2")).expect("directory");
    assert_eq!(scratch.refused(scratch.request("app-2")).await.code, Code::CONFLICT);
    std::os::unix::fs::symlink("/nowhere", scratch.target("app-3")).expect("link");
    assert_eq!(scratch.refused(scratch.request("app-3")).await.code, Code::CONFLICT);
    let mut request = scratch.request("app-4");
    request.target = scratch.path("no/such/parent");
    scratch.refused(request).await;
}

fn hook(scratch: &Scratch, script: &str) {
    let path = scratch.project.join(".git/hooks/post-checkout");
    write(&path, script);
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("mode");
}

#[tokio::test]
async fn a_failing_hook_leaves_nothing_and_a_retry_works() {
    let scratch = Scratch::new().await;
    hook(&scratch, "#!/bin/sh\necho 'no coffee' >&2\nexit 3\n");
    let error = scratch.refused(scratch.request("app-1")).await;
    assert!(error.message.contains("no coffee"), "{error}");
    hook(&scratch, "#!/bin/sh\nexit 0\n");
    scratch.create("app-1").await;
}

#[tokio::test]
async fn what_a_failing_hook_wrote_is_kept_and_said() {
    let scratch = Scratch::new().await;
    hook(&scratch, "#!/bin/sh\necho precious > made-by-hook\nexit 3\n");
    let error = scratch.plugin.create(scratch.request("app-1")).await.expect_err("the hook fails");
    assert!(error.message.contains("is kept") && error.message.contains("`made-by-hook`"), "{error}");
    assert_eq!(read(scratch.target("app-1").join("made-by-hook")), "precious\n");
}

#[tokio::test]
async fn submodules_stay_empty() {
    let library = Scratch::named("library").await;
    let scratch = Scratch::new().await;
    scratch.git(&["submodule", "--quiet", "add", library.project.as_str(), "vendor"]).await;
    scratch.git(&["commit", "--quiet", "--message", "submodule"]).await;
    let made = scratch.create("app-1").await;
    assert_eq!(names(&made.path.join("vendor")), Vec::<String>::new());
    assert_eq!(scratch.discard(&made).await, Discarded::Gone);
    assert!(!made.path.exists());
}
