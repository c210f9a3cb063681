//! Looking at worktrees: `observe`, `list` and `doctor`.

use ao_plugin_sdk::prelude::*;

use crate::support::{Scratch, write};

async fn observe(scratch: &Scratch, paths: Vec<Utf8PathBuf>) -> Vec<WorkspaceObservation> {
    scratch.plugin.observe(ObserveWorkspaces::new(paths)).await.expect("observe")
}

#[tokio::test]
async fn what_is_not_committed_is_counted() {
    let scratch = Scratch::new().await;
    let made = scratch.create("app-1").await;
    write(made.path.join("a.txt"), "changed\n");
    write(made.path.join("new/x"), "x");
    write(made.path.join("new/y"), "y");
    write(made.path.join("z.ignored"), "z");
    std::fs::remove_file(made.path.join("dir/b.txt")).expect("rm");
    let seen = &observe(&scratch, vec![made.path.clone()]).await[0];
    assert_eq!((&seen.presence, seen.dirty, seen.untracked), (&Presence::Present, 2, 2));
    assert_eq!((seen.branch.as_ref(), seen.head.as_ref()), (made.branch.as_ref(), Some(&made.head)));
}

#[tokio::test]
async fn many_are_answered_in_their_order_and_one_hurts_no_other() {
    let scratch = Scratch::new().await;
    let mut paths = Vec::new();
    for number in 1..=6 {
        paths.push(scratch.create(&format!("app-{number}")).await.path);
    }
    paths.push(scratch.target("missing"));
    // A directory within the project: git would answer for the project itself.
    paths.push(scratch.project.join("dir"));
    let broken = scratch.create("app-7").await.path;
    write(broken.join(".git"), "gitdir: /nowhere\n");
    paths.push(broken);
    let seen = observe(&scratch, paths.clone()).await;
    assert_eq!(seen.iter().map(|one| one.path.clone()).collect::<Vec<_>>(), paths);
    assert!(seen[..6].iter().all(|one| one.presence == Presence::Present && one.dirty == 0));
    assert_eq!(seen[6].presence, Presence::Missing);
    assert!(matches!(&seen[7].presence, Presence::Unknown { why } if why.contains("no git worktree")));
    assert!(matches!(&seen[8].presence, Presence::Unknown { .. }), "{:?}", seen[8]);
}

#[tokio::test]
async fn a_detached_worktree_has_no_branch() {
    let scratch = Scratch::new().await;
    let made = scratch.create("app-1").await;
    scratch.git_in(&made.path, &["checkout", "--quiet", "--detach"]).await;
    let seen = &observe(&scratch, vec![made.path]).await[0];
    assert_eq!((seen.branch.as_ref(), seen.head.as_ref()), (None, Some(&made.head)));
}

#[tokio::test]
async fn a_list_holds_what_create_made_below_a_directory() {
    let scratch = Scratch::new().await;
    let (one, two) = (scratch.create("app-1").await, scratch.create("app-2").await);
    scratch.git(&["worktree", "add", "--quiet", "-b", "mine", scratch.path("elsewhere").as_str()]).await;
    let gone = scratch.create("app-3").await;
    std::fs::rename(&gone.path, scratch.path("home/gone")).expect("move");
    let list = async |below| {
        let request = ListWorkspaces::new(scratch.project.clone(), below);
        let mut found = scratch.plugin.list(request).await.expect("list");
        found.sort_by(|left: &WorkspaceInfo, right| left.path.cmp(&right.path));
        found
    };
    assert_eq!(list(scratch.path("worktrees")).await, [one.clone(), two]);
    // By a path with a link in it, the answers are the caller's own paths.
    let alias = scratch.path("alias");
    std::os::unix::fs::symlink(scratch.path("worktrees"), &alias).expect("link");
    assert_eq!(list(alias.clone()).await[0].path, alias.join("app-1"));
}

#[tokio::test]
async fn a_creation_that_was_cut_short_is_named_and_taken_back() {
    let scratch = Scratch::new().await;
    scratch.create("app-1").await;
    let private = scratch.project.join(".git/worktrees/app-2");
    write(private.join("locked"), "initializing");
    write(private.join("gitdir"), &format!("{}/.git\n", scratch.target("app-2")));
    write(private.join("commondir"), "");
    let list = ListWorkspaces::new(scratch.project.clone(), scratch.path("worktrees"));
    let error = scratch.plugin.list(list.clone()).await.expect_err("git gives up");
    assert_eq!(error.code, Code::UNAVAILABLE);
    assert!(error.message.contains("worktrees/app-2") && error.message.contains("cut short"), "{error}");
    let branch: BranchName = "ao/app-2".parse().expect("branch");
    let discard = DiscardWorkspace::new(scratch.project.clone(), scratch.target("app-2"), branch);
    assert_eq!(scratch.plugin.discard(discard).await.expect("discard"), Discarded::Gone);
    assert_eq!(scratch.plugin.list(list).await.expect("list").len(), 1);
}

#[tokio::test]
async fn doctor_finds_this_machine_s_git() {
    let scratch = Scratch::new().await;
    let owner = Owner::new("00000000", "/run", "/state");
    let findings = scratch.plugin.doctor(Doctor::new(owner)).await.expect("doctor");
    assert_eq!((findings.len(), findings[0].level), (1, FindingLevel::Ok), "{findings:?}");
}
