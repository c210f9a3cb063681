//! Runs of checks in the store: what is written, found again, only ever added to, and fenced.

use ao_core::model::event::{CheckRunStarted, EventData, EventKind};
use ao_core::model::{CheckName, CheckResult, CheckRun, ProjectName, RunState, Timestamp};
use ao_core::slots::scm::CheckState;
use ao_host::store::{EventFilter, Fence, Reader, SqliteReader, Store, StoreError};
use ao_host::world::Proc;

use super::scratch::Scratch;

fn run(id: &str, commit: &str, requested: i64) -> CheckRun {
    let names = ["a", "b"].map(|name| name.parse::<CheckName>().unwrap());
    let app: ProjectName = "app".parse().unwrap();
    CheckRun::new(id, app, "/p", commit, "digest", names, Timestamp::from_millis(requested), RunState::Waiting)
}

fn result(name: &str, state: CheckState) -> CheckResult {
    let mut result = CheckResult::new(
        name.parse::<CheckName>().unwrap(),
        state,
        Timestamp::from_millis(5),
        Timestamp::from_millis(6),
    );
    (result.why, result.log) = (Some("why".to_owned()), Some("/logs/a.log".into()));
    result
}

fn ids(runs: &[CheckRun]) -> Vec<&str> {
    runs.iter().map(|run| run.id.as_str()).collect()
}

#[test]
fn a_run_is_found_again_as_it_was_written() {
    let scratch = Scratch::new();
    assert_eq!(SqliteReader::open(&scratch.db()).unwrap().check_runs().unwrap(), [], "where there is no store");
    let store = scratch.store();
    for (id, commit, requested) in [("03", "x", 1), ("01", "y", 2), ("02", "x", 2)] {
        store.add_check_run(Fence::None, &run(id, commit, requested), &[]).unwrap();
    }
    let reader = SqliteReader::open(&scratch.db()).unwrap();
    assert_eq!(ids(&reader.check_runs().unwrap()), ["03", "01", "02"], "as they were asked for");
    assert_eq!(ids(&reader.check_runs_of("/p".into(), "x").unwrap()), ["03", "02"]);
    assert_eq!(reader.check_runs_of("/q".into(), "x").unwrap(), []);
    let changed = store.change_check_run(Fence::None, "03", &mut |run| {
        (run.state, run.attempt) = (RunState::Running, 1);
        assert!(run.add(result("a", CheckState::Failed)));
        let event = EventData::CheckStarted(CheckRunStarted::new("x", "03", []));
        vec![scratch.world().event(None, event)]
    });
    let changed = changed.unwrap().unwrap();
    assert_eq!(reader.check_run("03").unwrap(), Some(changed.clone()));
    assert_eq!(changed.results, [result("a", CheckState::Failed)]);
    assert_eq!(ids(&reader.open_check_runs().unwrap()), ["03", "01", "02"]);
    store
        .change_check_run(Fence::None, "03", &mut |run| {
            run.state = RunState::Ended;
            Vec::new()
        })
        .unwrap();
    assert_eq!(ids(&reader.open_check_runs().unwrap()), ["01", "02"]);
    let told = store.events(&EventFilter::default()).unwrap();
    assert_eq!(told.iter().filter(|event| event.kind == EventKind::CheckStarted).count(), 1);
    assert_eq!(store.change_check_run(Fence::None, "04", &mut |_| Vec::new()).unwrap(), None);
    store.forget_check_run(Fence::None, "03").unwrap();
    assert_eq!(reader.check_run("03").unwrap(), None);
    store.add_check_run(Fence::None, &run("03", "x", 1), &[]).unwrap();
    assert_eq!(reader.check_run("03").unwrap().unwrap().results, [], "what it found was forgotten with it");
}

#[test]
fn a_verdict_stays_what_it_was() {
    let scratch = Scratch::new();
    let store = scratch.store();
    store.add_check_run(Fence::None, &run("01", "x", 1), &[]).unwrap();
    let put = |found: CheckResult| {
        store
            .change_check_run(Fence::None, "01", &mut |run| {
                run.results = vec![found.clone()];
                Vec::new()
            })
            .unwrap();
    };
    put(result("a", CheckState::Failed));
    put(result("a", CheckState::Passed));
    put(result("b", CheckState::Passed));
    let states: Vec<_> = store.check_run("01").unwrap().unwrap().results.iter().map(|found| found.state).collect();
    assert_eq!(states, [CheckState::Failed, CheckState::Passed]);
    let mut known = run("01", "x", 1);
    assert!(known.add(result("a", CheckState::Passed)) && !known.add(result("a", CheckState::Failed)));
    assert!(!known.add(result("other", CheckState::Passed)), "that is none of its checks");
}

#[test]
fn a_host_that_was_replaced_writes_no_verdict() {
    let scratch = Scratch::new();
    let (store, world) = (scratch.store(), scratch.world());
    let own = scratch.fake.proc.own().unwrap();
    let first = store.take_epoch(&own, world.now(), &[]).unwrap();
    store.add_check_run(Fence::Epoch(first), &run("01", "x", 1), &[]).unwrap();
    store.take_epoch(&own, world.now(), &[]).unwrap();
    let late = Fence::Epoch(first);
    let refused = [
        store.add_check_run(late, &run("02", "x", 1), &[]),
        store
            .change_check_run(late, "01", &mut |run| {
                run.add(result("a", CheckState::Passed));
                Vec::new()
            })
            .map(drop),
        store.forget_check_run(late, "01"),
    ];
    for refused in refused {
        assert!(matches!(refused, Err(StoreError::Fenced { .. })), "{refused:?}");
    }
    assert_eq!(store.check_runs().unwrap(), [run("01", "x", 1)]);
}
