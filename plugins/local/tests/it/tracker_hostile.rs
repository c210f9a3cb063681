//! Files that are not as they should be: each is told by its name, and none is in the way of another.

use std::fmt::Write as _;
use std::os::unix::fs::symlink;

use ao_plugin_local::tracker::{Config, Store};
use ao_plugin_sdk::prelude::*;

use crate::environment::environment;
use crate::tracker_support::{STORES, Scratch, tracker, write};

async fn findings(scratch: &Scratch) -> Vec<Finding> {
    let owner = Owner::new("00000000", "/nowhere", "/nowhere");
    let mut request = Doctor::new(owner);
    request.repositories = vec![scratch.app.clone().into_string()];
    scratch.another().doctor(request).await.expect("doctor")
}

#[tokio::test]
async fn a_broken_file_is_told_and_hides_no_other() {
    for store in STORES {
        let scratch = Scratch::new(store).await;
        scratch.create("Sound").await;
        let long = format!("---\ntitle: long\n---\n{}", "x".repeat(5 << 20));
        for (name, content, why) in [
            ("11.md", b"---\ntitle: [a\n---\n".as_slice(), "line 2"),
            ("12.md", b"---\ntitle: a\n", "line 1, column 1: its front matter has no end"),
            ("13.md", b"---\ntitle: a\nstate: done\n---\n", "line 3, column 8: the value of `state`"),
            ("14.md", b"---\ntitle: caf\xe9\n---\n", "line 2, column 11: it is not UTF-8"),
            ("15-long.md", long.as_bytes(), "at most 1048576"),
            ("16-a.md", b"one", "`16-b.md` has the same number"),
            ("17-..md", b"x", "`..`"),
        ] {
            scratch.put(name, content).await;
            if name == "16-a.md" {
                scratch.put("16-b.md", b"other").await;
            }
            let number = name.get(..2).unwrap();
            let told = findings(&scratch).await.into_iter().filter(|finding| finding.message.contains(name));
            let told: Vec<_> = told.map(|finding| (finding.message, finding.remedy.is_some())).collect();
            assert!(told.len() == 1 && told[0].0.contains(why) && told[0].1, "{store:?} {name}: {told:?}");
            let error = scratch.get(number).await.unwrap_err();
            if name != "17-..md" {
                assert!(error.message.contains(name) && error.message.contains(why), "{error}");
                assert_eq!(error.code, Code::OTHER);
                let change = IssueChange::State { state: IssueState::Closed };
                assert!(scratch.update(name, number, change).await.is_err());
            }
        }
        assert_eq!(scratch.ids().await, ["1"], "{store:?}");
        assert_eq!(scratch.create("Next").await.id, "17");
        assert_eq!(scratch.ids().await, ["1", "17"]);
    }
}

#[tokio::test]
async fn links_are_not_followed() {
    let scratch = Scratch::new(Store::Files).await;
    scratch.create("Sound").await;
    let issues = scratch.app.join(".ao/issues");
    write(scratch.root.join("secret.md"), b"secret text");
    symlink(scratch.root.join("secret.md"), issues.join("2.md")).unwrap();
    let error = scratch.get("2").await.unwrap_err();
    assert!(error.message.contains("symbolic link") && !error.message.contains("secret text"), "{error}");
    assert_eq!(scratch.ids().await, ["1"]);

    let scratch = Scratch::new(Store::Files).await;
    std::fs::create_dir(scratch.root.join("outside")).unwrap();
    symlink(scratch.root.join("outside"), scratch.app.join(".ao")).unwrap();
    let error = scratch.tracker.create(scratch.create_request("key", "Elsewhere")).await.unwrap_err();
    assert!(error.message.contains("symbolic link"), "{error}");
    assert_eq!(scratch.root.join("outside").read_dir_utf8().unwrap().count(), 0);

    let scratch = Scratch::new(Store::Ref).await;
    let target = scratch.git(&["hash-object", "-w", "--stdin"]).await;
    scratch.put_entry(&format!("120000 blob {target}\t2.md")).await;
    assert!(scratch.get("2").await.unwrap_err().message.contains("symbolic link"));
    scratch.put_entry("160000 commit 1111111111111111111111111111111111111111\t3.md").await;
    assert_eq!(scratch.get("3").await.unwrap_err().code, Code::NOT_FOUND);
    // What is no issue stays where it is.
    scratch.create("Beside them").await;
    let tree = scratch.git(&["ls-tree", "--name-only", "refs/ao/issues"]).await;
    assert_eq!(tree, "2.md\n3-beside-them.md\n3.md");
}

#[tokio::test]
async fn a_process_that_died_is_in_nobodys_way() {
    let scratch = Scratch::new(Store::Files).await;
    scratch.create("First").await;
    write(scratch.app.join(".ao/issues/.ao-issue.tmp"), b"half of an iss");
    assert_eq!(scratch.create("Second").await.id, "2");
    let names: Vec<_> = scratch
        .app
        .join(".ao/issues")
        .read_dir_utf8()
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_owned())
        .collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

#[tokio::test]
async fn a_repository_at_a_host_needs_a_path() {
    let scratch = Scratch::new(Store::Ref).await;
    scratch.create("Here").await;
    let mut request = GetIssue::new("1");
    request.repository = Some("acme/app".to_owned());
    let error = scratch.tracker.get(request.clone()).await.unwrap_err();
    assert_eq!((&error.code, error.field.as_deref()), (&Code::INVALID_INPUT, Some("repository")));
    let configured = Config { repository: Some(scratch.app.clone()), ..Config::default() };
    assert_eq!(tracker(configured, &scratch.root).get(request).await.unwrap().title, "Here");
    for (name, why) in [("nowhere", "there is no directory"), ("home", "no git repository")] {
        let mut request = GetIssue::new("1");
        request.repository = Some(scratch.root.join(name).into_string());
        let error = scratch.tracker.get(request).await.unwrap_err();
        assert!(error.message.contains(why), "{error}");
    }
}

/// A program's output is kept in part only: a tree that is made of a part would have lost the rest.
#[tokio::test]
async fn a_tree_that_cannot_be_listed_whole_is_left_alone() {
    let scratch = Scratch::new(Store::Ref).await;
    scratch.create("First").await;
    let blob = scratch.git(&["rev-parse", "refs/ao/issues:1-first.md"]).await;
    // It sorts last, and is what would be lost.
    let mut tree = format!("100644 blob {blob}\tzz-last.md\n100644 blob {blob}\t1-first.md\n");
    let long = "x".repeat(4000);
    for number in 0..4300 {
        let _ = writeln!(tree, "100644 blob {blob}\tnote-{number}-{long}");
    }
    let git = command("git").current_dir(&scratch.app).env_only(environment(&scratch.root));
    let tree = git.arg("mktree").input(tree).run().await.expect("mktree").text();
    let commit = scratch.git(&["commit-tree", "-m", "x", &tree]).await;
    scratch.git(&["update-ref", "refs/ao/issues", &commit]).await;
    let refused = [
        scratch.tracker.create(scratch.create_request("key", "Second")).await.map(drop),
        scratch.tracker.list(scratch.list_request()).await.map(drop),
    ];
    for refused in refused {
        let error = refused.expect_err("it is not seen whole");
        assert!(error.code == Code::UNSUPPORTED && error.message.contains("refs/ao/issues"), "{error}");
    }
    assert_eq!(scratch.git(&["rev-parse", "refs/ao/issues"]).await, commit);
}
