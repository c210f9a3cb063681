//! Checks that the host runs itself, as sessions' facts and statuses show them.

use ao_core::model::event::EventKind;
use ao_core::slots::scm::{Check, CheckState, PullFound, PullObservation, PullRef, PullSnapshot, PullState, Snapshot};

use super::*;

const CHECKED: &str = "  app: { path: ., repo: acme/app, scm: SCM, checks: { commands: { test: [x], lint: { run: [x], required: false } } } }\n";
const PLAIN: &str = "  app: { path: ., repo: acme/app, scm: SCM }\n";

/// Every session has a pull request with this head, and one check of the provider's.
fn all_have(desk: &Desk, state: PullState) {
    desk.script().snapshots = Some(Box::new(move |request| {
        let mut snapshot = PullSnapshot::new(PullRef::new(7_u64), state, "0".repeat(40));
        snapshot.conflicts = Some(Vec::new());
        snapshot.checks = vec![Check::new("build", CheckState::Passed)];
        let found = PullFound::Found { snapshot: Box::new(snapshot) };
        let of = |target: &ao_core::slots::scm::PullTarget| PullObservation::new(target.session.clone(), found.clone());
        Ok(Snapshot::new(request.targets.iter().map(of).collect::<Vec<_>>()))
    }));
}

fn shown(desk: &Desk, index: usize) -> Vec<(String, CheckState)> {
    desk.session(index).pull.unwrap().snapshot.checks.into_iter().map(|check| (check.name, check.state)).collect()
}

fn names(states: [(&str, CheckState); 3]) -> Vec<(String, CheckState)> {
    states.map(|(name, state)| (name.to_owned(), state)).to_vec()
}

/// The workspace plugin here cannot make a clean copy, so that every check fails: nothing passes that was not checked.
#[tokio::test]
async fn what_the_checks_found_decides_the_status() {
    let desk = Desk::new(&["app", "app"], CHECKED);
    all_have(&desk, PullState::Open);
    let engine = desk.engine().await;
    let failed = names([("build", CheckState::Passed), ("lint", CheckState::Failed), ("test", CheckState::Failed)]);
    assert_eq!((shown(&desk, 0), shown(&desk, 1)), (failed.clone(), failed));
    assert_eq!((desk.status(0), desk.status(1)), (StatusName::CiFailed, StatusName::CiFailed));
    let runs = desk.manager("").store.check_runs().unwrap();
    assert_eq!(runs.len(), 1, "both are at one commit");
    assert!(runs[0].why.as_ref().unwrap().contains("does not support"), "{runs:?}");
    let last = desk.manager("").store.latest_event(&desk.ids[0], EventKind::CheckEvidenceRecorded).unwrap();
    assert!(last.is_some() && engine.checking.open().is_empty());
}

#[tokio::test]
async fn what_fails_for_several_is_looked_for_on_their_base_and_told_once() {
    let desk = Desk::new(&["app", "app", "app"], CHECKED);
    let base = "b".repeat(40);
    desk.script().snapshots = Some(Box::new({
        let base = base.clone();
        move |request| {
            let of = |target: &ao_core::slots::scm::PullTarget| {
                let number = target.session.as_str().bytes().last().map_or(0, u64::from);
                let mut snapshot = PullSnapshot::new(PullRef::new(number), PullState::Open, format!("{number:040}"));
                (snapshot.base_commit, snapshot.conflicts) = (Some(base.clone()), Some(Vec::new()));
                PullObservation::new(target.session.clone(), PullFound::Found { snapshot: Box::new(snapshot) })
            };
            Ok(Snapshot::new(request.targets.iter().map(of).collect::<Vec<_>>()))
        }
    }));
    let mut engine = desk.engine().await;
    for _ in 0..3 {
        engine.pass(&desk, Duration::from_secs(31)).await;
    }
    let store = &desk.manager("").store;
    assert_eq!(store.check_runs_of(&desk.root.join("repository"), &base).unwrap().len(), 1, "the base, once");
    let waiting = store.waiting_notices(10).unwrap();
    let about_base: Vec<_> = waiting.iter().filter(|notice| notice.title.contains("base branch")).collect();
    let [told] = about_base[..] else { panic!("{waiting:#?}") };
    assert_eq!(told.title, "app: checks fail on the base branch, so no agent is told: test");
}

#[tokio::test]
async fn what_was_not_checked_yet_is_pending_and_no_gate_is_green() {
    let desk = Desk::new(&["app"], CHECKED);
    all_have(&desk, PullState::Open);
    let mut engine = Engine::start(desk.context(""), CheckMode::Leave, &mut |_| ()).unwrap();
    engine.look().await;
    let pending = CheckState::Pending;
    assert_eq!(shown(&desk, 0), names([("build", CheckState::Passed), ("lint", pending), ("test", pending)]));
    assert_eq!(desk.status(0), StatusName::PrOpen);
    assert_eq!(engine.checking.open().len(), 1, "{:?}", engine.checking.open());
    assert_eq!(desk.manager("").store.check_runs().unwrap(), []);
}

#[tokio::test]
async fn checks_that_are_taken_out_of_the_configuration_are_wanted_no_more() {
    let desk = Desk::new(&["app"], PLAIN);
    all_have(&desk, PullState::Open);
    let mut engine = desk.engine().await;
    assert_eq!((shown(&desk, 0).len(), desk.status(0)), (1, StatusName::Mergeable));
    desk.configure(CHECKED);
    engine.reload(&desk.config(), &mut |_| ()).unwrap();
    engine.pass(&desk, Duration::from_secs(1)).await;
    assert_eq!((shown(&desk, 0).len(), desk.status(0)), (3, StatusName::CiFailed));
    desk.configure(PLAIN);
    engine.reload(&desk.config(), &mut |_| ()).unwrap();
    engine.pass(&desk, Duration::from_secs(31)).await;
    assert_eq!((shown(&desk, 0).len(), desk.status(0)), (1, StatusName::Mergeable));
}

#[tokio::test]
async fn a_host_that_was_replaced_writes_no_result() {
    let desk = Desk::new(&["app"], CHECKED);
    all_have(&desk, PullState::Open);
    let mut engine = desk.starting("");
    engine.begin_calls().unwrap();
    let other = desk.manager("");
    other.store.take_epoch(&other.world.proc.own().unwrap(), other.world.now(), &[]).unwrap();
    let mut fenced = None;
    while let Some(done) = engine.calls.join_next().await {
        fenced = fenced.or(engine.finish(done.unwrap()).and_then(|()| engine.begin_calls()).err());
    }
    assert!(fenced.is_some() && other.store.check_runs().unwrap().iter().all(|run| run.results.is_empty()));
}
