//! Pull requests are opened, found, listed and changed.

use ao_plugin_sdk::prelude::*;

use super::forge::{Forge, name};

#[tokio::test]
async fn one_is_opened_found_and_read() {
    let forge = Forge::new().await;
    let head = forge.commit("feature", "main", "a.txt", "changed\n").await;
    let mut request = forge.open_request("feature");
    request.body = "Why:\n\nbecause.".into();
    request.author = Some("session:app-7".into());
    request.session = Some("app-7".parse().expect("id"));
    let pull = forge.scm.open_pull(request).await.expect("open");
    assert_eq!(pull.number, 1);
    let by_branch = forge.found(&forge.another(), "feature", None).await;
    let by_number = forge.found(&forge.scm, "any", Some(1)).await;
    assert_eq!(by_branch, by_number);
    let PullFound::Found { snapshot } = by_branch else { panic!("{by_branch:?}") };
    assert_eq!((snapshot.state, snapshot.head.as_str(), snapshot.draft), (PullState::Open, head.as_str(), false));
    assert_eq!(
        (snapshot.title.as_deref(), snapshot.body.as_deref()),
        (Some("About feature"), Some("Why:\n\nbecause."))
    );
    assert_eq!((snapshot.branch, snapshot.base), (Some(name("feature")), Some(name("main"))));
    assert_eq!((snapshot.author.as_deref(), snapshot.decision), (Some("session:app-7"), ReviewDecision::Wanted));
    assert_eq!(snapshot.session.expect("session").as_str(), "app-7");
    assert_eq!((snapshot.base_commit, snapshot.conflicts), (Some(forge.oid("main").await), Some(Vec::new())));
    assert_eq!(forge.found(&forge.scm, "other", None).await, PullFound::Absent);
    assert_eq!(forge.found(&forge.scm, "feature", Some(9)).await, PullFound::Absent);
    let request = CheckoutRequest::new(forge.repository.as_str(), pull);
    let spec = forge.scm.checkout(request).await.expect("checkout");
    assert_eq!((spec.remote.as_str(), spec.reference.as_str()), (forge.repository.as_str(), "refs/heads/feature"));
}

#[tokio::test]
async fn what_could_never_be_merged_is_not_opened() {
    let forge = Forge::new().await;
    forge.commit("feature", "main", "a.txt", "changed\n").await;
    forge.git(&["branch", "same", "main"]).await;
    let tree = forge.oid("main^{tree}").await;
    let alone = forge.git(&["commit-tree", "-m", "alone", &tree]).await;
    forge.git(&["branch", "alone", &alone]).await;
    let with = |branch: &str, base: &str, title: &str| {
        let mut request = forge.open_request(branch);
        (request.base, request.title) = (name(base), title.to_owned());
        request
    };
    let mut long = with("feature", "main", "t");
    long.body = "x".repeat(65_537);
    let table = [
        (with("gone", "main", "t"), Code::NOT_FOUND, "no branch `gone`"),
        (with("feature", "gone", "t"), Code::NOT_FOUND, "no branch `gone`"),
        (with("main", "main", "t"), Code::INVALID_INPUT, "into itself"),
        (with("same", "main", "t"), Code::CONFLICT, "nothing to merge"),
        (with("alone", "main", "t"), Code::CONFLICT, "no commit in common"),
        (with("feature", "main", "two\nlines"), Code::INVALID_INPUT, "one plain line"),
        (with("feature", "main", " "), Code::INVALID_INPUT, "empty"),
        (long, Code::INVALID_INPUT, "65536"),
    ];
    for (request, code, said) in table {
        let error = forge.scm.open_pull(request).await.expect_err(said);
        assert!(error.code == code && error.message.contains(said), "{error}");
    }
    forge.open("feature").await;
    let mut again = forge.open_request("feature");
    again.key = "another".into();
    let error = forge.scm.open_pull(again).await.expect_err("it is open already");
    assert!(error.code == Code::CONFLICT && error.message.contains("pull request 1"), "{error}");
    assert_eq!(forge.open("feature").await.number, 1, "the same key is the same pull request");
    let outside = OpenPull::new("k", "acme/app", name("feature"), name("main"), "t");
    let error = forge.scm.open_pull(outside).await.expect_err("no path");
    assert_eq!((error.code, error.field.as_deref()), (Code::INVALID_INPUT, Some("repository")));
}

#[tokio::test]
async fn its_head_is_where_the_branch_stands_or_last_stood() {
    let forge = Forge::new().await;
    let pull = forge.pull("feature", "a.txt", "one\n").await;
    let head = forge.commit("feature", "main", "a.txt", "two\n").await;
    assert_eq!(forge.show(&pull).await.head, head);
    forge.update("comment", "me", &pull, comment("x")).await.expect("comment");
    forge.git(&["branch", "--quiet", "-D", "feature"]).await;
    forge.git(&["-c", "gc.reflogExpire=now", "reflog", "expire", "--all", "--expire=now"]).await;
    forge.git_in(&forge.path("desk"), &["checkout", "--quiet", "main"]).await;
    forge.git(&["gc", "--quiet", "--prune=now"]).await;
    assert_eq!(forge.show(&pull).await.head, head);
    assert_eq!(forge.oid(&format!("{head}:a.txt")).await.len(), 40, "the commit is there");
    let request = CheckoutRequest::new(forge.repository.as_str(), pull.clone());
    let spec = forge.scm.checkout(request).await.expect("checkout");
    assert_eq!(spec.reference, head);
    forge.git(&["clone", "--quiet", "--no-local", spec.remote.as_str(), "../elsewhere"]).await;
    let elsewhere = forge.path("elsewhere");
    forge.git_in(&elsewhere, &["fetch", "--quiet", &spec.remote, &spec.reference]).await;
    assert_eq!(forge.git_in(&elsewhere, &["rev-parse", "FETCH_HEAD"]).await, head);
}

fn comment(body: &str) -> PullChange {
    PullChange::Comment { body: body.into(), thread: None }
}

#[tokio::test]
async fn it_is_closed_reopened_edited_and_made_ready() {
    let forge = Forge::new().await;
    forge.commit("feature", "main", "a.txt", "changed\n").await;
    let mut request = forge.open_request("feature");
    request.draft = true;
    let pull = forge.scm.open_pull(request).await.expect("open");
    assert!(forge.show(&pull).await.draft);
    let edit = PullChange::Edit { title: Some("Better".into()), body: None };
    for (key, change) in [("ready", PullChange::Ready), ("edit", edit), ("close", PullChange::Close)] {
        forge.update(key, "me", &pull, change.clone()).await.expect(key);
        let before = forge.oid("refs/ao/prs/1").await;
        forge.update(key, "me", &pull, change).await.expect(key);
        assert_eq!(forge.oid("refs/ao/prs/1").await, before, "{key} happens once");
        let proof = forge.effect(key, 1).await.expect(key);
        assert!(matches!(proof, Proof::Found { .. }), "{key}: {proof:?}");
    }
    let closed = forge.show(&pull).await;
    assert_eq!((closed.state, closed.draft, closed.title.as_deref()), (PullState::Closed, false, Some("Better")));
    let at = closed.head.clone();
    forge.commit("feature", "main", "a.txt", "later\n").await;
    assert_eq!(forge.show(&pull).await.head, at, "a closed one stays as it was");
    forge.commit("feature", "main", "a.txt", "more\n").await;
    let second = {
        let mut request = forge.open_request("feature");
        request.key = "second".into();
        forge.scm.open_pull(request).await.expect("another one")
    };
    let PullFound::Found { snapshot } = forge.found(&forge.scm, "feature", None).await else { panic!("found") };
    assert_eq!(snapshot.pull, second, "the open one is the branch's");
    let refused = forge.update("reopen", "me", &pull, PullChange::Reopen).await.expect_err("there is another");
    assert!(refused.code == Code::CONFLICT && refused.message.contains("pull request 2"), "{refused}");
    forge.update("close 2", "me", &second, PullChange::Close).await.expect("close");
    forge.update("reopen", "me", &pull, PullChange::Reopen).await.expect("reopen");
    assert_eq!(forge.show(&pull).await.head, forge.oid("feature").await);
    for change in [PullChange::Edit { title: None, body: None }, comment(" "), PullChange::Unknown] {
        forge.update("wrong", "me", &pull, change).await.expect_err("wrong");
    }
    let missing = forge.update("k", "me", &PullRef::new(99_u64), PullChange::Ready).await.expect_err("missing");
    assert_eq!(missing.code, Code::NOT_FOUND);
    assert_eq!(forge.effect("never", 1).await, Ok(Proof::Absent));
    assert_eq!(forge.scm.find_effect(FindEffect::new("never", "1")).await, Ok(Proof::Unknown), "nobody says where");
}

#[tokio::test]
async fn pages_are_of_a_hundred_and_the_newest_comes_first() {
    let forge = Forge::new().await;
    let head = forge.commit("feature", "main", "a.txt", "changed\n").await;
    for number in 1..=103 {
        forge.git(&["update-ref", &format!("refs/heads/b{number}"), &head]).await;
        forge.open(&format!("b{number}")).await;
    }
    forge.update("close", "me", &PullRef::new(3_u64), PullChange::Close).await.expect("close");
    let page = |state, branch: Option<&str>, page: Option<String>| {
        let mut request = ListPulls::new(forge.repository.as_str());
        (request.state, request.branch, request.page) = (state, branch.map(name), page);
        forge.scm.list(request)
    };
    let numbers = |page: &PullPage| page.pulls.iter().map(|pull| pull.pull.number).collect::<Vec<_>>();
    let first = page(None, None, None).await.expect("list");
    assert_eq!(numbers(&first), (4..=103).rev().collect::<Vec<_>>());
    let second = page(None, None, first.next).await.expect("list");
    assert_eq!((numbers(&second), second.next), (vec![3, 2, 1], None));
    let open = page(Some(PullState::Open), None, None).await.expect("list");
    let rest = page(Some(PullState::Open), None, open.next.clone()).await.expect("list");
    assert_eq!((open.pulls.len(), numbers(&rest)), (100, vec![2, 1]));
    assert_eq!(numbers(&page(Some(PullState::Closed), None, None).await.expect("list")), [3]);
    assert_eq!(numbers(&page(None, Some("b7"), None).await.expect("list")), [7]);
    assert_eq!(page(None, None, Some("x".into())).await.expect_err("no page").code, Code::INVALID_INPUT);
}

#[tokio::test]
async fn its_diff_is_what_it_changes_before_and_after_the_merge() {
    let forge = Forge::new().await;
    let pull = forge.pull("feature", "b.txt", "b\nmore\n").await;
    forge.commit("main", "main", "a.txt", "elsewhere\n").await;
    let diff = |most: u64| forge.scm.diff(PullDiffRequest::new(forge.repository.as_str(), pull.clone(), most));
    let open = diff(10_000).await.expect("diff");
    assert!(open.text.contains("\n+more\n") && !open.text.contains("elsewhere") && !open.truncated, "{}", open.text);
    let cut = diff(20).await.expect("diff");
    assert!(cut.truncated && open.text.starts_with(&cut.text) && cut.text.len() == 20, "{cut:?}");
    forge.merge(&pull, MergeMethod::Squash).await;
    assert_eq!(diff(10_000).await.expect("diff"), open);
}

#[tokio::test]
async fn its_diff_reads_the_same_whatever_is_configured() {
    let forge = Forge::new().await;
    let text = (0..40).map(|line| format!("line {line}")).collect::<Vec<_>>().join("\n\n");
    forge.commit("main", "main", "old.txt", &text).await;
    forge.commit("feature", "main", "a.txt", "one\n").await;
    forge.commit("feature", "main", "old.txt", &text.replace("line 20", "changed")).await;
    let desk = forge.path("desk");
    forge.git_in(&desk, &["checkout", "--quiet", "feature"]).await;
    forge.git_in(&desk, &["mv", "old.txt", "ü.txt"]).await;
    forge.git_in(&desk, &["commit", "--quiet", "--message", "moved"]).await;
    forge.git_in(&desk, &["checkout", "--quiet", "--detach"]).await;
    let pull = forge.open("feature").await;
    let request = PullDiffRequest::new(forge.repository.as_str(), pull, 10_000_u64);
    let plain = forge.scm.diff(request.clone()).await.expect("diff");
    assert!(plain.text.contains("rename from old.txt") && !plain.truncated, "{}", plain.text);
    forge.write("order", "ü.txt\nold.txt\na.txt\n");
    let order = forge.project.join("order");
    for (key, value) in [
        ("diff.context", "0"),
        ("diff.interHunkContext", "50"),
        ("diff.renames", "false"),
        ("diff.noprefix", "true"),
        ("diff.suppressBlankEmpty", "true"),
        ("diff.orderFile", order.as_str()),
        ("core.quotePath", "false"),
    ] {
        forge.git(&["config", key, value]).await;
        assert_eq!(forge.scm.diff(request.clone()).await, Ok(plain.clone()), "{key}");
    }
}
