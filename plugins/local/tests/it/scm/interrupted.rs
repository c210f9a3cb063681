//! Whatever is killed between two of its git commands is repeated, and comes to what it would have.

#![expect(clippy::disallowed_methods, reason = "a deadline on a real process")]

use std::time::{Duration, Instant};

use ao_plugin_sdk::prelude::*;

use super::counted::Counted;
use super::forge::Forge;

/// More git processes than any of it starts.
const MOST: usize = 60;

/// Those before only look, in whatever way it merges.
const FIRST_WRITE: usize = 8;

/// Runs it until this git process would begin, and kills it there. Whether it came that far.
async fn killed_at<T>(counted: &Counted, number: usize, run: impl Future<Output = T>) -> bool {
    counted.stop_at(number);
    let deadline = Instant::now() + Duration::from_secs(30);
    let reached = async {
        while !counted.reached().exists() {
            assert!(Instant::now() < deadline, "it neither ends nor starts git");
            tokio::task::yield_now().await;
        }
    };
    let was_reached = tokio::select! {
        biased;
        () = reached => true,
        _ = run => false,
    };
    if was_reached {
        // What would go on to its end is killed, too, as where the power fails.
        let process = std::fs::read_to_string(counted.reached()).expect("a process");
        let process = process.trim().parse().ok().and_then(rustix::process::Pid::from_raw).expect("a process");
        let _ = rustix::process::kill_process(process, rustix::process::Signal::KILL);
    }
    was_reached
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_merge_that_is_killed_is_repeated() {
    for (method, desk, first) in [(MergeMethod::Squash, "desk", 1), (MergeMethod::Rebase, "main", FIRST_WRITE)] {
        let forge = Forge::new().await;
        forge.commit("main", "main", "b.txt", "base\n").await;
        forge.git(&["checkout", "--quiet", desk]).await;
        let mut came = 0;
        for number in first..MOST {
            let pull = {
                let branch = format!("feature-{number}");
                forge.commit(&branch, "main~1", &format!("{number}.txt"), "new\n").await;
                forge.open(&branch).await
            };
            let base = forge.oid("main").await;
            let (counted, scm) = Counted::new(&forge);
            let mut request = forge.merge_request(&pull, method).await;
            request.key = format!("merge {number}");
            if !killed_at(&counted, number, scm.merge(request.clone())).await {
                break;
            }
            came += 1;
            let context = format!("{method:?} on {desk}, killed before the git process {number}");
            // Whoever looks next sees it as it is: merged exactly where the base has it.
            let moved = forge.oid("main").await != base;
            assert_eq!(forge.show(&pull).await.state == PullState::Merged, moved, "{context}");
            let proof = forge.effect(&request.key, pull.number).await;
            assert_eq!(matches!(proof, Ok(Proof::Found { .. })), moved, "{context}: {proof:?}");
            let outcome = forge.another().merge(request).await.expect("merge");
            let MergeOutcome::Merged { commit } = outcome else { panic!("{context}: {outcome:?}") };
            assert_eq!(forge.oid("main").await, commit, "{context}");
            let made = forge.git(&["rev-list", "--count", "--first-parent", &format!("{base}..main")]).await;
            assert_eq!(made, "1", "{context}");
            assert_eq!(forge.git(&["status", "--porcelain"]).await, "", "{context}");
            let shown = forge.show(&pull).await;
            assert_eq!((shown.state, shown.merged_as), (PullState::Merged, Some(commit)), "{context}");
        }
        assert!(came > 8, "{method:?}: it was killed {came} times");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_opens_or_says_something_happens_once() {
    for number in 1..MOST {
        let forge = Forge::new().await;
        forge.commit("feature", "main", "a.txt", "one\n").await;
        let (counted, scm) = Counted::new(&forge);
        let comment = PullChange::Comment { body: "x".into(), thread: None };
        let mut update = UpdatePull::new("say", forge.repository.as_str(), PullRef::new(1_u64), comment);
        update.author = Some("me".into());
        let both = async {
            scm.open_pull(forge.open_request("feature")).await.expect("open");
            scm.update(update.clone()).await.expect("comment");
        };
        let was_killed = killed_at(&counted, number, both).await;
        let again = forge.another();
        let pull = again.open_pull(forge.open_request("feature")).await.expect("open");
        again.update(update).await.expect("comment");
        assert_eq!((pull.number, forge.show(&pull).await.threads.len()), (1, 1), "killed before {number}");
        if !was_killed {
            assert!(number > 8, "{number}");
            return;
        }
    }
    panic!("it never ended");
}
