//! Many at once, each knowing nothing of the others: one of them wins, and the others see it.

use std::sync::Arc;

use ao_plugin_sdk::prelude::*;
use tokio::task::JoinSet;

use super::forge::Forge;
use super::pause::Pause;

/// Runs the same for several, each with a plugin of its own, and returns what came of it in no order.
async fn at_once<T: Send + 'static>(
    forge: &Arc<Forge>,
    count: usize,
    run: impl Fn(usize, Arc<Forge>, ao_plugin_local::LocalScm) -> std::pin::Pin<Box<dyn Future<Output = T> + Send>>,
) -> Vec<T> {
    let mut set = JoinSet::new();
    for number in 0..count {
        set.spawn(run(number, Arc::clone(forge), forge.another()));
    }
    set.join_all().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_openers_never_share_a_number() {
    let forge = Arc::new(Forge::new().await);
    let head = forge.commit("feature", "main", "a.txt", "changed\n").await;
    for number in 0..8 {
        forge.git(&["update-ref", &format!("refs/heads/b{number}"), &head]).await;
    }
    let opened = at_once(&forge, 8, |number, forge, scm| {
        Box::pin(async move { scm.open_pull(forge.open_request(&format!("b{number}"))).await.expect("open").number })
    });
    let mut numbers = opened.await;
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=8).collect::<Vec<_>>());
    // Of one branch, with several keys: one.
    let opened = at_once(&forge, 4, |number, forge, scm| {
        Box::pin(async move {
            let mut request = forge.open_request("feature");
            request.key = format!("key {number}");
            scm.open_pull(request).await
        })
    });
    let opened = opened.await;
    let (won, lost): (Vec<_>, Vec<_>) = opened.into_iter().partition(Result::is_ok);
    assert_eq!((won.len(), lost.len()), (1, 3));
    assert!(lost.into_iter().all(|lost| lost.expect_err("lost").message.contains("pull request 9")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_comment_is_lost() {
    let forge = Arc::new(Forge::new().await);
    let pull = forge.pull("feature", "a.txt", "one\n").await;
    let said = at_once(&forge, 12, |number, forge, scm| {
        Box::pin(async move {
            let change = PullChange::Comment { body: format!("comment {number}"), thread: None };
            let key = format!("key {number}");
            let mut request = UpdatePull::new(key, forge.repository.as_str(), PullRef::new(1_u64), change);
            request.author = Some("me".into());
            scm.update(request).await
        })
    });
    assert!(said.await.into_iter().all(|said| said.is_ok()));
    assert_eq!(forge.show(&pull).await.threads.len(), 12);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_merges_one_is_made() {
    for method in [MergeMethod::Merge, MergeMethod::Squash, MergeMethod::Rebase] {
        let forge = Arc::new(Forge::new().await);
        forge.commit("main", "main", "b.txt", "base\n").await;
        let pull = forge.pull("feature", "a.txt", "one\n").await;
        let base = forge.oid("main").await;
        let mut request = forge.merge_request(&pull, method).await;
        request.expected_base = Some(base.clone());
        let merged = at_once(&forge, 4, |number, _forge, scm| {
            let mut request = request.clone();
            request.key = format!("key {number}");
            Box::pin(async move { scm.merge(request).await.expect("merge") })
        });
        let outcomes = merged.await;
        let commit = forge.oid("main").await;
        let merged = MergeOutcome::Merged { commit: commit.clone() };
        assert!(outcomes.iter().all(|outcome| [&merged, &MergeOutcome::BaseMoved].contains(&outcome)), "{outcomes:?}");
        assert!(outcomes.contains(&merged), "{outcomes:?}");
        let made = forge.git(&["rev-list", "--count", "--first-parent", &format!("{base}..main")]).await;
        assert_eq!(made, "1", "{method:?}");
        assert_eq!(forge.show(&pull).await.merged_as, Some(commit));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_pull_requests_are_merged_at_once() {
    let forge = Arc::new(Forge::new().await);
    for number in 0..4 {
        forge.pull(&format!("b{number}"), &format!("{number}.txt"), "new\n").await;
    }
    let merged = at_once(&forge, 4, |number, forge, scm| {
        Box::pin(async move {
            let pull = PullRef::new(number as u64 + 1);
            let request = forge.merge_request(&pull, MergeMethod::Squash).await;
            scm.merge(request).await
        })
    });
    for outcome in merged.await {
        assert!(matches!(outcome, Ok(MergeOutcome::Merged { .. })), "{outcome:?}");
    }
    let files = forge.git(&["ls-tree", "--name-only", "main"]).await;
    assert!((0..4).all(|number| files.contains(&format!("{number}.txt"))), "{files}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_base_that_goes_on_in_the_last_moment_keeps_what_it_got() {
    let forge = Forge::new().await;
    let pull = forge.pull("feature", "a.txt", "one\n").await;
    let other = forge.commit("other", "main", "b.txt", "other\n").await;
    forge.git(&["config", "fetch.showForcedUpdates", "false"]).await;
    let request = forge.merge_request(&pull, MergeMethod::Merge).await;
    let pause = Pause::new(&forge);
    let scm = pause.before(&forge, "fetch");
    let meanwhile = async {
        pause.reached().await;
        forge.git(&["update-ref", "refs/heads/main", &other]).await;
        pause.end()
    };
    let (merged, _going) = tokio::join!(scm.merge(request), meanwhile);
    assert!(matches!(merged, Ok(MergeOutcome::Merged { .. })), "{merged:?}");
    assert!(forge.tries(&["merge-base", "--is-ancestor", &other, "main"]).await, "a commit of the base is lost");
    assert_eq!(forge.git(&["show", "main:a.txt", "main:b.txt"]).await, "one\nother");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_one_that_is_opened_and_one_that_is_opened_again_one_is_open() {
    let forge = Arc::new(Forge::new().await);
    let first = forge.pull("feature", "a.txt", "one\n").await;
    forge.update("close", "me", &first, PullChange::Close).await.expect("close");
    let pause = Pause::new(&forge);
    let (scm, mut request) = (pause.before(&forge, "fast-import"), forge.open_request("feature"));
    request.key = "second".into();
    let reopen = {
        let forge = Arc::clone(&forge);
        async move { forge.update("reopen", "me", &first, PullChange::Reopen).await }
    };
    let meanwhile = async {
        pause.reached().await;
        let mut reopening = JoinSet::new();
        reopening.spawn(reopen);
        // Who does not wait for the other has ended by then.
        let early = tokio::time::timeout(std::time::Duration::from_millis(500), reopening.join_next()).await;
        let going = pause.end();
        let reopened = match early {
            Ok(reopened) => reopened,
            Err(_) => reopening.join_next().await,
        };
        (reopened.expect("one").expect("no panic"), going)
    };
    let (opened, (reopened, _going)) = tokio::join!(scm.open_pull(request), meanwhile);
    assert!(opened.is_ok() != reopened.is_ok(), "{opened:?} {reopened:?}");
    let mut wanted = ListPulls::new(forge.repository.as_str());
    wanted.state = Some(PullState::Open);
    assert_eq!(forge.scm.list(wanted).await.expect("list").pulls.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_closed_in_the_last_moment_is_not_merged() {
    let forge = Forge::new().await;
    let pull = forge.pull("feature", "a.txt", "one\n").await;
    let (base, request) = (forge.oid("main").await, forge.merge_request(&pull, MergeMethod::Merge).await);
    let pause = Pause::new(&forge);
    // After the attempt was written down.
    let scm = pause.before(&forge, "update-ref");
    let meanwhile = async {
        pause.reached().await;
        forge.update("close", "me", &pull, PullChange::Close).await.expect("close");
        pause.end()
    };
    let (outcome, _going) = tokio::join!(scm.merge(request), meanwhile);
    assert!(matches!(&outcome, Ok(MergeOutcome::Blocked { why, .. }) if why.contains("closed")), "{outcome:?}");
    assert_eq!(forge.oid("main").await, base);
    assert_eq!(forge.show(&pull).await.state, PullState::Closed);
}
