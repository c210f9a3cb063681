//! What a merge makes, and what it refuses.

use ao_plugin_sdk::prelude::*;

use super::forge::{Forge, executable, lines};
use crate::environment::environment;

#[tokio::test]
async fn what_moved_is_not_merged() {
    let forge = Forge::new().await;
    let pull = forge.pull("feature", "a.txt", "one\n").await;
    let (base, mut request) = (forge.oid("main").await, forge.merge_request(&pull, MergeMethod::Merge).await);
    request.expected_base = Some(base.clone());
    forge.commit("feature", "main", "a.txt", "two\n").await;
    assert_eq!(forge.scm.merge(request.clone()).await, Ok(MergeOutcome::HeadMoved));
    request.expected_head = forge.show(&pull).await.head;
    forge.commit("main", "main", "b.txt", "more\n").await;
    assert_eq!(forge.scm.merge(request.clone()).await, Ok(MergeOutcome::BaseMoved));
    request.expected_base = None;
    let outcome = forge.scm.merge(request).await.expect("merge");
    assert!(matches!(outcome, MergeOutcome::Merged { .. }), "{outcome:?}");
    assert_eq!(forge.git(&["show", "main:a.txt", "main:b.txt"]).await, "two\nmore");
}

#[tokio::test]
async fn conflicts_are_foretold_and_refused_with_their_files() {
    let forge = Forge::new().await;
    let pull = forge.pull("feature", "a.txt", &lines(" feature")).await;
    forge.commit("feature", "main", "b.txt", "feature\n").await;
    forge.commit("main", "main", "a.txt", &lines(" base")).await;
    forge.commit("main", "main", "b.txt", "base\n").await;
    let (refs, objects, files) = (forge.git(&["for-each-ref"]).await, forge.objects(), forge.files());
    let shown = forge.show(&pull).await;
    assert_eq!(shown.conflicts.as_deref(), Some(["a.txt".to_owned(), "b.txt".to_owned()].as_slice()));
    for method in [MergeMethod::Merge, MergeMethod::Squash, MergeMethod::Rebase] {
        if method == MergeMethod::Rebase {
            assert_eq!(forge.objects(), objects, "nothing was written");
        }
        let outcome = forge.merge(&pull, method).await;
        let MergeOutcome::Blocked { why, remedy: Some(_), conflicts } = outcome else { panic!("{outcome:?}") };
        // A rebase stops at the first commit that conflicts.
        let expected: &[&str] = if method == MergeMethod::Rebase { &["a.txt"] } else { &["a.txt", "b.txt"] };
        assert!(conflicts == expected && why.contains("conflicts with `main`"), "{why}");
    }
    assert_eq!(forge.git(&["for-each-ref"]).await, refs);
    assert_eq!(forge.files(), files);
}

#[tokio::test]
async fn looking_writes_nothing() {
    let forge = Forge::new().await;
    forge.commit("feature", "main", "a.txt", &lines(" feature")).await;
    forge.commit("main", "main", "b.txt", "base\n").await;
    let pull = forge.open("feature").await;
    let (objects, files) = (forge.objects(), forge.files());
    assert_eq!(forge.show(&pull).await.conflicts, Some(Vec::new()));
    assert_eq!((forge.objects(), forge.files()), (objects, files));
}

#[tokio::test]
async fn drafts_and_closed_ones_and_those_without_a_base_are_refused() {
    let forge = Forge::new().await;
    forge.commit("feature", "main", "a.txt", "one\n").await;
    let mut request = forge.open_request("feature");
    request.draft = true;
    let pull = forge.scm.open_pull(request).await.expect("open");
    let refused = async |expected: &str, remedy: &str| match forge.merge(&pull, MergeMethod::Merge).await {
        MergeOutcome::Blocked { why, remedy: Some(told), .. } => {
            assert!(why.contains(expected) && told.starts_with(remedy), "{why}: {told}");
        }
        other => panic!("{other:?}"),
    };
    refused("draft", "ao pr ready 1").await;
    forge.update("close", "me", &pull, PullChange::Close).await.expect("close");
    refused("closed", "ao pr reopen 1").await;
    forge.update("reopen", "me", &pull, PullChange::Reopen).await.expect("reopen");
    forge.update("ready", "me", &pull, PullChange::Ready).await.expect("ready");
    forge.git(&["branch", "--quiet", "-m", "main", "trunk"]).await;
    refused("gone", "git branch main").await;
    forge.git(&["branch", "--quiet", "-m", "trunk", "main"]).await;
    forge.git(&["branch", "--quiet", "--force", "feature", "main"]).await;
    assert_eq!(forge.show(&pull).await.state, PullState::Open, "set back is not merged");
    refused("nothing to merge", "ao pr close 1").await;
    let mut unknown = forge.merge_request(&pull, MergeMethod::Unknown).await;
    unknown.method = MergeMethod::Unknown;
    assert_eq!(forge.scm.merge(unknown).await.expect_err("a way that is not known").code, Code::UNSUPPORTED);
}

#[tokio::test]
async fn what_was_merged_by_hand_is_merged() {
    let forge = Forge::new().await;
    let pull = forge.pull("feature", "a.txt", "one\n").await;
    let head = forge.oid("feature").await;
    let desk = forge.path("desk");
    forge.git_in(&desk, &["checkout", "--quiet", "main"]).await;
    forge.git_in(&desk, &["merge", "--quiet", "--no-ff", "--no-edit", "feature"]).await;
    forge.git(&["branch", "--quiet", "-D", "feature"]).await;
    let shown = forge.show(&pull).await;
    assert_eq!((shown.state, shown.merged_as.as_deref()), (PullState::Merged, Some(head.as_str())));
    assert_eq!(forge.merge(&pull, MergeMethod::Merge).await, MergeOutcome::Merged { commit: head });
    let error = forge.update("close", "me", &pull, PullChange::Close).await.expect_err("it is merged");
    assert_eq!(error.code, Code::CONFLICT);
    let mut again = forge.open_request("desk");
    again.key = "again".into();
    let error = forge.scm.open_pull(again).await.expect_err("nothing new");
    assert!(error.message.contains("nothing to merge"), "{error}");
}

#[tokio::test]
async fn the_commit_is_the_users_where_git_knows_one_and_nobody_s_hooks_run() {
    let forge = Forge::new().await;
    for hook in ["pre-commit", "commit-msg", "pre-merge-commit", "post-merge", "reference-transaction"] {
        let path = forge.project.join(".git/hooks").join(hook);
        super::forge::write(&path, b"#!/bin/sh\necho ran >> \"$(git rev-parse --git-common-dir)/ran\"\nexit 1\n");
        executable(&path);
    }
    let hooks = forge.project.join(".git/hooks");
    let aside = forge.project.join(".git/hooks.aside");
    std::fs::rename(&hooks, &aside).expect("aside");
    forge.commit("feature", "main", "a.txt", "one\n").await;
    forge.git(&["config", "commit.gpgSign", "true"]).await;
    forge.git(&["config", "gpg.program", "/bin/false"]).await;
    forge.git(&["checkout", "--quiet", "main"]).await;
    std::fs::rename(&aside, &hooks).expect("back");
    let pull = forge.open("feature").await;
    let mut request = forge.merge_request(&pull, MergeMethod::Squash).await;
    request.message = Some("My own words\n\nand more".into());
    let outcome = forge.scm.merge(request).await.expect("merge");
    assert!(matches!(outcome, MergeOutcome::Merged { .. }), "{outcome:?}");
    assert_eq!(
        forge.git(&["log", "-1", "--format=%an <%ae> %cn%n%B", "main"]).await.trim_end(),
        "Test <test@example.com> Test\nMy own words\n\nand more"
    );
    assert!(!forge.project.join(".git/ran").exists(), "a hook ran");
    let who = forge.git(&["log", "-1", "--format=%an <%ae>", "refs/ao/prs/1"]).await;
    assert_eq!(who, "ao <ao@localhost>");
}

#[tokio::test]
async fn without_an_identity_it_is_nobody_s_commit() {
    let forge = Forge::new().await;
    let pull = forge.pull("feature", "a.txt", "one\n").await;
    let mut variables = environment(&forge.path(""));
    variables.retain(|name, _| !name.starts_with("GIT_AUTHOR") && !name.starts_with("GIT_COMMITTER"));
    let scm = ao_plugin_local::LocalScm::with_environment(ao_plugin_local::scm::Config::default(), variables);
    let request = forge.merge_request(&pull, MergeMethod::Merge).await;
    scm.expect("plugin").merge(request).await.expect("merge");
    assert_eq!(forge.git(&["log", "-1", "--format=%an <%ae>", "main"]).await, "ao <ao@localhost>");
}

#[tokio::test]
async fn a_rebase_keeps_what_stands_leaves_out_what_is_there_and_refuses_merges() {
    let forge = Forge::new().await;
    let pull = forge.pull("straight", "a.txt", "one\n").await;
    let head = forge.oid("straight").await;
    assert_eq!(forge.merge(&pull, MergeMethod::Rebase).await, MergeOutcome::Merged { commit: head });

    forge.commit("picked", "main", "c.txt", "c\n").await;
    forge.commit("picked", "main", "d.txt", "d\n").await;
    forge.commit("main", "main", "c.txt", "c\n").await;
    let pull = forge.open("picked").await;
    let base = forge.oid("main").await;
    assert!(matches!(forge.merge(&pull, MergeMethod::Rebase).await, MergeOutcome::Merged { .. }));
    assert_eq!(forge.git(&["log", "--format=%s", &format!("{base}..main")]).await, "picked: d.txt");

    let before = forge.oid("main").await;
    forge.commit("twisted", "main", "e.txt", "e\n").await;
    forge.commit("main", "main", "f.txt", "f\n").await;
    let desk = forge.path("desk");
    forge.git_in(&desk, &["checkout", "--quiet", "twisted"]).await;
    forge.git_in(&desk, &["merge", "--quiet", "--no-edit", "main"]).await;
    let pull = forge.open("twisted").await;
    let outcome = forge.merge(&pull, MergeMethod::Rebase).await;
    let MergeOutcome::Blocked { why, .. } = &outcome else { panic!("{outcome:?}") };
    assert!(why.contains("merge or squash it instead"), "{why}");
    assert!(matches!(forge.merge(&pull, MergeMethod::Squash).await, MergeOutcome::Merged { .. }));

    forge.commit("same", &before, "f.txt", "f\n").await;
    let pull = forge.open("same").await;
    for method in [MergeMethod::Rebase, MergeMethod::Squash] {
        let outcome = forge.merge(&pull, method).await;
        let MergeOutcome::Blocked { why, .. } = &outcome else { panic!("{outcome:?}") };
        assert!(why.contains("nothing to merge"), "{why}");
    }
}

#[tokio::test]
async fn a_base_in_two_places_or_in_a_place_that_is_gone_is_left_alone() {
    let forge = Forge::new().await;
    let pull = forge.pull("feature", "a.txt", "one\n").await;
    let (one, two) = (forge.path("one"), forge.path("two"));
    forge.git(&["worktree", "add", "--quiet", one.as_str(), "main"]).await;
    std::fs::rename(&one, forge.path("moved")).expect("moved");
    let outcome = forge.merge(&pull, MergeMethod::Merge).await;
    let MergeOutcome::Blocked { why, remedy, .. } = &outcome else { panic!("{outcome:?}") };
    assert!(why.contains("that directory is gone") && remedy.as_deref() == Some("git worktree prune"), "{why}");
    std::fs::rename(forge.path("moved"), &one).expect("back");
    forge.git(&["worktree", "add", "--quiet", "--force", two.as_str(), "main"]).await;
    let outcome = forge.merge(&pull, MergeMethod::Merge).await;
    let MergeOutcome::Blocked { why, .. } = &outcome else { panic!("{outcome:?}") };
    assert!(why.contains("more than one place"), "{why}");
}

#[tokio::test]
async fn how_the_user_likes_merges_is_not_how_a_check_out_is_brought_forward() {
    for (key, value) in [
        ("branch.main.mergeOptions", "--squash"),
        ("branch.main.mergeOptions", "--strategy=ours"),
        ("branch.main.mergeOptions", "--no-ff --no-commit"),
        ("merge.verifySignatures", "true"),
        ("merge.ff", "false"),
    ] {
        let forge = Forge::new().await;
        let pull = forge.pull("feature", "a.txt", "one\n").await;
        forge.git(&["checkout", "--quiet", "main"]).await;
        forge.git(&["config", key, value]).await;
        let outcome = forge.merge(&pull, MergeMethod::Merge).await;
        assert_eq!(outcome, MergeOutcome::Merged { commit: forge.oid("main").await }, "{key}={value}");
        assert_eq!(forge.git(&["status", "--porcelain"]).await, "", "{key}={value}");
    }
}

#[tokio::test]
async fn the_command_that_is_named_does_it_whatever_is_configured() {
    let forge = Forge::new().await;
    let pull = forge.pull("feature", "a.txt", "one\n").await;
    forge.git(&["checkout", "--quiet", "main"]).await;
    forge.git(&["config", "branch.main.mergeOptions", "--squash"]).await;
    forge.git(&["config", "merge.verifySignatures", "true"]).await;
    forge.write("a.txt", "mine\n");
    let outcome = forge.merge(&pull, MergeMethod::Merge).await;
    let MergeOutcome::Blocked { remedy: Some(remedy), .. } = &outcome else { panic!("{outcome:?}") };
    forge.git(&["checkout", "--quiet", "a.txt"]).await;
    // tidy: shell because the remedy is a line that a person types into one.
    let shell = command("sh").args(["-c", remedy]).env_only(environment(&forge.path("")));
    shell.run().await.expect("the command that is named");
    assert_eq!(forge.git(&["status", "--porcelain"]).await, "");
    assert_eq!(forge.show(&pull).await.state, PullState::Merged);
}

#[tokio::test]
async fn a_branch_that_went_on_is_not_merged_by_what_was_to_be_merged_before() {
    let forge = Forge::new().await;
    let pull = forge.pull("feature", "a.txt", "one\n").await;
    forge.git(&["checkout", "--quiet", "main"]).await;
    forge.write("a.txt", "mine\n");
    let outcome = forge.merge(&pull, MergeMethod::Rebase).await;
    assert!(matches!(outcome, MergeOutcome::Blocked { .. }), "{outcome:?}");
    assert_eq!(forge.oid("refs/ao/merge/1").await, forge.oid("feature").await, "it stands on its base");
    forge.git(&["checkout", "--quiet", "a.txt"]).await;
    let head = forge.commit("feature", "main", "c.txt", "more\n").await;
    forge.git(&["merge", "--quiet", "--ff-only", "feature~1"]).await;
    let shown = forge.show(&pull).await;
    assert_eq!((shown.state, shown.head), (PullState::Open, head));
    assert!(matches!(forge.merge(&pull, MergeMethod::Rebase).await, MergeOutcome::Merged { .. }));
    assert_eq!(forge.git(&["show", "main:c.txt"]).await, "more");
}

#[tokio::test]
async fn one_that_is_closed_and_whose_merge_is_on_the_base_is_merged() {
    let forge = Forge::new().await;
    let pull = forge.pull("feature", "a.txt", "one\n").await;
    forge.git(&["checkout", "--quiet", "main"]).await;
    forge.write("a.txt", "mine\n");
    assert!(matches!(forge.merge(&pull, MergeMethod::Merge).await, MergeOutcome::Blocked { .. }));
    forge.git(&["checkout", "--quiet", "a.txt"]).await;
    forge.update("close", "me", &pull, PullChange::Close).await.expect("close");
    assert_eq!(forge.show(&pull).await.state, PullState::Closed);
    assert_eq!(forge.effect("merge", 1).await, Ok(Proof::Absent));
    forge.git(&["merge", "--quiet", "--ff-only", "refs/ao/merge/1"]).await;
    let commit = forge.oid("main").await;
    let shown = forge.show(&pull).await;
    assert_eq!((shown.state, shown.merged_as.as_ref()), (PullState::Merged, Some(&commit)));
    assert_eq!(forge.effect("merge", 1).await, Ok(Proof::Found { reference: commit.clone() }));
    let mut wanted = ListPulls::new(forge.repository.as_str());
    wanted.state = Some(PullState::Merged);
    assert_eq!(forge.scm.list(wanted).await.expect("list").pulls.len(), 1);
    assert_eq!(forge.merge(&pull, MergeMethod::Merge).await, MergeOutcome::Merged { commit });
    assert!(forge.git(&["show", "refs/ao/prs/1:pull.json"]).await.contains("\"state\": \"merged\""));
}
