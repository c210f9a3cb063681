//! Runs that go as they should: what they see, what they find, what is told of it.

use ao_core::model::event::{EventData, EventKind};
use ao_core::model::{CheckName, ExitStatus, RunState};
use ao_core::slots::scm::CheckState;
use ao_host::host::CheckMode;
use ao_host::store::{Fence, SqliteStore, Store};

use super::rig::{Rig, commands};

#[test]
fn a_pull_request_is_checked_where_nothing_of_the_users_is_seen() {
    let good = "echo hello && test \"$CI$AO_CHECK\" = true1 && test -z \"$SECRET_TOKEN\" && test -z \"$(ls -A \"$HOME\" \"$TMPDIR\" | \
                grep -v :)\" && test \"$(cat a.txt)\" = one && test -z \"$(git status --porcelain)\" && env";
    let rig = Rig::new(&format!(
        "{}        lint: {{ run: [\"false\"], required: false }}\n",
        commands(&[("good", good), ("bad", "echo no; exit 3")])
    ));
    let head = rig.commit("work", &[("a.txt", "one")]);
    let id = rig.pull(&head);
    rig.play(async |host| {
        host.over(&rig, 1).await;
        rig.until_shown(&id).await;
    });
    let good = rig.result("good");
    assert_eq!(
        (good.state, good.why.as_deref()),
        (CheckState::Passed, None),
        "{}",
        String::from_utf8_lossy(&rig.printed("good"))
    );
    assert_eq!(
        (good.exit, good.attempt, good.dropped, good.reused.len()),
        (Some(ExitStatus::Code { code: 0 }), 1, 0, 0)
    );
    let bad = rig.result("bad");
    assert_eq!((bad.state, bad.exit), (CheckState::Failed, Some(ExitStatus::Code { code: 3 })));
    assert!(bad.why.unwrap().contains("exit code 3") && rig.printed("bad") == b"no\n");
    let printed = String::from_utf8(rig.printed("good")).unwrap();
    assert!(printed.starts_with("hello\n") && !printed.contains("hunter2"), "{printed}");
    let (passed, failed) = (CheckState::Passed, CheckState::Failed);
    let shown = [("bad", failed, true), ("good", passed, true), ("lint", failed, false)];
    assert_eq!(rig.shown(&id), shown.map(|(name, state, required)| (name.to_owned(), state, required)));
    let run = rig.runs().remove(0);
    assert_eq!((run.state, run.attempt, run.commit, run.pull), (RunState::Ended, 1, head, Some(1)));
    let told = |kind| rig.log(kind).len();
    assert_eq!((told(EventKind::CheckStarted), told(EventKind::CheckEvidenceRecorded)), (1, 3));
    rig.assert_clear();
}

#[test]
fn what_was_checked_is_not_checked_again_unless_somebody_asks() {
    let rig = Rig::new(&commands(&[("a", "echo a >> $OUT/ran"), ("b", "echo b >> $OUT/ran; exit 1")]));
    let head = rig.commit("work", &[]);
    let id = rig.pull(&head);
    let ran = || fs_err::read_to_string(rig.out("ran")).unwrap().split_whitespace().collect::<String>();
    rig.play(async |host| host.over(&rig, 1).await);
    rig.play(async |host| {
        // Nothing is due; somebody else asks for one of them, by a connection of their own.
        host.until(|data| matches!(data, EventData::HostStarted(_))).await;
        assert_eq!(ran(), "ab");
        let other = SqliteStore::open(&rig.sessions.places.state_db()).unwrap();
        let name: CheckName = "b".parse().unwrap();
        other
            .change_check_run(Fence::None, &rig.runs()[0].id, &mut |run| {
                run.rerun = Some(vec![name.clone()]);
                Vec::new()
            })
            .unwrap();
        host.over(&rig, 2).await;
        rig.until_shown(&id).await;
    });
    assert_eq!(ran(), "abb");
    assert_eq!(rig.shown(&id)[1], ("b".to_owned(), CheckState::Failed, true));
}

#[test]
fn setup_comes_first_and_its_failure_is_everybodys() {
    let rig = Rig::new(&format!(
        "{}      setup: [[touch, made], {{ sh: \"test -e $OUT/fine\" }}]\n",
        commands(&[("a", "test -e made"), ("b", "true")])
    ));
    let first = rig.commit("first", &[]);
    let id = rig.pull(&first);
    rig.play(async |host| host.over(&rig, 1).await);
    for name in ["a", "b"] {
        let why = rig.result(name).why.unwrap();
        assert!(why.contains("setup failed") && why.contains("exit code 1"), "{why}");
    }
    ao_host::world::files::write_atomic(&rig.out("fine"), b"", 0o600).unwrap();
    rig.heads(&[(&id, &rig.commit("second", &[]))]);
    rig.play(async |host| host.over(&rig, 2).await);
    assert_eq!((rig.result("a").why, rig.result("b").why), (None, None));
}

#[test]
fn what_is_kept_between_runs_is_used_and_said() {
    let line = "cat target/made 2>/dev/null; mkdir -p target && echo made > target/made";
    let rig = Rig::new(&format!("{}      cache: {{ paths: [target], key: [lock] }}\n", commands(&[("build", line)])));
    let first = rig.commit("first", &[("lock", "1")]);
    let id = rig.pull(&first);
    let check = |runs: usize| {
        rig.play(async |host| host.over(&rig, runs).await);
        (rig.printed("build"), rig.result("build").reused)
    };
    assert_eq!(check(1), (b"".to_vec(), vec![]));
    rig.heads(&[(&id, &rig.commit("second", &[("a", "b")]))]);
    assert_eq!(check(2), (b"made\n".to_vec(), vec!["target".into()]));
    rig.heads(&[(&id, &rig.commit("third", &[("lock", "2")]))]);
    assert_eq!(check(3), (b"".to_vec(), vec![]), "the lock file is another one");
    rig.assert_clear();
}

#[test]
fn a_head_that_moves_while_it_is_checked_is_let_go() {
    let rig = Rig::new(&commands(&[(
        "a",
        "cat /proc/$$/stat > $OUT/stat-$(cat name).tmp; mv $OUT/stat-$(cat name).tmp $OUT/stat-$(cat name); test $(cat name) = two || sleep 1000",
    )]));
    let first = rig.commit("first", &[("name", "one")]);
    let id = rig.pull(&first);
    rig.play(async |_| rig.until_there("stat-one").await);
    rig.heads(&[(&id, &rig.commit("second", &[("name", "two")]))]);
    rig.play(async |host| {
        // It goes on until the pull request is looked at, which a host begins with.
        host.over(&rig, 2).await;
        let states: Vec<_> = rig.runs().into_iter().map(|run| run.state).collect();
        assert_eq!(states, [RunState::Superseded, RunState::Ended]);
        assert!(!rig.runs_still("stat-one"), "it was ended");
    });
    assert!(rig.runs()[0].results.is_empty() && rig.result("a").state == CheckState::Passed);
    rig.assert_clear();
}

#[test]
fn one_pass_names_what_is_pending_or_runs_it_to_its_end() {
    let rig = Rig::new(&commands(&[("a", "true")]));
    let head = rig.commit("work", &[]);
    let id = rig.pull(&head);
    let left = rig.once(CheckMode::Leave);
    assert!(left.checks.len() == 1 && left.checks[0].contains("#1: a"), "{left:?}");
    assert_eq!((rig.runs().len(), rig.shown(&id)[0].1), (0, CheckState::Pending));
    let run = rig.once(CheckMode::Run);
    assert_eq!(run.checks, Vec::<String>::new());
    assert_eq!(rig.shown(&id)[0].1, CheckState::Passed);
}
