//! Clean copies of a commit: what is in them, what they cannot touch, and what becomes of half-made ones.

use ao_plugin_sdk::prelude::*;

use crate::support::{Kind, Scratch, names, read, write};

fn request(scratch: &Scratch, commit: &str, name: &str) -> CheckOutCommit {
    CheckOutCommit::new(scratch.project.clone(), commit, scratch.target(name))
}

async fn release(scratch: &Scratch, name: &str) -> Option<String> {
    let request = ReleaseCommit::new(scratch.project.clone(), scratch.target(name));
    scratch.plugin.release(request).await.expect("release").commit
}

/// Everything in the project's git directory but its objects, byte for byte.
fn bookkeeping(directory: &Utf8Path) -> Vec<(Utf8PathBuf, Vec<u8>)> {
    let (mut found, mut ahead) = (Vec::new(), vec![directory.to_owned()]);
    while let Some(directory) = ahead.pop() {
        for name in names(&directory) {
            let path = directory.join(&name);
            if path.is_dir() {
                ahead.extend(Some(path).filter(|_| name != "objects"));
            } else {
                found.push((path.clone(), std::fs::read(&path).expect("read")));
            }
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn a_copy_is_the_commit_and_nothing_of_the_project_changes() {
    for kind in Kind::ALL {
        let scratch = Scratch::of(kind).await;
        let first = scratch.head().await;
        scratch.git(&["tag", "v1"]).await;
        scratch.write("a.txt", "not committed\n");
        let git = scratch.project.join(".git");
        let before = bookkeeping(&git);
        let request = request(&scratch, &first, "run-1");
        let checked = scratch.plugin.check_out(request.clone()).await.expect("check out");
        assert_eq!(checked.notes, Vec::<String>::new());
        let target = scratch.target("run-1");
        assert_eq!(read(target.join("a.txt")), "one\n");
        assert_eq!(scratch.git_in(&target, &["status", "--porcelain", "--branch"]).await, "## HEAD (no branch)");
        assert_eq!(scratch.git_in(&target, &["describe", "--tags"]).await, "v1");
        assert_eq!(scratch.git_in(&target, &["remote"]).await, "");
        assert_eq!(scratch.git(&["for-each-ref", "refs/ao"]).await, format!("{first} commit\trefs/ao/checks/run-1"));
        // Whatever runs there: refs, settings and hooks of the project are out of reach.
        for line in [
            &["update-ref", "refs/heads/main", "HEAD"][..],
            &["branch", "-f", "evil", "HEAD"],
            &["config", "user.name", "evil"],
            &["config", "core.hooksPath", "/evil"],
            &["stash", "list"],
            &["tag", "-f", "v1", "HEAD"],
        ] {
            scratch.git_in(&target, line).await;
        }
        write(target.join(".git/hooks/pre-commit"), "evil");
        scratch.plugin.check_out(request).await.expect("again, and nothing changes");
        assert_eq!(names(&scratch.path("worktrees")), ["run-1"]);
        assert_eq!(release(&scratch, "run-1").await, Some(first));
        assert_eq!(release(&scratch, "run-1").await, None, "once is enough");
        let after = bookkeeping(&git);
        assert_eq!(before, after, "{kind:?}: the project is as before");
    }
}

#[tokio::test]
async fn what_is_pinned_outlives_its_branch() {
    let scratch = Scratch::new().await;
    let base = scratch.head().await;
    scratch.git(&["commit", "--quiet", "--allow-empty", "--message", "second"]).await;
    let second = scratch.head().await;
    scratch.plugin.check_out(request(&scratch, &second, "run-1")).await.expect("check out");
    scratch.git(&["reset", "--quiet", "--hard", &base]).await;
    scratch.git(&["reflog", "expire", "--expire=now", "--all"]).await;
    scratch.git(&["gc", "--quiet", "--prune=now"]).await;
    assert_eq!(scratch.git_in(&scratch.target("run-1"), &["log", "-1", "--format=%s"]).await, "second");
    release(&scratch, "run-1").await;
}

#[tokio::test]
async fn a_half_made_copy_is_replaced_and_nobody_elses() {
    let scratch = Scratch::new().await;
    let (head, target) = (scratch.head().await, scratch.target("run-1"));
    write(target.join("somebody/wrote.txt"), "this");
    let error = scratch.plugin.check_out(request(&scratch, &head, "run-1")).await.expect_err("it is somebody's");
    assert_eq!((error.code, error.field.as_deref()), (Code::CONFLICT, Some("target")));
    assert_eq!(read(target.join("somebody/wrote.txt")), "this");
    assert_eq!(scratch.git(&["for-each-ref", "refs/ao"]).await, "", "nothing was pinned");
    // A crash came after the pin was set.
    scratch.git(&["update-ref", "refs/ao/checks/run-1", &head]).await;
    scratch.plugin.check_out(request(&scratch, &head, "run-1")).await.expect("replaced");
    assert_eq!(read(target.join("a.txt")), "one\n");
    assert_eq!(names(&scratch.path("worktrees")), ["run-1", "run-1.left-1"], "what was there is moved, not removed");
}

#[tokio::test]
async fn no_hook_runs_and_what_is_missing_is_said() {
    let scratch = Scratch::new().await;
    let (templates, hooks) = (scratch.path("home/templates"), scratch.path("home/hooks"));
    for hook in [
        templates.join("hooks/post-checkout"),
        hooks.join("post-checkout"),
        scratch.project.join(".git/hooks/post-checkout"),
    ] {
        write(&hook, &format!("#!/bin/sh\ntouch {}\n", scratch.path("ran")));
        std::fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("mode");
    }
    write(
        scratch.path("home/gitconfig"),
        &format!(
            "[init]\n\ttemplateDir = {templates}\n[core]\n\thooksPath = {hooks}\n[filter \"lfs\"]\n\tsmudge = false\n\trequired = true\n"
        ),
    );
    let library = Scratch::named("library").await;
    scratch.git(&["submodule", "--quiet", "add", library.project.as_str(), "vendored"]).await;
    scratch.write(".gitattributes", "*.bin filter=lfs\n");
    scratch.git(&["add", ".gitattributes"]).await;
    scratch.write("big.bin", "version https://git-lfs.github.com/spec/v1\n");
    scratch.git(&["-c", "filter.lfs.clean=cat", "add", "."]).await;
    scratch.git(&["commit", "--quiet", "--message", "more"]).await;
    let mut variables = crate::support::environment(&scratch.path(""));
    variables.insert("GIT_CONFIG_GLOBAL".into(), scratch.path("home/gitconfig").into_string());
    let plugin = ao_plugin_git::Worktree::with_environment(variables);
    let checked = plugin.check_out(request(&scratch, &scratch.head().await, "run-1")).await.expect("check out");
    assert_eq!(checked.notes, ["submodules are empty: vendored", "files of Git LFS are pointers: big.bin"]);
    assert!(!scratch.path("ran").exists(), "a hook ran");
    assert!(read(scratch.target("run-1").join("big.bin")).starts_with("version"));
}

#[tokio::test]
async fn bare_and_shallow_repositories_have_copies_too() {
    let scratch = Scratch::new().await;
    scratch.git(&["commit", "--quiet", "--allow-empty", "--message", "second"]).await;
    let head = scratch.head().await;
    let source = format!("file://{}", scratch.project);
    for (name, options) in [("bare", &["--bare"][..]), ("shallow", &["--depth=1"])] {
        let copy = scratch.path(name);
        let line = [&["clone", "--quiet"], options, &[source.as_str(), copy.as_str()]].concat();
        scratch.git(&line).await;
        let mut request = request(&scratch, &head, name);
        request.project.clone_from(&copy);
        scratch.plugin.check_out(request).await.expect(name);
        assert_eq!(read(scratch.target(name).join("a.txt")), "one\n", "{name}");
        assert_eq!(scratch.git_in(&scratch.target(name), &["rev-parse", "HEAD"]).await, head, "{name}");
    }
}

#[tokio::test]
async fn what_cannot_be_checked_out_is_refused_without_a_trace() {
    let scratch = Scratch::new().await;
    let (before, head) = (scratch.world().await, scratch.head().await);
    let absent = "1".repeat(40);
    for (commit, name, project, code) in [
        (absent.as_str(), "run-1", scratch.project.clone(), Code::NOT_FOUND),
        ("HEAD", "run-1", scratch.project.clone(), Code::INVALID_INPUT),
        ("--upload-pack=evil", "run-1", scratch.project.clone(), Code::INVALID_INPUT),
        (&head, "run~1", scratch.project.clone(), Code::INVALID_INPUT),
        (&head, "run-1", scratch.path("nowhere"), Code::NOT_FOUND),
        (&head, "run-1", scratch.path("home"), Code::INVALID_INPUT),
    ] {
        let request = CheckOutCommit::new(project, commit, scratch.target(name));
        let error = scratch.plugin.check_out(request).await.expect_err(commit);
        assert_eq!(error.code, code, "{error}");
        assert_eq!(scratch.world().await, before, "{error}");
    }
}
