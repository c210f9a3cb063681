//! Repositories and names that are not as usual.

use ao_plugin_sdk::prelude::*;

use super::forge::{Forge, name, write};
use crate::environment::environment;

#[tokio::test]
async fn branches_may_be_called_as_git_lets_them() {
    let forge = Forge::new().await;
    for branch in ["feat/ünï'code", "a$b;c", "a`b`", "x{y}", "quote\"d", "main.x", "refs/heads/y", "%(refname)"] {
        let pull = forge.pull(branch, "a.txt", &format!("{branch}\n")).await;
        let PullFound::Found { snapshot } = forge.found(&forge.another(), branch, None).await else {
            panic!("{branch}")
        };
        assert_eq!((&snapshot.pull, snapshot.branch), (&pull, Some(name(branch))));
        let merged = forge.merge(&pull, MergeMethod::Merge).await;
        assert!(matches!(merged, MergeOutcome::Merged { .. }), "{branch}: {merged:?}");
    }
    let mut request = forge.open_request("main");
    forge.git(&["branch", "into/ünï", "main~1"]).await;
    (request.base, request.key) = (name("into/ünï"), "into".into());
    let pull = forge.scm.open_pull(request).await.expect("open");
    assert!(matches!(forge.merge(&pull, MergeMethod::Squash).await, MergeOutcome::Merged { .. }));
}

#[tokio::test]
async fn a_repository_without_commits_has_nothing_and_says_so() {
    let forge = Forge::empty().await;
    assert_eq!(forge.found(&forge.scm, "feature", None).await, PullFound::Absent);
    assert_eq!(forge.scm.list(ListPulls::new(forge.repository.as_str())).await.expect("list").pulls, []);
    let error = forge.scm.open_pull(forge.open_request("feature")).await.expect_err("no branch");
    assert_eq!(error.code, Code::NOT_FOUND);
    let nowhere = forge.path("nowhere");
    let error = forge.scm.list(ListPulls::new(nowhere.as_str())).await.expect_err("no directory");
    assert_eq!((error.code, error.field.as_deref()), (Code::NOT_FOUND, Some("repository")));
    let error = forge.scm.list(ListPulls::new(forge.path("home").as_str())).await.expect_err("no repository");
    assert_eq!((error.code, error.field.as_deref()), (Code::INVALID_INPUT, Some("repository")));
}

#[tokio::test]
async fn a_shallow_clone_works_as_far_as_it_goes() {
    let mut forge = Forge::new().await;
    for number in 0..3 {
        forge.commit("main", "main", "b.txt", &format!("{number}\n")).await;
    }
    let old = forge.commit("old", "main~2", "old.txt", "x\n").await;
    let shallow = forge.path("shallow");
    let url = format!("file://{}", forge.project);
    forge.git(&["clone", "--quiet", "--depth=1", "--branch=main", &url, shallow.as_str()]).await;
    forge.git_in(&shallow, &["fetch", "--quiet", "--depth=1", "origin", &format!("{old}:refs/heads/old")]).await;
    (forge.project, forge.repository) = (shallow.clone(), shallow);
    let error = forge.scm.open_pull(forge.open_request("old")).await.expect_err("nothing in common");
    assert!(error.message.contains("--unshallow"), "{error}");
    forge.git(&["checkout", "--quiet", "-b", "feature"]).await;
    forge.write("a.txt", "one\n");
    forge.git(&["commit", "--quiet", "--all", "--message", "one"]).await;
    let pull = forge.open("feature").await;
    for method in [MergeMethod::Rebase, MergeMethod::Merge] {
        assert!(matches!(forge.merge(&pull, method).await, MergeOutcome::Merged { .. }), "{method:?}");
    }
}

#[tokio::test]
async fn what_is_not_utf_8_is_kept_and_shown_as_far_as_it_can_be() {
    let forge = Forge::new().await;
    let desk = forge.path("desk");
    forge.commit("feature", "main", "a.txt", "one\n").await;
    forge.git_in(&desk, &["checkout", "--quiet", "feature"]).await;
    write(&forge.path("message"), b"F\xe4hre\n\n\xff\n");
    let encoding = "i18n.commitEncoding=ISO-8859-1";
    write(&desk.join("c.txt"), b"\xff\xfe\n");
    forge.git_in(&desk, &["add", "."]).await;
    forge.git_in(&desk, &["-c", encoding, "commit", "--quiet", "--file", forge.path("message").as_str()]).await;
    forge.git_in(&desk, &["checkout", "--quiet", "--detach"]).await;
    forge.commit("main", "main", "b.txt", "base\n").await;
    let pull = forge.open("feature").await;
    let request = PullDiffRequest::new(forge.repository.as_str(), pull.clone(), 10_000_u64);
    assert!(forge.scm.diff(request).await.expect("diff").text.contains("c.txt"));
    let head = forge.show(&pull).await.head;
    assert!(matches!(forge.merge(&pull, MergeMethod::Rebase).await, MergeOutcome::Merged { .. }));
    let message = async |commit: &str| {
        let git = command("git").current_dir(&forge.project).env_only(crate::environment::environment(&forge.path("")));
        let commit = git.args(["cat-file", "commit", commit]).run().await.expect("commit").stdout;
        let end = commit.windows(2).position(|pair| pair == b"\n\n").expect("a message");
        (commit[end..].to_vec(), commit.windows(19).any(|part| part == b"encoding ISO-8859-1"))
    };
    assert_eq!(message("main").await, message(&head).await);
    assert!(message("main").await.1);
}

#[tokio::test]
async fn a_worktree_or_a_directory_of_a_repository_names_it_too() {
    let mut forge = Forge::new().await;
    let pull = forge.pull("feature", "dir/a.txt", "one\n").await;
    let desk = forge.path("desk");
    forge.commit("main", "main", "dir/a.txt", "two\n").await;
    std::fs::create_dir_all(desk.join("dir")).expect("directory");
    forge.repository = desk.join("dir");
    let shown = forge.show(&pull).await;
    assert_eq!(shown.conflicts, Some(vec!["dir/a.txt".to_owned()]));
    let request = PullDiffRequest::new(forge.repository.as_str(), pull, 10_000_u64);
    assert!(forge.scm.diff(request).await.expect("diff").text.contains("+++ b/dir/a.txt"));
}

#[tokio::test]
async fn names_of_objects_may_be_longer() {
    let forge = Forge::stored("--object-format=sha256").await;
    for (method, branch) in [(MergeMethod::Rebase, "one"), (MergeMethod::Squash, "two"), (MergeMethod::Merge, "three")]
    {
        forge.commit(branch, "main", &format!("{branch}.txt"), "new\n").await;
        forge.commit("main", "main", "b.txt", branch).await;
        let pull = forge.open(branch).await;
        let comment = PullChange::Comment { body: "x".into(), thread: None };
        forge.update(branch, "me", &pull, comment).await.expect("comment");
        let shown = forge.show(&pull).await;
        assert_eq!((shown.head.len(), shown.threads.len(), shown.conflicts), (64, 1, Some(Vec::new())));
        let merged = forge.merge(&pull, method).await;
        assert!(matches!(merged, MergeOutcome::Merged { .. }), "{merged:?}");
    }
}

#[tokio::test]
async fn files_are_merged_as_the_base_s_attributes_say() {
    let forge = Forge::bare().await;
    forge.commit("main2", "main", ".gitattributes", "b.txt merge=union\n").await;
    forge.git(&["push", "--quiet", "origin", "main2:main"]).await;
    forge.git(&["fetch", "--quiet", "origin", "main:refs/remotes/origin/main"]).await;
    forge.commit("feature", "origin/main", "b.txt", "b\nfeature\n").await;
    forge.commit("main2", "main", "b.txt", "b\nbase\n").await;
    forge.git(&["push", "--quiet", "origin", "main2:main"]).await;
    let pull = forge.open("feature").await;
    assert_eq!(forge.show(&pull).await.conflicts, Some(Vec::new()));
    assert!(matches!(forge.merge(&pull, MergeMethod::Squash).await, MergeOutcome::Merged { .. }));
    assert_eq!(forge.git_in(&forge.repository, &["show", "main:b.txt"]).await, "b\nbase\nfeature");
}

#[tokio::test]
async fn a_bare_repository_is_used_where_git_takes_none_that_it_only_finds() {
    let forge = Forge::bare().await;
    let pull = forge.pull("feature", "a.txt", "one\n").await;
    let request = forge.merge_request(&pull, MergeMethod::Merge).await;
    let scm = with_settings(&forge, &[("safe.bareRepository", "explicit")]);
    let comment = PullChange::Comment { body: "x".into(), thread: None };
    let mut update = UpdatePull::new("say", forge.repository.as_str(), pull.clone(), comment);
    update.author = Some("me".into());
    scm.update(update).await.expect("comment");
    assert!(matches!(scm.merge(request).await, Ok(MergeOutcome::Merged { .. })));
    assert_eq!(forge.git_in(&forge.repository, &["show", "main:a.txt"]).await, "one");
    // A git directory with a check-out, too.
    let mut forge = Forge::new().await;
    let pull = forge.pull("feature", "a.txt", "one\n").await;
    forge.repository = forge.project.join(".git");
    let request = forge.merge_request(&pull, MergeMethod::Merge).await;
    let scm = with_settings(&forge, &[("safe.bareRepository", "explicit")]);
    assert!(matches!(scm.merge(request).await, Ok(MergeOutcome::Merged { .. })));
}

#[tokio::test]
async fn a_repository_of_somebody_else_s_is_used_where_the_environment_says_that_it_is_safe() {
    let forge = Forge::bare().await;
    let pull = forge.pull("feature", "a.txt", "one\n").await;
    let request = forge.merge_request(&pull, MergeMethod::Merge).await;
    let mut variables = environment(&forge.path(""));
    variables.insert("GIT_TEST_ASSUME_DIFFERENT_OWNER".into(), "1".into());
    let plugin =
        |variables| ao_plugin_local::LocalScm::with_environment(ao_plugin_local::scm::Config::default(), variables);
    let error = plugin(variables.clone()).expect("plugin").merge(request.clone()).await.expect_err("nobody says so");
    assert!(error.message.contains("dubious ownership"), "{error}");
    variables.extend(settings(&[("safe.directory", "*")]));
    let merged = plugin(variables).expect("plugin").merge(request).await;
    assert!(matches!(merged, Ok(MergeOutcome::Merged { .. })), "{merged:?}");
}

/// What the environment says besides the configuration.
fn settings(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut variables = vec![("GIT_CONFIG_COUNT".to_owned(), pairs.len().to_string())];
    for (number, (key, value)) in pairs.iter().enumerate() {
        variables.push((format!("GIT_CONFIG_KEY_{number}"), (*key).to_owned()));
        variables.push((format!("GIT_CONFIG_VALUE_{number}"), (*value).to_owned()));
    }
    variables
}

fn with_settings(forge: &Forge, pairs: &[(&str, &str)]) -> ao_plugin_local::LocalScm {
    let mut variables = environment(&forge.path(""));
    variables.extend(settings(pairs));
    ao_plugin_local::LocalScm::with_environment(ao_plugin_local::scm::Config::default(), variables).expect("plugin")
}

#[tokio::test]
async fn a_git_directory_may_stand_elsewhere() {
    let forge = Forge::stored("--separate-git-dir=../elsewhere").await;
    let pull = forge.pull("feature", "a.txt", "one\n").await;
    forge.git(&["checkout", "--quiet", "main"]).await;
    let outcome = forge.merge(&pull, MergeMethod::Merge).await;
    assert_eq!(outcome, MergeOutcome::Merged { commit: forge.oid("main").await });
    assert_eq!(forge.git(&["status", "--porcelain"]).await, "");
    assert_eq!(std::fs::read_to_string(forge.project.join("a.txt")).expect("the file"), "one\n");
}
