//! Hosts and runs that are killed in the middle.

use ao_core::model::process::HolderRecord;
use ao_core::model::{CheckRun, RunState};
use ao_core::slots::scm::CheckState;
use camino::Utf8PathBuf;
use rustix::process::{Pid, Signal, kill_process};

use super::rig::{Rig, commands};

/// Waits until the test lets it go, and says that it came so far.
const WAITS: &str = "echo $(cat /proc/$$/stat) > $OUT/w.tmp; mv $OUT/w.tmp $OUT/waits; echo >> $OUT/begun; \
                     while ! test -e $OUT/go; do sleep 0.05; done";

fn attempt(rig: &Rig, run: &CheckRun) -> Utf8PathBuf {
    rig.sessions.places.checks().join(&run.id).join(run.attempt.to_string())
}

/// As `kill -9` does to the process that runs the checks.
fn kill_runner(rig: &Rig) {
    let record = fs_err::read(attempt(rig, &rig.runs()[0]).join("holder.json")).unwrap();
    let record: HolderRecord = serde_json::from_slice(&record).unwrap();
    let pid = Pid::from_raw(i32::try_from(record.holder.pid).unwrap()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
}

fn forget(rig: &Rig, name: &str) {
    fs_err::remove_file(rig.out(name)).unwrap();
}

#[test]
fn a_run_outlives_its_host_and_the_next_one_takes_it_in() {
    let rig = Rig::new(&commands(&[("a", "true"), ("b", WAITS)]));
    rig.pull(&rig.commit("work", &[]));
    rig.play(async |_| rig.until_there("waits").await);
    assert!(rig.runs_still("waits"), "it goes on without a host");
    rig.let_go();
    rig.play(async |host| host.over(&rig, 1).await);
    let run = rig.runs().remove(0);
    assert_eq!((run.attempt, run.state), (1, RunState::Ended));
    assert_eq!(fs_err::read(rig.out("begun")).unwrap().len(), 1, "it was run once");
    rig.assert_clear();
}

#[test]
fn a_run_that_was_killed_is_begun_again_at_most_twice() {
    let rig = Rig::new(&commands(&[("a", "echo >> $OUT/a"), ("b", WAITS)]));
    rig.pull(&rig.commit("work", &[]));
    rig.play(async |host| {
        for _ in 0..3 {
            rig.until_there("waits").await;
            kill_runner(&rig);
            forget(&rig, "waits");
        }
        host.over(&rig, 1).await;
    });
    let found = rig.result("b");
    assert_eq!((found.state, found.attempt), (CheckState::Failed, 3));
    assert!(found.why.unwrap().contains("ended without saying how"));
    assert_eq!(rig.result("a").state, CheckState::Passed);
    assert_eq!(fs_err::read(rig.out("a")).unwrap().len(), 1, "what has a result has it");
    assert_eq!(fs_err::read(rig.out("begun")).unwrap().len(), 3);
    rig.assert_clear();
}

#[test]
fn host_and_run_killed_together_are_begun_again() {
    let rig = Rig::new(&commands(&[("a", WAITS)]));
    rig.pull(&rig.commit("work", &[]));
    rig.play(async |_| rig.until_there("waits").await);
    kill_runner(&rig);
    assert!(rig.runs_still("waits"), "it is an orphan now");
    fs_err::rename(rig.out("waits"), rig.out("before")).unwrap();
    rig.play(async |host| {
        rig.until_there("waits").await;
        assert!(!rig.runs_still("before"), "the orphan was ended before");
        rig.let_go();
        host.over(&rig, 1).await;
    });
    assert_eq!((rig.result("a").state, rig.result("a").attempt), (CheckState::Passed, 2));
    rig.assert_clear();
}

#[test]
fn a_result_that_cannot_be_read_is_none() {
    let rig = Rig::new(&commands(&[("a", "echo >> $OUT/a; test -e $OUT/go || exit 1"), ("b", WAITS)]));
    rig.pull(&rig.commit("work", &[]));
    // The host is gone before it has seen anything: it stopped where it was to write it down.
    rig.play_failing_at("check.record.before=error", async |_| rig.until_there("waits").await);
    let file = attempt(&rig, &rig.runs()[0]).join("result-a.json");
    ao_host::world::files::write_atomic(&file, b"{\"name\": \"a\", \"state\": \"pas", 0o600).unwrap();
    rig.let_go();
    rig.play(async |host| host.over(&rig, 1).await);
    let run = rig.runs().remove(0);
    assert_eq!((run.attempt, rig.result("a").attempt, rig.result("b").attempt), (2, 2, 1));
    assert_eq!(rig.result("a").state, CheckState::Passed);
}

#[test]
fn a_host_that_dies_at_any_step_loses_nothing() {
    for step in ["check.start.before", "check.start.after", "check.record.before", "check.record.after"] {
        let rig = Rig::new(&commands(&[("a", "echo >> $OUT/a; touch $OUT/ran")]));
        rig.pull(&rig.commit("work", &[]));
        rig.play_failing_at(&format!("{step}=error"), async |_| {
            if step == "check.start.before" {
                rig.until_asked().await;
            } else {
                rig.until_there("ran").await;
            }
        });
        rig.play(async |host| host.over(&rig, 1).await);
        assert_eq!(rig.result("a").state, CheckState::Passed, "{step}");
        assert_eq!(fs_err::read(rig.out("a")).unwrap().len(), 1, "{step}: it ran once");
        assert_eq!(rig.runs().len(), 1, "{step}");
        rig.assert_clear();
    }
}
