//! Pull requests travel by plain git.

use ao_plugin_sdk::prelude::*;

use super::forge::Forge;

#[tokio::test]
async fn a_fetch_brings_them_with_all_that_was_said() {
    let mut forge = Forge::new().await;
    let open = forge.pull("feature", "a.txt", "one\n").await;
    let closed = forge.pull("other", "b.txt", "one\n").await;
    let head = forge.show(&open).await.head;
    let remarks = vec![LineRemark::new("a.txt", 1_u64, "Why?")];
    let review = PullChange::Review { head, verdict: Verdict::RequestChanges, body: "No.".into(), remarks };
    forge.update("review", "ann", &open, review).await.expect("review");
    forge.update("close", "ann", &closed, PullChange::Close).await.expect("close");
    forge.git(&["branch", "--quiet", "-D", "other"]).await;
    let here = (forge.show(&open).await, forge.show(&closed).await);
    let there = forge.path("there");
    forge.git(&["clone", "--quiet", "--no-local", "--branch", "main", ".", there.as_str()]).await;
    forge.git_in(&there, &["fetch", "--quiet", "origin", "refs/ao/*:refs/ao/*"]).await;
    forge.repository = there.clone();
    assert_eq!((forge.show(&open).await, forge.show(&closed).await), here);
    forge.git_in(&there, &["fsck", "--strict"]).await;
    // What is said there is brought back the same way.
    let comment = PullChange::Comment { body: "From there.".into(), thread: None };
    forge.update("comment", "bob", &open, comment).await.expect("comment");
    forge.git_in(&there, &["push", "--quiet", "origin", "refs/ao/prs/*:refs/ao/prs/*"]).await;
    forge.repository = forge.project.clone();
    assert_eq!(forge.show(&open).await.threads.len(), 2);
    let diff = forge.scm.diff(PullDiffRequest::new(there.as_str(), closed, 10_000_u64)).await.expect("diff");
    assert!(diff.text.contains("+one"), "{}", diff.text);
}

#[tokio::test]
async fn agents_push_to_a_bare_one_and_it_is_merged_there() {
    let forge = Forge::bare().await;
    let pull = forge.pull("feature", "a.txt", "one\n").await;
    assert_eq!(forge.repository, forge.path("origin.git"));
    let config = ao_plugin_local::scm::Config { repository: Some(forge.repository.clone()), ..Default::default() };
    let scm = super::forge::plugin(&forge.path(""), config);
    let target =
        PullTarget::new("app-1".parse::<SessionId>().expect("id"), "feature".parse::<BranchName>().expect("branch"));
    let seen = scm.snapshot(SnapshotRequest::new("acme/app", vec![target])).await.expect("snapshot");
    assert!(matches!(&seen.pulls[0].found, PullFound::Found { snapshot } if snapshot.pull == pull), "{seen:?}");
    assert!(matches!(forge.merge(&pull, MergeMethod::Merge).await, MergeOutcome::Merged { .. }));
    forge.git(&["pull", "--quiet", "--ff-only", "origin", "main"]).await;
    assert_eq!(forge.git(&["show", "main:a.txt"]).await, "one");
}
