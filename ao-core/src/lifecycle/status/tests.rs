//! Every row of the table, and what must hold for any facts.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::model::facts::{AgentFacts, Doubt, End, ExitFacts, Failure, Operation, Probe};
use crate::model::{ExitStatus, ProcessId};
use crate::slots::agent::{Activity, Strength};
use crate::slots::runtime::RuntimeHandle;

const MINUTE: i64 = 60_000;

fn at(minute: i64) -> Timestamp {
    Timestamp::from_millis(minute * MINUTE)
}

/// A session that was launched at minute 0.
fn launched() -> Session {
    let id: crate::model::SessionId = "ao-1".parse().unwrap();
    let mut session = Session::new(id.clone(), "app".parse::<crate::model::ProjectName>().unwrap(), "/app", at(0));
    let handle = RuntimeHandle::new("process".parse::<crate::model::PluginName>().unwrap(), id, "key", json!({}));
    session.runtime = Some(RuntimeFacts::new("/state/sessions/ao-1", handle, at(0)));
    session.agent = Some(AgentFacts::new(
        "command".parse::<crate::model::PluginName>().unwrap(),
        "fixer".parse::<crate::model::PluginName>().unwrap(),
    ));
    session
}

fn with_runtime(edit: impl FnOnce(&mut RuntimeFacts)) -> Session {
    let mut session = launched();
    edit(session.runtime.as_mut().unwrap());
    session
}

fn with_activity(state: ActivityState, since: i64) -> Session {
    let mut session = with_runtime(|runtime| runtime.process = Some(alive(since)));
    let agent = session.agent.as_mut().unwrap();
    agent.activity = Some(Activity::new(state, "screen", Strength::Weak, at(since)));
    agent.observed_at = Some(at(since));
    session
}

fn operation(kind: OperationKind) -> Operation {
    Operation::new(kind, "step", ProcessId { pid: 1, start: 1, boot: "b".into() }, at(1))
}

fn alive(minute: i64) -> Probe {
    Probe::new(Liveness::Alive, at(minute))
}

fn dead(minute: i64) -> Probe {
    Probe::new(Liveness::Dead { exit: None }, at(minute))
}

fn unknown(minute: i64) -> Probe {
    Probe::new(Liveness::Unknown { why: "tmux does not answer".into() }, at(minute))
}

fn exited(code: i32) -> ExitFacts {
    ExitFacts::new(ExitStatus::Code { code }, at(2))
}

fn name_at(session: &Session, minute: i64) -> StatusName {
    status(session, at(minute), &Policy::default()).name
}

#[test]
fn an_end_decides_whatever_else_is_known() {
    for (kind, name) in [
        (EndKind::Killed, StatusName::Killed),
        (EndKind::Merged, StatusName::Merged),
        (EndKind::Done, StatusName::Done),
    ] {
        let mut session = with_runtime(|runtime| runtime.exit = Some(exited(1)));
        session.op = Some(operation(OperationKind::Kill));
        session.end = Some(End::new(kind, at(3)));
        assert_eq!(name_at(&session, 4), name);
    }
}

#[test]
fn operations_come_before_what_is_seen() {
    let mut session = with_runtime(|runtime| runtime.exit = Some(exited(0)));
    session.op = Some(operation(OperationKind::Kill));
    assert_eq!(name_at(&session, 4), StatusName::Cleanup);
    session.op = Some(operation(OperationKind::Spawn));
    assert_eq!(name_at(&session, 4), StatusName::Spawning);
    session.failure = Some(Failure::new("worktree_add", "no space", at(2)));
    assert_eq!(name_at(&session, 4), StatusName::Errored);
    session.op = Some(operation(OperationKind::Send));
    session.failure = None;
    assert_eq!(name_at(&session, 4), StatusName::Dead, "a delivery hides nothing");
}

#[test]
fn a_rebuilt_session_is_orphaned_and_a_paused_one_may_still_die() {
    let mut session = with_runtime(|runtime| runtime.exit = Some(exited(1)));
    session.hold = Some(Hold::new(HoldReason::Rebuild, at(1)));
    assert_eq!(name_at(&session, 4), StatusName::Orphaned);
    session.hold = Some(Hold::new(HoldReason::Paused, at(1)));
    assert_eq!(name_at(&session, 4), StatusName::Dead);
    session.runtime.as_mut().unwrap().exit = None;
    assert_eq!(name_at(&session, 4), StatusName::Paused);
}

#[test]
fn an_exit_is_a_death_unless_it_completes() {
    let mut session = with_runtime(|runtime| runtime.exit = Some(exited(0)));
    assert_eq!(name_at(&session, 4), StatusName::Dead, "this agent should have stayed");
    session.agent.as_mut().unwrap().exit_meaning = ExitMeaning::Completion;
    assert_eq!(name_at(&session, 4), StatusName::Done);
    session.runtime.as_mut().unwrap().exit = Some(exited(1));
    assert_eq!(name_at(&session, 4), StatusName::Dead);
    let signalled = ExitFacts::new(ExitStatus::Signal { signal: 9 }, at(2));
    session.runtime.as_mut().unwrap().exit = Some(signalled);
    assert_eq!(name_at(&session, 4), StatusName::Dead);
}

#[test]
fn death_without_an_exit_needs_two_signals() {
    let seen = |process: Option<Probe>, plugin: Option<Probe>| {
        name_at(&with_runtime(|runtime| (runtime.process, runtime.plugin) = (process, plugin)), 3)
    };
    assert_eq!(seen(Some(dead(2)), Some(dead(2))), StatusName::Dead);
    for (process, plugin) in [
        (Some(dead(2)), None),
        (Some(dead(2)), Some(alive(2))),
        (Some(dead(2)), Some(unknown(2))),
        (None, Some(dead(2))),
        (Some(alive(2)), Some(dead(2))),
        (Some(unknown(2)), Some(dead(2))),
        (Some(unknown(2)), Some(alive(2))),
        (None, Some(unknown(2))),
    ] {
        assert_eq!(seen(process.clone(), plugin.clone()), StatusName::Detecting, "{process:?} {plugin:?}");
    }
    assert_eq!(seen(Some(alive(2)), Some(unknown(2))), StatusName::Working, "a live process outweighs a blind runtime");
}

#[test]
fn a_doubt_ends_as_stuck_by_time_or_by_count() {
    let doubted = |since, probes: u32| {
        with_runtime(|runtime| {
            runtime.process = Some(unknown(since));
            runtime.doubt = Some(Doubt::new(at(since), probes));
        })
    };
    assert_eq!(name_at(&doubted(1, 2), 2), StatusName::Detecting);
    assert_eq!(name_at(&doubted(1, 3), 2), StatusName::Stuck);
    assert_eq!(name_at(&doubted(1, 1), 5), StatusName::Detecting);
    assert_eq!(name_at(&doubted(1, 1), 6), StatusName::Stuck);
}

#[test]
fn a_living_agent_is_what_it_does() {
    for (state, minutes, name) in [
        (ActivityState::Active, 0, StatusName::Working),
        (ActivityState::Ready, 0, StatusName::Ready),
        (ActivityState::Idle, 9, StatusName::Idle),
        (ActivityState::Idle, 10, StatusName::Stuck),
        (ActivityState::WaitingInput, 0, StatusName::NeedsInput),
        (ActivityState::Blocked, 0, StatusName::Stuck),
        (ActivityState::Unknown, 0, StatusName::Working),
    ] {
        assert_eq!(name_at(&with_activity(state, 1), 1 + minutes), name, "{state:?} for {minutes} min");
    }
    let unobserved = status(&launched(), at(1), &Policy::default());
    assert_eq!((unobserved.name, unobserved.activity), (StatusName::Working, None));
}

#[test]
fn an_old_observation_says_so() {
    let session = with_activity(ActivityState::Active, 1);
    assert!(!status(&session, at(2), &Policy::default()).stale);
    let old = status(&session, at(3), &Policy::default());
    assert!(old.stale && old.name == StatusName::Working && old.observed_at == at(1));
}

fn probes() -> impl Strategy<Value = Option<Probe>> {
    prop_oneof![Just(None), Just(Some(alive(1))), Just(Some(dead(1))), Just(Some(unknown(1)))]
}

fn activities() -> impl Strategy<Value = Option<ActivityState>> {
    use ActivityState::{Active, Blocked, Exited, Idle, Ready, WaitingInput};
    let states = [Active, Ready, Idle, WaitingInput, Blocked, Exited, ActivityState::Unknown];
    proptest::option::of(proptest::sample::select(states.to_vec()))
}

proptest! {
    #[test]
    fn it_is_total_and_deterministic_and_unknown_never_kills(
        process in probes(),
        plugin in probes(),
        activity in activities(),
        paused: bool,
        now in 0_i64..10_000,
    ) {
        let mut session = activity.map_or_else(launched, |state| with_activity(state, 1));
        let runtime = session.runtime.as_mut().unwrap();
        (runtime.process, runtime.plugin) = (process.clone(), plugin.clone());
        session.hold = paused.then(|| Hold::new(HoldReason::Paused, at(1)));
        let found = status(&session, at(now), &Policy::default());
        prop_assert_eq!(&found, &status(&session, at(now), &Policy::default()));
        let both_dead = process == Some(dead(1)) && plugin == Some(dead(1));
        prop_assert_eq!(found.name == StatusName::Dead, both_dead, "{:?}", found);
    }
}
