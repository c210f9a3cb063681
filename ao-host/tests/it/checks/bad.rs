//! Checks of every temper: those that hang, fork, fill the disk, print without end, or write what is not theirs.

use ao_core::model::event::EventData;
use ao_core::slots::scm::CheckState;
use camino::{Utf8Path, Utf8PathBuf};

use super::rig::{Rig, commands};

/// Writes the identity of a shell down, whole.
const WHO: &str = "who() { cat /proc/$1/stat > $OUT/$2.tmp; mv $OUT/$2.tmp $OUT/$2; }; ";

#[test]
fn one_that_hangs_forks_and_hides_is_ended_with_all_of_it() {
    let line = format!(
        "{WHO} trap '' TERM HUP; who $$ parent; (trap '' TERM; sleep 1000) & who $! child; \
         setsid sh -c 'trap \"\" TERM; cat /proc/$$/stat > $OUT/d.tmp; mv $OUT/d.tmp $OUT/daemon; sleep 1000' & \
         setsid env -i sh -c 'cat /proc/$$/stat > '$OUT'/o.tmp; mv '$OUT'/o.tmp '$OUT'/orphan; trap \"\" TERM; sleep 1000' & \
         sleep 1000"
    );
    let rig = Rig::new(&format!("{}      timeout: 5s\n", commands(&[("hangs", &line), ("next", "true")])));
    rig.pull(&rig.commit("work", &[]));
    rig.play(async |host| {
        for name in ["parent", "child", "daemon", "orphan"] {
            rig.until_there(name).await;
        }
        host.verdict("hangs").await;
        for name in ["parent", "child", "daemon", "orphan"] {
            assert!(!rig.runs_still(name), "{name} runs still");
        }
        host.over(&rig, 1).await;
    });
    let found = rig.result("hangs");
    assert_eq!((found.state, found.exit), (CheckState::Failed, None));
    assert!(found.why.unwrap().contains("did not end within 5s"));
    assert_eq!(rig.result("next").state, CheckState::Passed, "the rest goes on");
    rig.assert_clear();
}

/// One that ends well may leave a daemon behind.
#[test]
fn what_is_left_behind_is_ended_too() {
    let line = format!("{WHO} setsid sleep 1000 > /dev/null 2>&1 & who $! left");
    let rig = Rig::new(&commands(&[("leaves", &line)]));
    rig.pull(&rig.commit("work", &[]));
    rig.play(async |host| host.verdict("leaves").await);
    assert!(!rig.runs_still("left"));
    assert_eq!(rig.result("leaves").state, CheckState::Passed);
}

#[test]
fn one_that_fills_the_disk_is_stopped() {
    let many = "i=0; while :; do head -c 1000000 /dev/zero > $TMPDIR/$i; i=$((i+1)); done";
    let rig = Rig::new(&format!(
        "{}      maxDisk: 30MB\n",
        commands(&[("one-file", "head -c 100000000 /dev/zero > big"), ("many-files", many), ("next", "true")])
    ));
    rig.pull(&rig.commit("work", &[]));
    rig.play(async |host| host.over(&rig, 1).await);
    for name in ["one-file", "many-files"] {
        let why = rig.result(name).why.unwrap();
        assert!(why.contains("maxDisk") || why.contains("exit code"), "{name}: {why}");
    }
    assert!(rig.result("many-files").why.unwrap().contains("maxDisk"));
    rig.assert_clear();
}

#[test]
fn one_that_prints_without_end_keeps_the_beginning_and_the_end_of_it() {
    let line = "echo begin; head -c 1000000000 /dev/zero; echo end";
    let rig = Rig::new(&format!(
        "{}      maxLog: 64KiB\n",
        commands(&[("loud", line), ("binary", "printf '\\033[31m\\377\\000'; head -c 1000 /dev/urandom")])
    ));
    rig.pull(&rig.commit("work", &[]));
    rig.play(async |host| host.over(&rig, 1).await);
    let (found, printed) = (rig.result("loud"), rig.printed("loud"));
    assert_eq!(found.state, CheckState::Passed, "{found:?}");
    assert!(printed.len() < 66_000 && printed.starts_with(b"begin\n") && printed.ends_with(b"end\n"));
    assert!(found.dropped > 999_900_000, "{found:?}");
    assert!(String::from_utf8_lossy(&printed).contains("bytes were left out here"));
    assert!(rig.printed("binary").starts_with(b"\x1b[31m\xff\0") && rig.printed("binary").len() == 1007);
}

/// Everything in a git directory but objects.
fn bookkeeping(directory: &Utf8Path) -> Vec<(Utf8PathBuf, Vec<u8>)> {
    let (mut found, mut ahead) = (Vec::new(), vec![directory.to_owned()]);
    while let Some(directory) = ahead.pop() {
        for entry in directory.read_dir_utf8().unwrap() {
            let path = entry.unwrap().into_path();
            if path.is_dir() {
                ahead.extend(Some(path).filter(|path| path.file_name() != Some("objects")));
            } else {
                found.push((path.clone(), fs_err::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn the_projects_repository_is_as_before() {
    let evil = "git update-ref refs/heads/main HEAD && git update-ref -d refs/tags/v1; git config user.name evil; \
                git config --global user.name evil; mkdir -p .git/hooks; echo evil > .git/hooks/pre-commit; git branch -f evil; \
                git stash list; git gc --quiet --prune=now; git push origin HEAD:refs/heads/evil; git commit --allow-empty -m evil; true";
    let rig = Rig::new(&commands(&[("evil", evil)]));
    let head = rig.commit("work", &[]);
    rig.git(&["tag", "v1"]);
    rig.commit("more", &[]);
    let before = bookkeeping(&rig.project().join(".git"));
    let home = fs_err::read_dir(rig.root().join("home")).unwrap().count();
    rig.pull(&head);
    rig.play(async |host| {
        host.until(|data| matches!(data, EventData::CheckEvidenceRecorded(_))).await;
        host.over(&rig, 1).await;
    });
    assert_eq!(rig.result("evil").state, CheckState::Passed);
    assert!(bookkeeping(&rig.project().join(".git")) == before, "refs, settings and hooks");
    assert_eq!(fs_err::read_dir(rig.root().join("home")).unwrap().count(), home);
    rig.git(&["fsck", "--strict"]);
}

#[test]
fn what_cannot_be_checked_has_failed_and_says_why() {
    let rig = Rig::new(&commands(&[("a", "true")]));
    rig.pull(&"1".repeat(40));
    rig.play(async |host| host.over(&rig, 1).await);
    let why = rig.result("a").why.unwrap();
    assert!(why.contains("has no commit"), "{why}");
    let rig = Rig::new("      commands: { a: [no-such-program-anywhere] }");
    rig.pull(&rig.commit("work", &[]));
    rig.play(async |host| host.over(&rig, 1).await);
    let why = rig.result("a").why.unwrap();
    assert!(why.contains("`no-such-program-anywhere` was not found"), "{why}");
}

/// The directory of an attempt is two above the copy of the commit, whose code runs as the same user.
#[test]
fn one_that_writes_verdicts_itself_is_not_believed_and_one_that_sets_traps_holds_nobody_up() {
    let forge = "for name in forges later; do printf '{\"nonce\":\"x\",\"result\":{\"name\":\"%s\",\"state\":\"passed\",\
                 \"started_at\":\"2026-01-01T00:00:00.000Z\",\"ended_at\":\"2026-01-01T00:00:00.000Z\"}}' $name \
                 > ../../result-$name.json; done; exit 1";
    let traps = "mkfifo ../../result-zzz.json ../../ended.json.new; mv ../../ended.json.new ../../ended.json; true";
    let rig = Rig::new(&commands(&[("forges", forge), ("later", "exit 1"), ("traps", traps), ("zzz", "sleep 2")]));
    rig.pull(&rig.commit("work", &[]));
    rig.play(async |host| host.over(&rig, 1).await);
    for (name, state) in [
        ("forges", CheckState::Failed),
        ("later", CheckState::Failed),
        ("traps", CheckState::Passed),
        ("zzz", CheckState::Passed),
    ] {
        assert_eq!(rig.result(name).state, state, "{name}");
    }
    rig.assert_clear();
}
