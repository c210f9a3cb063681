//! What moves the base is not left half done, whoever waits for it.

#![expect(clippy::disallowed_methods, reason = "a deadline on a real process")]

use std::time::{Duration, Instant};

use ao_plugin_sdk::core::plugin::{CallContext, scope};
use ao_plugin_sdk::prelude::*;

use super::forge::Forge;
use super::pause::Pause;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_out_that_nobody_waits_for_any_more_is_brought_to_its_end() {
    let forge = Forge::new().await;
    forge.commit("main", "main", ".gitattributes", "*.slow filter=slow\n").await;
    forge.commit("feature", "main", "a.txt", "one\n").await;
    let pull = forge.pull("feature", "b.slow", "new\n").await;
    forge.git(&["checkout", "--quiet", "main"]).await;
    let pause = Pause::new(&forge);
    forge.git(&["config", "filter.slow.smudge", &pause.filter()]).await;
    let (base, request) = (forge.oid("main").await, forge.merge_request(&pull, MergeMethod::Merge).await);
    let scm = forge.another();
    tokio::select! {
        merged = scm.merge(request) => panic!("{merged:?}"),
        () = pause.reached() => {}
    }
    assert_eq!(forge.oid("main").await, base);
    let _going = pause.end();
    let deadline = Instant::now() + Duration::from_secs(30);
    while forge.oid("main").await == base {
        assert!(Instant::now() < deadline, "it was cut short: {}", forge.git(&["status", "--porcelain"]).await);
    }
    assert_eq!(forge.git(&["status", "--porcelain"]).await, "");
    assert!(!forge.project.join(".git/index.lock").exists());
    let shown = forge.show(&pull).await;
    assert_eq!((shown.state, shown.merged_as), (PullState::Merged, Some(forge.oid("main").await)));
}

#[tokio::test]
async fn a_check_out_is_not_begun_in_the_last_moment() {
    let forge = Forge::new().await;
    let pull = forge.pull("feature", "a.txt", "one\n").await;
    forge.git(&["checkout", "--quiet", "main"]).await;
    let (base, request) = (forge.oid("main").await, forge.merge_request(&pull, MergeMethod::Merge).await);
    let context = CallContext { deadline: Some(Instant::now() + Duration::from_secs(15)), ..CallContext::default() };
    let error = scope(context, forge.scm.merge(request.clone())).await.expect_err("too late");
    assert!(error.code == Code::UNAVAILABLE && error.message.contains("too little time"), "{error}");
    assert_eq!(forge.oid("main").await, base);
    assert!(matches!(forge.scm.merge(request).await, Ok(MergeOutcome::Merged { .. })));
}
