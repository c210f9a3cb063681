//! What is left of sessions in repositories and worktrees is found again.

use ao_plugin_sdk::prelude::*;

use crate::support::Scratch;

async fn find(scratch: &Scratch, copies: &[Utf8PathBuf]) -> Identities {
    let mut find = FindIdentities::new(vec![scratch.project.clone()]);
    find.copies = copies.to_vec();
    scratch.plugin.identities(find).await.expect("found")
}

#[tokio::test]
async fn what_was_written_is_found_in_refs_and_in_worktrees() {
    let scratch = Scratch::new().await;
    assert_eq!(find(&scratch, &[]).await.projects[0].sessions, []);
    let blob = "{\"session\": \"app-1\",\n \"name\": \"ü\"}";
    let id: SessionId = "app-1".parse().expect("id");
    let write = IdentityChange::Write { blob: blob.to_owned() };
    scratch.plugin.identify(IdentifySession::new(scratch.project.clone(), id.clone(), write)).await.expect("written");
    let mut request = scratch.request("app-1");
    request.identity = Some(blob.to_owned());
    let made = scratch.plugin.create(request).await.expect("created");
    let plain = scratch.create("app-2").await;
    // Somebody else's ref, which is no text.
    scratch.git(&["update-ref", "refs/ao/sessions/app-9", "HEAD"]).await;

    let outside = scratch.path("worktrees");
    let found = find(&scratch, &[made.path.clone(), plain.path.clone(), scratch.project.clone(), outside]).await;
    let [project] = found.projects.try_into().expect("one project");
    let written: Vec<_> = project.sessions.iter().map(|one| (one.session.as_str(), one.blob.as_str())).collect();
    assert_eq!(written, [("app-1", blob), ("app-9", "")]);
    let branches: Vec<_> = project.branches.iter().map(BranchName::as_str).collect();
    assert_eq!(branches, ["ao/app-1", "ao/app-2", "main"]);

    let copies: Vec<_> = found.copies.iter().map(|copy| (&copy.path, copy.blob.as_deref())).collect();
    assert_eq!(copies, [(&made.path, Some(blob)), (&plain.path, None), (&scratch.project, None)]);
    for copy in &found.copies {
        assert_eq!(copy.project, scratch.project);
        assert_eq!(copy.head, Some(scratch.head().await));
    }
    assert_eq!(found.copies[0].branch, made.branch);
}

#[tokio::test]
async fn who_works_in_a_worktree_does_not_see_whose_it_is_and_it_can_be_taken_back() {
    let scratch = Scratch::new().await;
    let before = scratch.world().await;
    let mut request = scratch.request("app-1");
    request.identity = Some("{}".to_owned());
    let made = scratch.plugin.create(request).await.expect("created");
    assert_eq!(scratch.git_in(&made.path, &["status", "--porcelain", "--ignored"]).await, "");
    assert_eq!(scratch.discard(&made).await, Discarded::Gone);
    assert_eq!(scratch.world().await, before);
}

#[tokio::test]
async fn somebodys_worktree_is_given_an_identity() {
    let scratch = Scratch::new().await;
    let path = scratch.path("mine");
    scratch.git(&["worktree", "add", "-b", "mine", path.as_str()]).await;
    let write = IdentityChange::Write { blob: "{}".to_owned() };
    let id: SessionId = "app-1".parse().expect("id");
    let mut identify = IdentifySession::new(scratch.project.clone(), id, write);
    identify.copy = Some(path.clone());
    scratch.plugin.identify(identify.clone()).await.expect("written");
    scratch.plugin.identify(identify.clone()).await.expect("again");
    assert_eq!(find(&scratch, std::slice::from_ref(&path)).await.copies[0].blob.as_deref(), Some("{}"));
    identify.copy = Some(scratch.path("nowhere"));
    assert_eq!(scratch.plugin.identify(identify).await.expect_err("no worktree").code, Code::NOT_FOUND);
}

#[tokio::test]
async fn what_cannot_be_looked_at_is_left_out() {
    let scratch = Scratch::new().await;
    let mut find = FindIdentities::new(vec![scratch.path("home"), scratch.project.clone()]);
    find.copies = vec![scratch.path("gone"), scratch.path("home")];
    let found = scratch.plugin.identities(find).await.expect("found");
    assert_eq!(found.projects.len(), 1);
    assert_eq!(found.copies, []);
}
