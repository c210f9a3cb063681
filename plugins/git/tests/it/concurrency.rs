//! Many at once in one repository, as ten `ao spawn` do.

use ao_plugin_sdk::prelude::*;
use futures_util::future::join_all;

use crate::support::{Scratch, read};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_at_once_are_made_and_taken_back() {
    let scratch = Scratch::new().await;
    for number in 0..200 {
        scratch.write(&format!("more/{number}.txt"), "x\n");
    }
    scratch.git(&["add", "."]).await;
    scratch.git(&["commit", "--quiet", "--message", "more"]).await;
    let links: Vec<_> = (0..10).map(|number| format!("link-{number}")).collect();
    for link in &links {
        scratch.write(link, "x");
    }
    let before = scratch.world().await;
    for round in 0..3 {
        let requests = links.iter().enumerate().map(|(number, link)| {
            let mut request = scratch.request(&format!("r{round}-{number}"));
            request.symlinks = vec![link.into()];
            request
        });
        let made = join_all(requests.map(|request| scratch.plugin.create(request))).await;
        let made: Vec<_> = made.into_iter().collect::<Result<_>>().expect("every one is made");
        let exclude = read(scratch.project.join(".git/info/exclude"));
        for link in &links {
            assert_eq!(exclude.matches(&format!("/{link}\n")).count(), 1, "{exclude}");
        }
        let discards = made.iter().zip(&links).map(|(made, link)| {
            let mut request = scratch.discard_request(made);
            request.symlinks = vec![link.into()];
            scratch.plugin.discard(request)
        });
        for discarded in join_all(discards).await {
            assert_eq!(discarded.expect("discard"), Discarded::Gone);
        }
        assert_eq!(scratch.world().await, before);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_many_gets_a_branch() {
    let scratch = Scratch::new().await;
    let requests = (0..6).map(|number| {
        let mut request = scratch.request(&format!("app-{number}"));
        request.branch = "contested".parse().expect("branch");
        request
    });
    let made = join_all(requests.map(|request| scratch.plugin.create(request))).await;
    assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 1);
    for error in made.into_iter().filter_map(Result::err) {
        assert_eq!(error.code, Code::CONFLICT, "{error}");
    }
    assert_eq!(scratch.git(&["worktree", "list"]).await.lines().count(), 2);
}
