//! Every row of the table, and what must hold for any facts.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::model::facts::{
    AgentFacts, Doubt, End, ExitFacts, ExitMeaning, Failure, IdleClock, Operation, Probe, PullFacts, ReportFacts,
    ReportState, RuntimeFacts,
};
use crate::model::{ExitStatus, ProcessId};
use crate::slots::agent::{Activity, Ask, RateLimit, Role, Strength};
use crate::slots::runtime::{Liveness, RuntimeHandle};
use crate::slots::scm::{Check, CheckState, PullRef, PullSnapshot, PullState, ReviewDecision};

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
    agent.sightings = 2;
    session
}

/// Idle since minute 1, watched ever since, until minute `until`.
fn idle(state: ActivityState, until: i64) -> Session {
    let mut session = with_activity(state, 1);
    let agent = session.agent.as_mut().unwrap();
    agent.idle = Some(IdleClock::new(at(1), u64::try_from((until - 1) * MINUTE).unwrap(), at(until)));
    agent.observed_at = Some(at(until));
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
    Probe::again(None, Liveness::Unknown { why: "tmux does not answer".into() }, at(minute))
}

fn exited(code: i32) -> ExitFacts {
    ExitFacts::new(ExitStatus::Code { code }, at(2))
}

fn name_at(session: &Session, minute: i64) -> StatusName {
    status(session, at(minute), &Policy::default()).name
}

#[test]
fn an_agent_that_its_provider_lets_wait_is_not_stuck_until_that_is_over() {
    let limited = |mut session: Session, until: Option<i64>| {
        let mut limit = RateLimit::new("usage limit reached");
        limit.until = until.map(at);
        session.agent.as_mut().unwrap().limit = Some(limit);
        session
    };
    let table: Vec<(Session, i64, StatusName, &str)> = vec![
        (idle(ActivityState::Idle, 30), 30, StatusName::Stuck, "no progress for 29 min"),
        (
            limited(idle(ActivityState::Idle, 30), Some(31)),
            30,
            StatusName::Idle,
            "its provider lets it wait until 1970-01-01T00:31:00.000Z: usage limit reached",
        ),
        (limited(idle(ActivityState::Idle, 31), Some(31)), 31, StatusName::Stuck, "no progress for 30 min"),
        (
            limited(idle(ActivityState::Idle, 60), None),
            60,
            StatusName::Idle,
            "its provider lets it wait: usage limit reached",
        ),
        (
            limited(with_activity(ActivityState::Active, 3), None),
            4,
            StatusName::Working,
            "its provider lets it wait: usage limit reached",
        ),
        (
            limited(with_activity(ActivityState::Blocked, 3), None),
            4,
            StatusName::Working,
            "its provider lets it wait: usage limit reached",
        ),
        (
            limited(with_activity(ActivityState::Blocked, 3), None),
            13,
            StatusName::Stuck,
            "the agent gave up 10 min ago: usage limit reached",
        ),
        (
            limited(with_activity(ActivityState::Blocked, 3), Some(31)),
            30,
            StatusName::Working,
            "its provider lets it wait until 1970-01-01T00:31:00.000Z: usage limit reached",
        ),
        (with_activity(ActivityState::Blocked, 3), 4, StatusName::Stuck, "the agent says that it cannot go on"),
    ];
    for (session, minute, name, reason) in table {
        let found = status(&session, at(minute), &Policy::default());
        assert_eq!((found.name, found.reason.as_str()), (name, reason));
    }
    let asks = limited(with_activity(ActivityState::WaitingInput, 3), None);
    assert_eq!(name_at(&asks, 4), StatusName::NeedsInput, "a question is a question all the same");
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
    let mut session = with_runtime(|runtime| (runtime.process, runtime.plugin) = (None, None));
    session.hold = Some(Hold::new(HoldReason::Rebuild, at(3)));
    assert_eq!(name_at(&session, 4), StatusName::Orphaned);
    session.runtime.as_mut().unwrap().process = Some(Probe::new(Liveness::Alive, at(2)));
    assert_eq!(name_at(&session, 4), StatusName::Orphaned, "that was before the state was lost");
    session.runtime.as_mut().unwrap().process = Some(Probe::new(Liveness::Alive, at(3)));
    assert_eq!(name_at(&session, 4), StatusName::Paused, "it lives, and waits for a word");
    session.runtime.as_mut().unwrap().exit = Some(exited(1));
    assert_eq!(name_at(&session, 4), StatusName::Dead, "what is over can be brought back");
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
    let doubted = |minutes: u64, probes: u32| {
        with_runtime(|runtime| {
            runtime.process = Some(unknown(1));
            let mut doubt = Doubt::new(at(1), probes);
            (doubt.elapsed_ms, doubt.at) = (minutes * 60_000, Some(at(2)));
            runtime.doubt = Some(doubt);
        })
    };
    assert_eq!(name_at(&doubted(1, 2), 2), StatusName::Detecting);
    assert_eq!(name_at(&doubted(1, 3), 2), StatusName::Stuck);
    assert_eq!(name_at(&doubted(4, 1), 2), StatusName::Detecting);
    assert_eq!(name_at(&doubted(5, 1), 2), StatusName::Stuck);
    assert_eq!(name_at(&doubted(1, 1), 1000), StatusName::Detecting, "the machine slept");
}

#[test]
fn a_living_agent_is_what_it_does() {
    for (state, minute, name) in [
        (ActivityState::Active, 30, StatusName::Working),
        (ActivityState::Ready, 5, StatusName::Ready),
        (ActivityState::Ready, 6, StatusName::Idle),
        (ActivityState::Ready, 11, StatusName::Stuck),
        (ActivityState::Idle, 10, StatusName::Idle),
        (ActivityState::Idle, 11, StatusName::Stuck),
        (ActivityState::WaitingInput, 2, StatusName::NeedsInput),
        (ActivityState::Blocked, 2, StatusName::Stuck),
        (ActivityState::Unknown, 2, StatusName::Working),
    ] {
        assert_eq!(name_at(&idle(state, minute), minute), name, "{state:?} until {minute}");
    }
    let unobserved = status(&launched(), at(1), &Policy::default());
    assert_eq!((unobserved.name, unobserved.activity), (StatusName::Working, None));
}

#[test]
fn who_may_rest_is_not_stuck() {
    let name = |role, said: Option<ReportState>| {
        let mut session = idle(ActivityState::Idle, 30);
        session.role = role;
        session.report = said.map(|state| ReportFacts::new("r", state, at(1)));
        name_at(&session, 30)
    };
    for (role, said, expected) in [
        (Role::Worker, None, StatusName::Stuck),
        (Role::Worker, Some(ReportState::Completed), StatusName::Stuck),
        (Role::Reviewer, None, StatusName::Stuck),
        (Role::Reviewer, Some(ReportState::Working), StatusName::Stuck),
        (Role::Reviewer, Some(ReportState::Completed), StatusName::Idle),
        (Role::Orchestrator, None, StatusName::Idle),
    ] {
        assert_eq!(name(role, said), expected, "{role:?} that said {said:?}");
    }
}

#[test]
fn a_machine_that_slept_makes_nobody_stuck() {
    let session = idle(ActivityState::Idle, 9);
    assert_eq!(name_at(&session, 1000), StatusName::Idle, "a minute was counted of 991");
    assert_eq!(name_at(&session, 0), StatusName::Idle, "a clock that was set back");
    let mut strict = idle(ActivityState::Idle, 2);
    assert_eq!(name_at(&strict, 2), StatusName::Idle);
    strict.stuck_after_ms = Some(60_000);
    assert_eq!(name_at(&strict, 2), StatusName::Stuck, "as configured for this one");
}

#[test]
fn a_weak_question_is_one_when_it_was_seen_twice() {
    let mut session = with_activity(ActivityState::WaitingInput, 1);
    session.agent.as_mut().unwrap().sightings = 1;
    assert_eq!(name_at(&session, 2), StatusName::Working);
    session.agent.as_mut().unwrap().sightings = 2;
    session.agent.as_mut().unwrap().ask = Some(Ask::new("1", "Overwrite?\u{1b}[31m [y/n]"));
    let found = status(&session, at(2), &Policy::default());
    assert_eq!((found.name, found.fact.as_str()), (StatusName::NeedsInput, "activity"));
    assert_eq!(found.reason, "the agent asks: Overwrite? [y/n]");
    session.agent.as_mut().unwrap().sightings = 1;
    session.agent.as_mut().unwrap().activity.as_mut().unwrap().strength = Strength::Strong;
    assert_eq!(name_at(&session, 2), StatusName::NeedsInput);
}

fn reported(mut session: Session, state: ReportState, minute: i64) -> Session {
    session.report = Some(ReportFacts::new("1", state, at(minute)));
    session
}

#[test]
fn a_report_counts_while_it_is_fresh() {
    let name = |state, minute, now| name_at(&reported(with_activity(ActivityState::Ready, 1), state, minute), now);
    assert_eq!(name(ReportState::FixingCi, 2, 7), StatusName::Working);
    assert_eq!(name(ReportState::FixingCi, 1, 7), StatusName::Ready, "too old");
    assert_eq!(name(ReportState::FixingCi, 8, 7), StatusName::Working, "a clock that is a minute ahead");
    assert_eq!(name(ReportState::FixingCi, 9, 7), StatusName::Ready, "ahead of all clocks");
    assert_eq!(name(ReportState::NeedsInput, 2, 7), StatusName::NeedsInput);
    for (state, expected) in ReportState::ALL.into_iter().zip([
        StatusName::Working,
        StatusName::Working,
        StatusName::Idle,
        StatusName::NeedsInput,
        StatusName::Working,
        StatusName::Working,
        StatusName::Idle,
        StatusName::Working,
        StatusName::Idle,
        StatusName::Idle,
    ]) {
        assert_eq!(name(state, 2, 7), expected, "{state}");
        assert_eq!(name(state, 1, 7), StatusName::Ready, "{state}, too old");
    }
    let exited = |code, state| reported(with_runtime(|runtime| runtime.exit = Some(exited(code))), state, 1);
    assert_eq!(name_at(&exited(0, ReportState::Completed), 100), StatusName::Done);
    assert_eq!(name_at(&exited(1, ReportState::Completed), 100), StatusName::Dead);
    assert_eq!(name_at(&exited(0, ReportState::Working), 100), StatusName::Dead);
}

/// A pull request with one required check that passed, and one that is not required and failed.
fn pull(state: PullState) -> PullFacts {
    let mut snapshot = PullSnapshot::new(PullRef::new(7_u64), state, "c0ffee");
    let mut required = Check::new("test", CheckState::Passed);
    required.required = true;
    snapshot.checks = vec![required, Check::new("lint", CheckState::Failed)];
    let scm: crate::model::PluginName = "forge".parse().unwrap();
    PullFacts::new(scm, "acme/app", snapshot, at(1))
}

fn with_pull(edit: impl FnOnce(&mut PullSnapshot)) -> Session {
    let mut session = with_activity(ActivityState::Ready, 1);
    let mut facts = pull(PullState::Open);
    edit(&mut facts.snapshot);
    session.pull = Some(facts);
    session
}

#[test]
fn a_pull_request_stands_as_its_gates_do() {
    let name = |edit: fn(&mut PullSnapshot)| name_at(&with_pull(edit), 2);
    assert_eq!(name(|_| {}), StatusName::PrOpen, "conflicts are not computed yet");
    assert_eq!(name(|pull| pull.checks[0].state = CheckState::Failed), StatusName::CiFailed);
    assert_eq!(name(|pull| pull.decision = ReviewDecision::ChangesRequested), StatusName::ChangesRequested);
    assert_eq!(name(|pull| pull.decision = ReviewDecision::Wanted), StatusName::ReviewPending);
    assert_eq!(name(|pull| pull.decision = ReviewDecision::Approved), StatusName::Approved);
    assert_eq!(name(|pull| pull.conflicts = Some(Vec::new())), StatusName::Mergeable);
    assert_eq!(name(|pull| (pull.conflicts, pull.draft) = (Some(Vec::new()), true)), StatusName::PrOpen);
    let pending = |pull: &mut PullSnapshot| {
        (pull.conflicts, pull.checks[0].state) = (Some(Vec::new()), CheckState::Pending);
    };
    assert_eq!(name(pending), StatusName::PrOpen);
    assert_eq!(name(|pull| pull.state = PullState::Closed), StatusName::Idle);
    let conflicting = status(&with_pull(|pull| pull.conflicts = Some(vec!["a".into()])), at(2), &Policy::default());
    assert_eq!(conflicting.name, StatusName::PrOpen);
    assert_eq!(conflicting.reason, "#7: 1 file conflicts with the base");
}

/// A row: its name, what makes it match, what it says.
type Row = (&'static str, fn(&mut Session), StatusName);

/// What makes each row match, the first row first, with what it says. A later one never undoes an earlier one.
fn rows() -> Vec<Row> {
    fn pull_mut(session: &mut Session) -> &mut PullSnapshot {
        &mut session.pull.get_or_insert_with(|| pull(PullState::Open)).snapshot
    }
    fn activity_is(session: &mut Session, state: ActivityState) {
        let agent = session.agent.as_mut().unwrap();
        agent.activity = Some(Activity::new(state, "hook", Strength::Strong, at(1)));
        agent.observed_at = Some(at(4));
    }
    vec![
        ("1 end", |session| session.end = Some(End::new(EndKind::Killed, at(3))), StatusName::Killed),
        ("2 kill", |session| session.op = Some(operation(OperationKind::Kill)), StatusName::Cleanup),
        ("3 undone", |session| session.failure = Some(Failure::new("step", "why", at(2))), StatusName::Errored),
        ("3 spawn", |session| session.op = Some(operation(OperationKind::Spawn)), StatusName::Spawning),
        (
            "4 rebuild",
            |session| {
                session.hold = Some(Hold::new(HoldReason::Rebuild, at(3)));
                // An end that was written down would have been read again.
                session.runtime.as_mut().unwrap().exit = None;
            },
            StatusName::Orphaned,
        ),
        ("5 merged", |session| pull_mut(session).state = PullState::Merged, StatusName::Merged),
        ("6 exit", |session| session.runtime.as_mut().unwrap().exit = Some(exited(1)), StatusName::Dead),
        ("7 doubt", |session| session.runtime.as_mut().unwrap().process = Some(unknown(2)), StatusName::Detecting),
        ("8 hold", |session| session.hold = Some(Hold::new(HoldReason::Paused, at(1))), StatusName::Paused),
        ("9 question", |session| activity_is(session, ActivityState::WaitingInput), StatusName::NeedsInput),
        ("10 blocked", |session| activity_is(session, ActivityState::Blocked), StatusName::Stuck),
        ("11 red", |session| pull_mut(session).checks[0].state = CheckState::Failed, StatusName::CiFailed),
        (
            "11 changes",
            |session| pull_mut(session).decision = ReviewDecision::ChangesRequested,
            StatusName::ChangesRequested,
        ),
        ("11 conflicts", |session| pull_mut(session).conflicts = Some(vec!["a".into()]), StatusName::PrOpen),
        (
            "12 green",
            |session| {
                let pull = pull_mut(session);
                (pull.conflicts, pull.decision) = (Some(Vec::new()), ReviewDecision::Approved);
            },
            StatusName::Mergeable,
        ),
        ("12 approved", |session| pull_mut(session).decision = ReviewDecision::Approved, StatusName::Approved),
        ("12 wanted", |session| pull_mut(session).decision = ReviewDecision::Wanted, StatusName::ReviewPending),
        (
            "13 no progress",
            |session| {
                activity_is(session, ActivityState::Idle);
                session.agent.as_mut().unwrap().idle = Some(IdleClock::new(at(1), 900_000_u64, at(4)));
            },
            StatusName::Stuck,
        ),
        ("14 open", |session| pull_mut(session).draft = false, StatusName::PrOpen),
        (
            "15 report",
            |session| session.report = Some(ReportFacts::new("1", ReportState::Working, at(4))),
            StatusName::Working,
        ),
        ("16 seen", |session| activity_is(session, ActivityState::Ready), StatusName::Ready),
    ]
}

#[test]
fn every_row_decides_and_comes_before_all_that_follow() {
    let rows = rows();
    for (index, (row, apply, expected)) in rows.iter().enumerate() {
        let mut alone = launched();
        apply(&mut alone);
        assert_eq!(name_at(&alone, 4), *expected, "row {row}");
        for (later, apply_later, _) in &rows[index + 1..] {
            let mut both = launched();
            apply_later(&mut both);
            apply(&mut both);
            // One fact cannot be two things at once: what two rows both set is the earlier row's.
            assert_eq!(name_at(&both, 4), *expected, "row {row} with {later}");
        }
    }
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
        let looks = [&process, &plugin].map(|probe| probe.as_ref().map(Probe::now));
        if looks.iter().any(|look| matches!(look, Some(Liveness::Unknown { .. }))) {
            prop_assert!(found.name.is_live(), "{:?}", found);
        }
    }
}
