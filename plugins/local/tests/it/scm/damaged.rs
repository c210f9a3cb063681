//! A ref that is damaged, or somebody else's, is reported for itself and is in nobody else's way.

use std::fmt::Write as _;

use ao_plugin_sdk::prelude::*;

use super::forge::{Forge, write};

#[tokio::test]
async fn one_that_cannot_be_read_hides_no_other() {
    let forge = Forge::new().await;
    let good = forge.pull("feature", "a.txt", "one\n").await;
    let record = forge.git(&["show", "refs/ao/prs/1:pull.json"]).await;
    let put = async |number: u64, content: &str| {
        write(&forge.path("blob"), content.as_bytes());
        let blob = forge.git(&["hash-object", "-w", forge.path("blob").as_str()]).await;
        let index = forge.path("index");
        let root = forge.path("");
        let git = |arguments: &[&str]| {
            let mut variables = crate::environment::environment(&root);
            variables.insert("GIT_INDEX_FILE".into(), index.to_string());
            let git = command("git").current_dir(&forge.project).env_only(variables);
            git.args(arguments.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        git(&["read-tree", "--empty"]).run().await.expect("empty");
        git(&["update-index", "--add", "--cacheinfo", &format!("100644,{blob},pull.json")]).run().await.expect("index");
        let tree = git(&["write-tree"]).run().await.expect("tree").text();
        let commit = forge.git(&["commit-tree", "-m", "x", &tree]).await;
        forge.git(&["update-ref", &format!("refs/ao/prs/{number}"), &commit]).await;
    };
    put(2, "{").await;
    put(3, &record.replace("\"version\": 1", "\"version\": 9")).await;
    put(4, &record.replace("\"branch\": \"feature\"", "\"branch\": \"--upload-pack=x\"")).await;
    let blob = forge.git(&["hash-object", "-w", "a.txt"]).await;
    forge.git(&["update-ref", "refs/ao/prs/5", &blob]).await;
    write(&forge.project.join(".git/refs/ao/prs/6"), b"garbage\n");
    forge.git(&["update-ref", "refs/ao/prs/notes/x", "main"]).await;
    forge.git(&["update-ref", "refs/ao/prs/7", "main"]).await;
    write(&forge.project.join(".git/refs/ao/prs/8"), format!("{}\n", "1".repeat(40)).as_bytes());
    for (number, said) in [
        (2, "pull.json"),
        (3, "newer version"),
        (4, "branch name"),
        (5, "no commit with a file `pull.json`"),
        (6, "broken"),
        (7, "no commit with a file `pull.json`"),
        (8, "cannot be read"),
    ] {
        let PullFound::Unknown { why } = forge.found(&forge.scm, "any", Some(number)).await else { panic!("{number}") };
        assert!(why.contains(said) && why.contains(&format!("refs/ao/prs/{number}")), "{why}");
        let error = forge.update("k", "me", &PullRef::new(number), PullChange::Close).await.expect_err(said);
        assert!(error.message.contains(said), "{error}");
    }
    let PullFound::Found { snapshot } = forge.found(&forge.another(), "feature", None).await else { panic!("found") };
    assert_eq!(snapshot.pull, good);
    let page = forge.scm.list(ListPulls::new(forge.repository.as_str())).await.expect("list");
    assert_eq!(page.pulls.len(), 1);
    assert_eq!(forge.pull("next", "b.txt", "one\n").await.number, 9);
    assert!(matches!(forge.merge(&good, MergeMethod::Merge).await, MergeOutcome::Merged { .. }));
}

#[tokio::test]
async fn a_remark_that_cannot_be_read_makes_the_whole_unknown() {
    let forge = Forge::new().await;
    let pull = forge.pull("feature", "a.txt", "one\n").await;
    let comment = PullChange::Comment { body: "x".into(), thread: None };
    forge.update("comment", "me", &pull, comment).await.expect("comment");
    for lost in ["remarks/000001.json", "remarks"] {
        let object = forge.git(&["rev-parse", &format!("refs/ao/prs/1:{lost}")]).await;
        let file = forge.project.join(".git/objects").join(&object[..2]).join(&object[2..]);
        std::fs::remove_file(file).expect("lost");
        let found = forge.found(&forge.another(), "any", Some(1)).await;
        let PullFound::Unknown { why } = found else { panic!("{found:?}") };
        assert!(why.contains(lost), "{why}");
    }
}

/// A merge that a change of the user's is in the way of, so that nothing but its attempt is left.
async fn tried(forge: &Forge, pull: &PullRef) -> String {
    forge.write("a.txt", "mine\n");
    let outcome = forge.merge(pull, MergeMethod::Merge).await;
    assert!(matches!(outcome, MergeOutcome::Blocked { .. }), "{outcome:?}");
    forge.git(&["checkout", "--quiet", "a.txt"]).await;
    forge.oid("refs/ao/merge/1").await
}

#[tokio::test]
async fn what_was_made_to_be_merged_is_kept_as_long_as_its_pull_request() {
    let forge = Forge::new().await;
    let pull = forge.pull("feature", "a.txt", "one\n").await;
    forge.git(&["checkout", "--quiet", "main"]).await;
    let first = tried(&forge, &pull).await;
    forge.git(&["commit", "--quiet", "--allow-empty", "--message", "base"]).await;
    assert_ne!(tried(&forge, &pull).await, first);
    forge.git(&["reflog", "expire", "--all", "--expire=now"]).await;
    forge.git(&["gc", "--quiet", "--prune=now"]).await;
    assert!(forge.tries(&["cat-file", "-e", &first]).await, "the first attempt's commit is gone");
    forge.git(&["fsck", "--strict"]).await;
    assert!(matches!(forge.merge(&pull, MergeMethod::Merge).await, MergeOutcome::Merged { .. }));
}

#[tokio::test]
async fn an_attempt_that_is_not_there_is_not_merged_and_in_nobody_s_way() {
    let forge = Forge::new().await;
    let pull = forge.pull("feature", "a.txt", "one\n").await;
    let other = forge.pull("other", "b.txt", "one\n").await;
    forge.git(&["checkout", "--quiet", "main"]).await;
    let commit = tried(&forge, &pull).await;
    let record = forge.git(&["show", "refs/ao/prs/1:pull.json"]).await.replace(&commit, &"1".repeat(40));
    let stream = format!(
        "commit refs/ao/prs/1\ncommitter ao <ao@localhost> 1 +0000\ndata 0\nfrom refs/ao/prs/1^0\n\
         M 100644 inline pull.json\ndata {}\n{record}\n",
        record.len()
    );
    let git = command("git").current_dir(&forge.project).env_only(crate::environment::environment(&forge.path("")));
    git.args(["fast-import", "--quiet"]).input(stream).run().await.expect("import");
    for pull in [&pull, &other] {
        assert_eq!(forge.show(pull).await.state, PullState::Open);
    }
    let comment = PullChange::Comment { body: "x".into(), thread: None };
    forge.update("comment", "me", &pull, comment).await.expect("comment");
    assert_eq!(forge.effect("never", 1).await, Ok(Proof::Absent));
    assert!(matches!(forge.merge(&pull, MergeMethod::Merge).await, MergeOutcome::Merged { .. }));
}

/// Makes the pull request's next commit by hand, of files of these contents.
async fn put(forge: &Forge, number: u64, files: &[(String, &str)]) {
    let mut stream = format!("commit refs/ao/prs/{number}\ncommitter ao <ao@localhost> 1 +0000\ndata 0\n");
    for (name, content) in files {
        let _ = write!(stream, "M 100644 inline {name}\ndata {}\n{content}\n", content.len());
    }
    let git = command("git").current_dir(&forge.project).env_only(crate::environment::environment(&forge.path("")));
    git.args(["fast-import", "--quiet"]).input(stream).run().await.expect("import");
}

#[tokio::test]
async fn huge_ones_hide_no_other_however_many_they_are() {
    let forge = Forge::new().await;
    let record = {
        forge.pull("feature", "a.txt", "one\n").await;
        forge.git(&["show", "refs/ao/prs/1:pull.json"]).await
    };
    let huge = " ".repeat(17 << 20);
    for number in 2..=13 {
        put(&forge, number, &[("pull.json".into(), &huge)]).await;
    }
    let mut files: Vec<_> = (1..=12).map(|number| (format!("remarks/{number:06}.json"), huge.as_str())).collect();
    files.push(("pull.json".into(), &record));
    put(&forge, 14, &files).await;
    let last = forge.pull("last", "b.txt", "one\n").await;
    let page = forge.another().list(ListPulls::new(forge.repository.as_str())).await.expect("list");
    let numbers: Vec<_> = page.pulls.iter().map(|pull| pull.pull.number).collect();
    assert_eq!(numbers, [last.number, 1]);
    for number in 2..=14 {
        let found = forge.found(&forge.scm, "any", Some(number)).await;
        assert!(matches!(found, PullFound::Unknown { .. }), "{number}: {found:?}");
    }
}
