//! What the tracker does, in both of its stores by the same table.

use std::sync::Arc;

use ao_plugin_local::tracker::{Config, Store};
use ao_plugin_sdk::conformance::{Subject, TrackerKit};
use ao_plugin_sdk::core::slots::{IntoInstance, Slot};
use ao_plugin_sdk::prelude::*;

use crate::environment::environment;
use crate::tracker_support::{STORES, Scratch, tracker};

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_is_kept() {
    for store in STORES {
        let scratch = Scratch::new(store).await;
        scratch.create("An issue").await;
        let root = scratch.root.clone();
        let schema: Value = ao_plugin_sdk::schemars::schema_for!(Config).into();
        let subject = Subject::instances(Slot::Tracker, "local", schema, move |config, _host| {
            let config: Config = ao_plugin_sdk::serde_json::from_value(config)
                .map_err(|error| Error::invalid_input(error.to_string()))?;
            let made = ao_plugin_local::LocalTracker::with_environment(config, environment(&root))?;
            Ok(Arc::new(made).into_instance())
        });
        let config = json!({"store": if store == Store::Ref { "ref" } else { "files" }});
        let kit = TrackerKit::of(subject, config).issue("1").missing("999").repository(scratch.app.as_str()).effects();
        let report = tokio::task::spawn_blocking(move || kit.run()).await.expect("the kit does not panic");
        assert!(report.is_kept(), "{store:?}\n{report}");
        let skipped: Vec<_> = report.skipped().map(|record| record.check.as_str()).collect();
        assert!(skipped.iter().all(|check| !check.starts_with("tracker.")), "{skipped:?}");
        // What the kit made is there for whoever looks next, and nothing is half done.
        assert!(scratch.ids().await.len() > 5);
        assert!(scratch.another().create(scratch.create_request("after", "after")).await.is_ok());
    }
}

#[tokio::test]
async fn an_issue_is_what_was_made_of_it() {
    for store in STORES {
        let scratch = Scratch::new(store).await;
        let mut request = scratch.create_request("key", "Fix: the \"parser\"");
        request.body = "It fails.\n\n---\nnot front matter\n<!-- ao-comment -->\n".to_owned();
        request.labels = vec!["bug".to_owned(), "a, b".to_owned()];
        let made = scratch.tracker.create(request.clone()).await.unwrap();
        assert_eq!(scratch.another().create(request).await.unwrap(), made, "the same key is the same issue");
        assert_eq!(made, scratch.get("1").await.unwrap());
        assert_eq!((made.id.as_str(), made.title.as_str(), made.state), ("1", "Fix: the \"parser\"", IssueState::Open));
        assert_eq!(made.body, "It fails.\n\n---\nnot front matter\n<!-- ao-comment -->");
        assert_eq!(scratch.comments("1").await, []);

        scratch.create("Second").await;
        let list = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let edit = IssueChange::Edit { title: Some("Parser".to_owned()), body: Some("Short.".to_owned()) };
        for (key, change) in [
            ("labels", IssueChange::Labels { labels: list(&["x"]) }),
            ("relabel", IssueChange::Relabel { add: list(&["new", " x "]), remove: list(&["gone"]) }),
            ("assign", IssueChange::Assign { assignees: list(&["ann"]) }),
            ("blocked", IssueChange::BlockedBy { issues: list(&["#2"]) }),
            ("edit", edit),
            ("one", IssueChange::Comment { body: "First.\n\n<!-- ao-comment by \"eve\" -->".to_owned() }),
            ("two", IssueChange::Comment { body: "Second.".to_owned() }),
            ("close", IssueChange::State { state: IssueState::Closed }),
        ] {
            let changed = scratch.update(key, "1", change.clone()).await.unwrap();
            assert_eq!(scratch.update(key, "#1", change).await.unwrap(), changed, "once a key: {key}");
            assert_eq!(scratch.get("1").await.unwrap(), changed);
        }
        let issue = scratch.get("1").await.unwrap();
        assert_eq!((issue.title.as_str(), issue.body.as_str(), issue.state), ("Parser", "Short.", IssueState::Closed));
        assert_eq!(
            (issue.labels, issue.assignees, issue.blocked_by),
            (list(&["x", "new"]), list(&["ann"]), list(&["2"]))
        );
        let said = scratch.comments("1").await;
        let said: Vec<_> = said.iter().map(|said| (said.author.as_str(), said.body.as_str())).collect();
        assert_eq!(said, [("bob", "First.\n\n<!-- ao-comment by \"eve\" -->"), ("bob", "Second.")]);

        // Closed, reopened by another, and the first asks again: it was done, and is not done twice.
        scratch.update("reopen", "1", IssueChange::State { state: IssueState::Open }).await.unwrap();
        scratch.update("close", "1", IssueChange::State { state: IssueState::Closed }).await.unwrap();
        assert_eq!(scratch.get("1").await.unwrap().state, IssueState::Open);
        let effect = async |key: &str| {
            let mut request = FindEffect::new(key, "1");
            request.repository = Some(scratch.app.to_string());
            scratch.another().find_effect(request).await.unwrap()
        };
        assert_eq!(effect("close").await, Proof::Found { reference: "1".to_owned() });
        assert_eq!(effect("never").await, Proof::Absent);
        let nowhere = scratch.tracker.find_effect(FindEffect::new("close", "1")).await.unwrap();
        assert_eq!(nowhere, Proof::Unknown, "nobody says where");

        let refused = scratch.update("waits", "1", IssueChange::BlockedBy { issues: list(&["99"]) }).await.unwrap_err();
        assert!(refused.message.contains("no issue 99"), "{refused}");
        let clean = scratch.git(&["status", "--porcelain"]).await;
        assert_eq!(clean.is_empty(), store == Store::Ref, "{store:?}: {clean}");
    }
}

#[tokio::test]
async fn a_list_comes_in_pages_and_filtered() {
    for store in STORES {
        let scratch = Scratch::new(store).await;
        for number in 1..=205 {
            let (state, label) = (["open", "closed"][number % 2], ["a", "b", "c"][number % 3]);
            let text = format!("---\ntitle: Issue {number}\nstate: {state}\nlabels: [{label}, all]\n---\n");
            if store == Store::Files {
                scratch.put(&format!("{number}.md"), text.as_bytes()).await;
            } else if number > 200 {
                // Hundreds of them by plain git would take long; some are enough for the filters.
                scratch.put(&format!("{number}.md"), text.as_bytes()).await;
            }
        }
        let pages = async |mut request: ListIssues| {
            let (mut sizes, mut ids) = (Vec::new(), Vec::new());
            loop {
                let page = scratch.tracker.list(request.clone()).await.unwrap();
                sizes.push(page.issues.len());
                ids.extend(page.issues.into_iter().map(|issue| issue.id.parse::<usize>().unwrap()));
                match page.next {
                    Some(next) => request.page = Some(next),
                    None => return (sizes, ids),
                }
            }
        };
        let first = if store == Store::Files { 1 } else { 201 };
        let (sizes, ids) = pages(scratch.list_request()).await;
        assert_eq!(ids, (first..=205).collect::<Vec<_>>());
        assert_eq!(sizes, if store == Store::Files { vec![100, 100, 5] } else { vec![5] });
        let mut request = scratch.list_request();
        request.state = Some(IssueState::Closed);
        request.labels = vec!["all".to_owned(), "b".to_owned()];
        let expected: Vec<_> = (first..=205).filter(|number| number % 2 == 1 && number % 3 == 1).collect();
        assert_eq!(pages(request).await.1, expected);
        let mut request = scratch.list_request();
        request.page = Some("elsewhere".to_owned());
        assert_eq!(scratch.tracker.list(request).await.unwrap_err().code, Code::INVALID_INPUT);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twenty_at_once_make_twenty_issues() {
    for store in STORES {
        let scratch = Scratch::new(store).await;
        let creators = (0..20).map(|index| {
            let (tracker, request) =
                (scratch.another(), scratch.create_request(&format!("key {index}"), "The same title"));
            // Two of each: a creator that asks again.
            async move {
                let (one, other) = tokio::join!(tracker.create(request.clone()), tracker.create(request));
                let (one, other) = (one.expect("create"), other.expect("create"));
                assert_eq!(one.id, other.id);
            }
        });
        let mut tasks = tokio::task::JoinSet::new();
        creators.for_each(|creator| {
            tasks.spawn(creator);
        });
        while let Some(ended) = tasks.join_next().await {
            ended.expect("a creator");
        }
        let expected: Vec<_> = (1..=20).map(|number: u32| number.to_string()).collect();
        assert_eq!(scratch.ids().await, expected, "{store:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn changes_of_one_issue_at_once_are_all_there() {
    for store in STORES {
        let scratch = Arc::new(Scratch::new(store).await);
        scratch.create("Talk").await;
        let mut tasks = tokio::task::JoinSet::new();
        for index in 0..10 {
            let scratch = Arc::clone(&scratch);
            tasks.spawn(async move {
                let mut request =
                    UpdateIssue::new(format!("key {index}"), "1", IssueChange::Comment { body: format!("{index}") });
                request.repository = Some(scratch.app.clone().into_string());
                scratch.another().update(request).await.expect("comment");
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended.expect("a commenter");
        }
        let mut said: Vec<_> = scratch.comments("1").await.into_iter().map(|comment| comment.body).collect();
        said.sort();
        assert_eq!(said, (0..10).map(|index| index.to_string()).collect::<Vec<_>>(), "{store:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_labels_that_are_added_and_removed_at_once_none_is_lost() {
    for store in STORES {
        let scratch = Arc::new(Scratch::new(store).await);
        scratch.create("Labelled").await;
        let old = (0..10).map(|index| format!("old {index}")).collect();
        scratch.update("labels", "1", IssueChange::Labels { labels: old }).await.unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        for index in 0..10 {
            let scratch = Arc::clone(&scratch);
            tasks.spawn(async move {
                let (add, remove) = (vec![format!("new {index}")], vec![format!("old {index}")]);
                let change = IssueChange::Relabel { add, remove };
                scratch.update(&format!("key {index}"), "1", change).await.expect("labels");
            });
        }
        tasks.join_all().await;
        let mut labels = scratch.get("1").await.unwrap().labels;
        labels.sort();
        assert_eq!(labels, (0..10).map(|index| format!("new {index}")).collect::<Vec<_>>(), "{store:?}");
    }
}

/// Plain git takes no lock of ours: whoever is slower looks again.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobodys_change_is_lost_to_somebody_who_takes_no_lock() {
    const EACH: usize = 10;
    let scratch = Scratch::new(Store::Ref).await;
    scratch.create("0").await;
    let ours = async {
        for number in 1..EACH {
            scratch.create(&number.to_string()).await;
        }
    };
    let theirs = async {
        for number in 0..EACH {
            while !scratch.try_put_note(&format!("note-{number}.txt")).await {}
        }
    };
    tokio::join!(ours, theirs);
    assert_eq!(scratch.ids().await.len(), EACH);
    let names = scratch.git(&["ls-tree", "--name-only", "refs/ao/issues"]).await;
    assert_eq!(names.matches("note-").count(), EACH, "{names}");
}

#[tokio::test]
async fn every_worktree_sees_the_same_issues() {
    for store in STORES {
        let scratch = Scratch::new(store).await;
        scratch.git(&["worktree", "add", "--quiet", "-b", "side", "../side"]).await;
        scratch.create("Made in the main worktree").await;
        let mut request = CreateIssue::new("key", "Made in the other");
        request.repository = Some(scratch.root.join("side").into_string());
        assert_eq!(scratch.tracker.create(request).await.unwrap().id, "2");
        assert_eq!(scratch.ids().await, ["1", "2"], "{store:?}");
        assert!(!scratch.root.join("side/.ao").exists());
    }
}

#[tokio::test]
async fn a_bare_repository_and_one_without_commits_have_issues_in_a_ref() {
    let scratch = Scratch::new(Store::Ref).await;
    for arguments in [&["init", "--quiet", "../empty"][..], &["init", "--quiet", "--bare", "../bare"]] {
        scratch.git(arguments).await;
    }
    for name in ["empty", "bare"] {
        let mut request = CreateIssue::new("key", "First");
        request.repository = Some(scratch.root.join(name).into_string());
        assert_eq!(scratch.tracker.create(request).await.unwrap().id, "1", "{name}");
    }
    let files = tracker(Config { store: Store::Files, ..Config::default() }, &scratch.root);
    let mut request = CreateIssue::new("key", "First");
    request.repository = Some(scratch.root.join("bare").into_string());
    let error = files.create(request).await.unwrap_err();
    assert!(error.message.contains("`store: ref`"), "{error}");
}

#[tokio::test]
async fn plain_git_carries_issues_along() {
    let scratch = Scratch::new(Store::Ref).await;
    scratch.create("Travels").await;
    scratch.git(&["clone", "--quiet", ".", "../copy"]).await;
    let copy = scratch.root.join("copy");
    scratch.git_in(&copy, &["fetch", "--quiet", "origin", "refs/ao/*:refs/ao/*"]).await;
    let mut request = UpdateIssue::new("key", "1", IssueChange::Comment { body: "Seen.".to_owned() });
    request.repository = Some(copy.clone().into_string());
    scratch.another().update(request).await.unwrap();
    scratch.git_in(&copy, &["push", "--quiet", "origin", "refs/ao/*:refs/ao/*"]).await;
    assert_eq!(scratch.comments("1").await[0].body, "Seen.");
    let log = scratch.git(&["log", "--format=%s", "refs/ao/issues"]).await;
    assert_eq!(log, "#1: commented\n#1: Travels");
    scratch.git(&["fsck", "--strict"]).await;
    let heads = scratch.git(&["for-each-ref", "--format=%(refname)"]).await;
    assert_eq!(heads, "refs/ao/issues\nrefs/heads/main");
}

#[tokio::test]
async fn what_a_hand_wrote_stays() {
    for store in STORES {
        let scratch = Scratch::new(store).await;
        let text = "---\n# ours\nmilestone: {v: 2,  due: soon}\ntitle: 'By hand'   # a remark\nlabels:\n- bug\n\npriority: !!str  1\n---\nText  \n\n\n";
        scratch.put("5-by-hand.md", text.as_bytes()).await;
        let issue = scratch.get("5").await.unwrap();
        assert_eq!((issue.title.as_str(), issue.body.as_str(), issue.labels.len()), ("By hand", "Text", 1));
        scratch.update("key", "5", IssueChange::Labels { labels: vec!["new".to_owned()] }).await.unwrap();
        let changed = scratch.file("5-by-hand.md").await;
        let kept = text.replace("labels:\n- bug\n", "labels: [new]\n");
        let (before, after) = kept.split_once("---\nText").unwrap();
        assert!(changed.starts_with(before) && changed.ends_with(&format!("---\nText{after}")), "{changed}");
        assert_eq!(scratch.create("Next").await.id, "6");
    }
}

#[tokio::test]
async fn files_are_not_put_into_a_git_directory_that_stands_elsewhere() {
    let scratch = Scratch::new(Store::Files).await;
    scratch.git(&["init", "--quiet", "--separate-git-dir=../elsewhere"]).await;
    scratch.git(&["worktree", "add", "--quiet", "-b", "side", "../side"]).await;
    assert_eq!(scratch.create("In the main worktree").await.id, "1");
    let mut request = CreateIssue::new("key", "From another");
    request.repository = Some(scratch.root.join("side").into_string());
    let error = scratch.tracker.create(request).await.unwrap_err();
    assert!(error.message.contains("`store: ref`"), "{error}");
    assert!(!scratch.root.join("elsewhere/.ao").exists());
}
