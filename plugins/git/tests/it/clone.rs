//! What is a clone's own: its refs, its settings, its stashes; and what both kinds of copies take as it is.

#![expect(clippy::disallowed_methods, reason = "a directory is lost on purpose")]

use ao_plugin_sdk::prelude::*;

use crate::support::{Kind, Scratch, read, write};

async fn commit(scratch: &Scratch, directory: &Utf8Path, name: &str) -> String {
    write(directory.join(name), name);
    scratch.git_in(directory, &["add", "--", name]).await;
    scratch.git_in(directory, &["commit", "--quiet", "--message", name]).await;
    scratch.git_in(directory, &["rev-parse", "HEAD"]).await
}

async fn preserve(scratch: &Scratch, made: &WorkspaceInfo) -> Receipt {
    let id: SessionId = "app-1".parse().expect("id");
    let mut request = PreserveWorkspace::new("01JD0000000000000000000000", id, made.path.clone());
    request.project = Some(scratch.project.clone());
    request.branch = made.branch.clone();
    scratch.plugin.preserve(request).await.expect("preserve")
}

#[tokio::test]
async fn nothing_in_a_clone_touches_the_project() {
    let scratch = Scratch::of(Kind::Clone).await;
    scratch.git(&["config", "user.name", "Somebody \"Else\""]).await;
    scratch.git(&["config", "filter.up.clean", "tr a-z A-Z"]).await;
    scratch.git(&["config", "remote.origin.url", "../upstream.git"]).await;
    scratch.git(&["update-ref", "refs/remotes/origin/main", "HEAD"]).await;
    let before = scratch.world().await;
    let made = scratch.create("app-1").await;
    assert_eq!(made.base.as_deref(), Some(scratch.head().await.as_str()));
    let here = |arguments: &'static [&'static str]| scratch.git_in(&made.path, arguments);
    assert_eq!(here(&["config", "user.name"]).await, "Somebody \"Else\"");
    assert_eq!(here(&["config", "filter.up.clean"]).await, "tr a-z A-Z");
    assert_eq!(
        here(&["config", "--get-all", "remote.origin.url"]).await,
        scratch.project.join("../upstream.git").as_str()
    );
    let refs = here(&["for-each-ref", "--format=%(refname)"]).await;
    assert_eq!(refs, "refs/heads/ao/app-1\nrefs/heads/main\nrefs/remotes/origin/HEAD\nrefs/remotes/origin/main");
    assert!(!made.path.join(".git/objects/info/alternates").exists(), "it needs the project for nothing");

    commit(&scratch, &made.path, "work").await;
    here(&["branch", "--quiet", "-D", "main"]).await;
    here(&["gc", "--quiet", "--prune=now"]).await;
    let record = scratch.git(&["for-each-ref", "--format=%(refname)", "refs/ao/clones"]).await;
    assert_eq!(record, "refs/ao/clones/app-1");
    scratch.git(&["update-ref", "-d", "refs/ao/clones/app-1"]).await;
    std::fs::remove_dir_all(&made.path).expect("lose it");
    assert_eq!(scratch.world().await, before);
    assert_eq!(scratch.git(&["fsck", "--no-progress", "--no-dangling"]).await, "");
}

#[tokio::test]
async fn other_branches_tags_and_stashes_come_back() {
    let scratch = Scratch::of(Kind::Clone).await;
    let made = scratch.create("app-1").await;
    let here = |arguments: &'static [&'static str]| scratch.git_in(&made.path, arguments);
    here(&["switch", "--quiet", "--create", "side"]).await;
    commit(&scratch, &made.path, "aside").await;
    here(&["tag", "--annotate", "--message", "mine", "mine"]).await;
    here(&["switch", "--quiet", "ao/app-1"]).await;
    for name in ["first", "second"] {
        write(made.path.join("a.txt"), name);
        here(&["stash", "push", "--quiet"]).await;
    }
    let shown = |text: String| {
        text.lines().map(|line| line.split(' ').next().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    let view = || async {
        let refs = here(&["for-each-ref", "--format=%(refname) %(objectname)", "refs/heads/side", "refs/tags"]).await;
        (refs, shown(here(&["stash", "list", "--format=%H"]).await))
    };
    let before = view().await;
    assert_eq!(before.1.len(), 2);
    let receipt = preserve(&scratch, &made).await;
    assert_eq!(view().await, before);
    assert_eq!(here(&["for-each-ref", "refs/ao"]).await, "", "pins are the project's");

    std::fs::remove_dir_all(&made.path).expect("lose it");
    let forget = ForgetWorkspace::new(scratch.project.clone(), made.path.clone());
    scratch.plugin.forget(forget).await.expect("forget");
    scratch.git(&["reflog", "expire", "--expire=now", "--all"]).await;
    scratch.git(&["gc", "--quiet", "--prune=now"]).await;
    let branch = made.branch.clone().expect("branch");
    let mut request = RestoreWorkspace::new(scratch.project.clone(), made.path.clone(), branch);
    request.receipt = Some(receipt);
    scratch.plugin.restore(request).await.expect("restore");
    assert_eq!(view().await, before);
    assert_eq!(here(&["for-each-ref", "refs/ao"]).await, "");
    let listed = scratch.plugin.list(ListWorkspaces::new(scratch.project.clone(), scratch.path("worktrees"))).await;
    assert_eq!(listed.expect("list").len(), 1, "it is known again");
}

#[tokio::test]
async fn what_is_merged_the_project_knows() {
    for kind in Kind::ALL {
        let scratch = Scratch::of(kind).await;
        let made = scratch.create("app-1").await;
        let unmerged = || async {
            let mut request = ObserveWorkspaces::new(vec![made.path.clone()]);
            request.bases.push(WorkspaceBase::new(made.path.clone(), "main"));
            scratch.plugin.observe(request).await.expect("observe").remove(0).unmerged
        };
        commit(&scratch, &made.path, "one").await;
        commit(&scratch, &made.path, "two").await;
        commit(&scratch, &scratch.project.clone(), "elsewhere").await;
        assert_eq!(unmerged().await, Some(2), "{kind:?}");
        scratch.git(&["pull", "--quiet", "--no-rebase", made.path.as_str(), "ao/app-1"]).await;
        assert_eq!(unmerged().await, Some(0), "{kind:?}");
        assert!(matches!(scratch.discard(&made).await, Discarded::Kept { .. }), "{kind:?}: it has commits of its own");
    }
}

#[tokio::test]
async fn a_clone_with_something_begun_is_kept() {
    let scratch = Scratch::of(Kind::Clone).await;
    for (number, begun) in ["MERGE_HEAD", "rebase-merge", "modules"].into_iter().enumerate() {
        let made = scratch.create(&format!("app-{}", number + 1)).await;
        let path = made.path.join(".git").join(begun);
        write(&path, "x");
        match scratch.discard(&made).await {
            Discarded::Kept { why } => assert!(why.contains(begun), "{why}"),
            other => panic!("{begun}: {other:?}"),
        }
        std::fs::remove_file(path).expect("remove");
        assert_eq!(scratch.discard(&made).await, Discarded::Gone, "{begun}");
    }
    assert_eq!(scratch.git(&["for-each-ref", "refs/ao"]).await, "");
}

#[tokio::test]
async fn a_project_with_a_submodule_has_copies_that_come_and_go() {
    for kind in Kind::ALL {
        let scratch = Scratch::of(kind).await;
        let origin = scratch.path("sub");
        std::fs::create_dir(&origin).expect("directory");
        scratch.git_in(&origin, &["init", "--quiet", "--initial-branch=main"]).await;
        commit(&scratch, &origin, "inner").await;
        scratch.git(&["submodule", "--quiet", "add", origin.as_str(), "sub"]).await;
        scratch.git(&["commit", "--quiet", "--message", "a submodule"]).await;
        let made = scratch.create("app-1").await;
        assert!(made.path.join("sub").is_dir() && !made.path.join("sub/inner").exists(), "{kind:?}: not initialised");
        assert_eq!(scratch.discard(&made).await, Discarded::Gone, "{kind:?}");
        let made = scratch.create("app-1").await;
        scratch.git_in(&made.path, &["submodule", "--quiet", "update", "--init"]).await;
        assert_eq!(read(made.path.join("sub/inner")), "inner");
        let kept = scratch.discard(&made).await;
        assert!(matches!(kept, Discarded::Kept { .. }), "{kind:?}: {kept:?}");
        assert_eq!(read(made.path.join("sub/inner")), "inner", "{kind:?}");
    }
}

#[tokio::test]
async fn pointers_of_large_files_stay_what_they_are() {
    const POINTER: &str = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n";
    for kind in Kind::ALL {
        let scratch = Scratch::of(kind).await;
        scratch.write(".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n");
        scratch.write("large.bin", POINTER);
        scratch.git(&["add", "."]).await;
        scratch.git(&["commit", "--quiet", "--message", "a large file"]).await;
        let made = scratch.create("app-1").await;
        assert_eq!(read(made.path.join("large.bin")), POINTER, "{kind:?}");
        let changed = POINTER.replace("12345", "54321");
        write(made.path.join("large.bin"), &changed);
        let receipt = preserve(&scratch, &made).await;
        std::fs::remove_dir_all(&made.path).expect("lose it");
        let branch = made.branch.clone().expect("branch");
        let mut request = RestoreWorkspace::new(scratch.project.clone(), made.path.clone(), branch);
        request.receipt = Some(receipt);
        scratch.plugin.restore(request).await.expect("restore");
        assert_eq!(read(made.path.join("large.bin")), changed, "{kind:?}");
    }
}

#[tokio::test]
async fn spaces_and_other_scripts_are_names_like_others() {
    for kind in Kind::ALL {
        let mut scratch = Scratch::named("mein Projekt – Ж\"q\"").await;
        scratch.plugin = kind.plugin(&scratch.path(""));
        let mut request = scratch.request("app-1");
        request.target = scratch.path("worktrees").join("with space, 日本");
        let made = scratch.plugin.create(request).await.expect("create");
        write(made.path.join("neu – Ж"), "work");
        let receipt = preserve(&scratch, &made).await;
        std::fs::remove_dir_all(&made.path).expect("lose it");
        let branch = made.branch.clone().expect("branch");
        let mut request = RestoreWorkspace::new(scratch.project.clone(), made.path.clone(), branch);
        request.receipt = Some(receipt);
        scratch.plugin.restore(request).await.expect("restore");
        assert_eq!(read(made.path.join("neu – Ж")), "work", "{kind:?}");
        std::fs::remove_file(made.path.join("neu – Ж")).expect("remove");
        let discarded = scratch.discard(&made).await;
        assert_eq!(discarded, Discarded::Gone, "{kind:?}");
    }
}
