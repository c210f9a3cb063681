//! Merging, in every state that the user's check-out may be in. Their index and files stay as they are, but for what git's
//! own fast-forward brings into a check-out of the base.

use ao_plugin_local::scm::{Config, UpdateCheckout};
use ao_plugin_sdk::prelude::*;

use super::forge::{Forge, lines, plugin};

const METHODS: [MergeMethod; 3] = [MergeMethod::Merge, MergeMethod::Squash, MergeMethod::Rebase];

/// How the user's check-out stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Desk {
    Elsewhere,
    Clean,
    DirtyElsewhere,
    DirtySame,
    StagedSame,
    IgnoredInTheWay,
    MidRebase,
    MidMerge,
    MidBisect,
    Bare,
}

/// What a merge comes to there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    /// Nothing of the user's changes.
    Untouched,
    /// The check-out is brought forward, and nothing else.
    BroughtForward,
    /// The user is told a command, and nothing changes.
    Told,
}

async fn prepared(desk: Desk) -> (Forge, PullRef) {
    let forge = if desk == Desk::Bare { Forge::bare().await } else { Forge::new().await };
    if desk != Desk::Bare {
        forge.git(&["checkout", "--quiet", "main"]).await;
    }
    // Both sides changed, so that each way to merge makes something new.
    forge.commit("feature", "main", "a.txt", &lines(" feature")).await;
    forge.commit("feature", "main", "new.ignored.txt", "new\n").await;
    if desk == Desk::Bare {
        forge.commit("main2", "main", "b.txt", "b\nbase\n").await;
        forge.git(&["push", "--quiet", "origin", "main2:main"]).await;
    } else {
        forge.write("b.txt", "b\nbase\n");
        forge.git(&["commit", "--quiet", "--all", "--message", "base"]).await;
    }
    let pull = forge.open("feature").await;
    forge.write("untracked.txt", "mine\n");
    match desk {
        Desk::Elsewhere => drop(forge.git(&["checkout", "--quiet", "desk"]).await),
        Desk::Clean | Desk::Bare => {}
        Desk::DirtyElsewhere => forge.write("b.txt", "mine\n"),
        Desk::DirtySame => forge.write("a.txt", "mine\n"),
        Desk::StagedSame => {
            forge.write("a.txt", "mine\n");
            forge.git(&["add", "a.txt"]).await;
        }
        Desk::IgnoredInTheWay => {
            forge.write(".git/info/exclude", "*.ignored.txt\n");
            forge.write("new.ignored.txt", "mine\n");
        }
        Desk::MidRebase => {
            forge.git(&["branch", "--quiet", "onto", "main~1"]).await;
            forge.commit("onto", "main", "b.txt", "conflicting\n").await;
            assert!(!forge.tries(&["rebase", "--quiet", "onto"]).await, "the rebase stops");
        }
        Desk::MidMerge => {
            forge.git(&["branch", "--quiet", "other", "main~1"]).await;
            forge.commit("other", "main", "b.txt", "conflicting\n").await;
            assert!(!forge.tries(&["merge", "--quiet", "other"]).await, "the merge stops");
        }
        Desk::MidBisect => {
            forge.git(&["commit", "--quiet", "--allow-empty", "--message", "more"]).await;
            forge.git(&["commit", "--quiet", "--allow-empty", "--message", "more"]).await;
            forge.git(&["bisect", "start", "main", "main~3"]).await;
        }
    }
    (forge, pull)
}

async fn run(desk: Desk, expected: Expected) {
    for method in METHODS {
        let (forge, pull) = prepared(desk).await;
        let mut before = forge.files();
        let (base, head) = (forge.oid("main").await, forge.oid("feature").await);
        let outcome = forge.merge(&pull, method).await;
        let context = format!("{desk:?} {method:?} {outcome:?}");
        let mut after = forge.files();
        if expected == Expected::BroughtForward {
            for file in ["a.txt", "new.ignored.txt", ".git/index"] {
                before.remove(Utf8Path::new(file));
                let bytes = after.remove(Utf8Path::new(file)).expect("file");
                assert!(file != "a.txt" || bytes == lines(" feature").into_bytes(), "{context}");
            }
            let dirty = forge.git(&["diff", "--name-only"]).await;
            assert_eq!(dirty, if desk == Desk::DirtyElsewhere { "b.txt" } else { "" }, "{context}");
            assert_eq!(forge.git(&["diff", "--cached", "--name-only"]).await, "", "{context}");
        }
        assert_eq!(before, after, "{context}");
        if expected == Expected::Told {
            let MergeOutcome::Blocked { remedy: Some(remedy), conflicts, .. } = &outcome else { panic!("{context}") };
            let command =
                format!("git -C {} merge --ff-only --no-squash --no-verify-signatures refs/ao/merge/1", forge.project);
            assert_eq!((remedy, conflicts.len()), (&command, 0), "{context}");
            assert_eq!(forge.oid("main").await, base, "{context}");
            assert_eq!(forge.show(&pull).await.state, PullState::Open, "{context}");
            let again = forge.merge(&pull, method).await;
            assert_eq!((again, forge.files()), (outcome, after), "asking again changes nothing");
            continue;
        }
        let MergeOutcome::Merged { commit } = &outcome else { panic!("{context}") };
        assert_eq!(&forge.oid("main").await, commit, "{context}");
        shape(&forge, method, &base, &head, commit).await;
        let shown = forge.show(&pull).await;
        assert_eq!((shown.state, shown.merged_as.as_ref()), (PullState::Merged, Some(commit)), "{context}");
        assert_eq!((shown.head, forge.merge(&pull, method).await), (head, outcome.clone()), "{context}");
    }
}

/// The commits that each way to merge makes.
async fn shape(forge: &Forge, method: MergeMethod, base: &str, head: &str, commit: &str) {
    let parents = forge.git_in(&forge.repository, &["log", "-1", "--format=%P", commit]).await;
    let subjects = forge.git_in(&forge.repository, &["log", "--format=%s", &format!("{base}..{commit}")]).await;
    let own = "feature: new.ignored.txt\nfeature: a.txt";
    match method {
        MergeMethod::Merge => {
            assert_eq!(parents, format!("{base} {head}"));
            assert_eq!(subjects, format!("Merge pull request #1 from feature\n{own}"));
        }
        MergeMethod::Squash => assert_eq!((parents.as_str(), subjects.as_str()), (base, "About feature (#1)")),
        _ => {
            assert_eq!(subjects, own);
            let authors = |range: String| {
                let arguments = ["log", "--format=%an %ae %ad %s", range.as_str()].map(str::to_owned);
                async move {
                    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
                    forge.git_in(&forge.repository, &arguments).await
                }
            };
            let kept = authors(format!("{base}..{head}")).await;
            assert_eq!(authors(format!("{base}..{commit}")).await, kept);
            assert_eq!(forge.oid(&format!("{commit}~2")).await, base);
        }
    }
    let files =
        forge.git_in(&forge.repository, &["show", &format!("{commit}:a.txt"), &format!("{commit}:b.txt")]).await;
    assert_eq!(files, format!("{}b\nbase", lines(" feature")));
}

macro_rules! matrix {
    ($($name:ident: $desk:ident => $expected:ident;)*) => {$(
        #[tokio::test]
        async fn $name() {
            run(Desk::$desk, Expected::$expected).await;
        }
    )*};
}

matrix! {
    the_base_is_checked_out_nowhere: Elsewhere => Untouched;
    the_base_is_checked_out_and_clean: Clean => BroughtForward;
    the_base_is_checked_out_and_dirty_elsewhere: DirtyElsewhere => BroughtForward;
    the_base_is_checked_out_and_dirty_in_the_same_file: DirtySame => Told;
    the_base_is_checked_out_and_the_same_file_staged: StagedSame => Told;
    an_ignored_file_is_in_the_way: IgnoredInTheWay => Told;
    the_base_is_being_rebased: MidRebase => Told;
    the_base_is_checked_out_in_the_middle_of_a_merge: MidMerge => Told;
    the_base_is_being_bisected: MidBisect => Told;
    the_repository_is_bare: Bare => Untouched;
}

#[tokio::test]
async fn a_check_out_that_is_not_to_be_touched_is_not() {
    let (forge, pull) = prepared(Desk::Clean).await;
    let never = Config { update_checkout: UpdateCheckout::Never, ..Config::default() };
    let scm = plugin(&forge.path(""), never);
    let before = forge.files();
    let request = forge.merge_request(&pull, MergeMethod::Squash).await;
    let outcome = scm.merge(request).await.expect("merge");
    let MergeOutcome::Blocked { why, remedy: Some(remedy), .. } = outcome else { panic!("{outcome:?}") };
    assert!(why.contains("updateCheckout: never"), "{why}");
    assert_eq!(forge.files(), before);
    // What was told is right: once it is done, the pull request is merged, also a squashed one.
    let words: Vec<_> = remedy.split(' ').skip(1).collect();
    forge.git(&words).await;
    let shown = forge.show(&pull).await;
    assert_eq!((shown.state, shown.merged_as), (PullState::Merged, Some(forge.oid("main").await)));
    assert!(matches!(forge.merge(&pull, MergeMethod::Squash).await, MergeOutcome::Merged { .. }));
}
