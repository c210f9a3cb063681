//! What looks leave behind: nothing that was seen is lost to one that told nothing.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::lifecycle::{Policy, StatusName, status};
use crate::model::facts::{
    AgentFacts, End, EndKind, ExitFacts, IdleClock, ReportState, Reporter, RuntimeFacts, Session, WorkspaceFacts,
};
use crate::model::spool::Report;
use crate::model::{ExitStatus, PluginName, Timestamp};
use crate::slots::agent::{Activity, ActivityState, AgentObservation, Ask, Strength};
use crate::slots::runtime::{Liveness, RuntimeHandle};
use crate::slots::scm::{Check, CheckState, PullFound, PullRef, PullSnapshot, PullState, ReviewDecision};
use crate::slots::workspace::{Presence, WorkspaceObservation};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

fn plugin(name: &str) -> PluginName {
    name.parse().unwrap()
}

fn launched() -> Session {
    let id: crate::model::SessionId = "ao-1".parse().unwrap();
    let mut session = Session::new(id.clone(), "app".parse::<crate::model::ProjectName>().unwrap(), "/app", at(0));
    session.runtime =
        Some(RuntimeFacts::new("/sessions/ao-1", RuntimeHandle::new(plugin("tmux"), id, "key", json!({})), at(0)));
    session.agent = Some(AgentFacts::new(plugin("command"), plugin("fixer")));
    session
}

fn dead() -> Liveness {
    Liveness::Dead { exit: None }
}

fn unknown() -> Liveness {
    Liveness::Unknown { why: "no answer".to_owned() }
}

/// One look at both witnesses.
fn look(session: &mut Session, table: Liveness, says: Liveness, now: Timestamp) {
    let facts = session.runtime.as_mut().unwrap();
    process(facts, ProcessSight { liveness: Some(table), ..ProcessSight::default() }, now);
    runtime(facts, says, now, &Policy::default());
}

fn name(session: &Session, now: Timestamp) -> StatusName {
    status(session, now, &Policy::default()).name
}

#[test]
fn what_was_seen_stays_when_a_look_tells_nothing() {
    let mut session = launched();
    look(&mut session, Liveness::Alive, Liveness::Alive, at(10));
    look(&mut session, Liveness::Alive, unknown(), at(20));
    let probe = session.runtime.as_ref().unwrap().plugin.clone().unwrap();
    assert_eq!((&probe.liveness, probe.at, probe.now()), (&Liveness::Alive, at(10), unknown()));
    assert_eq!((probe.since(), probe.looked_at()), (at(20), at(20)));
    look(&mut session, Liveness::Alive, unknown(), at(30));
    let probe = session.runtime.as_ref().unwrap().plugin.clone().unwrap();
    assert_eq!((probe.since(), probe.looked_at()), (at(20), at(30)));
    look(&mut session, Liveness::Alive, Liveness::Alive, at(40));
    let probe = session.runtime.as_ref().unwrap().plugin.clone().unwrap();
    assert_eq!((probe.now(), probe.since(), probe.at), (Liveness::Alive, at(10), at(40)));

    let facts = session.agent.as_mut().unwrap();
    let mut seen = AgentObservation::new("ao-1".parse::<crate::model::SessionId>().unwrap());
    seen.activity = Some(Activity::new(ActivityState::Ready, "screen", Strength::Weak, at(10)));
    agent(facts, &seen, Taken::at(at(10)), &Policy::default());
    (seen.activity, seen.unknown) = (None, Some("no screen".to_owned()));
    agent(facts, &seen, Taken::at(at(20)), &Policy::default());
    assert_eq!(facts.activity.as_ref().map(|activity| activity.state), Some(ActivityState::Ready));
    assert_eq!((facts.observed_at, facts.unseen.as_ref().map(|unseen| unseen.at)), (Some(at(10)), Some(at(20))));

    let mut facts =
        WorkspaceFacts::new(plugin("worktree"), "/w", "ao/ao-1".parse::<crate::model::BranchName>().unwrap());
    workspace(&mut facts, &WorkspaceObservation::new("/w", Presence::Present), at(10));
    workspace(&mut facts, &WorkspaceObservation::new("/w", Presence::Unknown { why: "busy".to_owned() }), at(20));
    assert_eq!(facts.look.as_ref().map(|look| look.at), Some(at(10)));
    assert_eq!(facts.unseen.as_ref().map(|unseen| unseen.why.as_str()), Some("busy"));
}

#[test]
fn a_doubt_counts_looks_that_are_apart_and_begins_again_with_other_evidence() {
    let mut session = launched();
    for millis in [10_000, 10_100, 10_200, 14_900] {
        look(&mut session, dead(), Liveness::Alive, Timestamp::from_millis(millis));
    }
    assert_eq!(session.runtime.as_ref().unwrap().doubt.as_ref().unwrap().probes, 1, "a burst of wake-ups is one look");
    look(&mut session, dead(), Liveness::Alive, at(15));
    assert_eq!(name(&session, at(15)), StatusName::Detecting);
    look(&mut session, dead(), unknown(), at(20));
    let doubt = session.runtime.as_ref().unwrap().doubt.clone().unwrap();
    assert_eq!((doubt.probes, doubt.since), (1, at(20)), "another doubt");
    look(&mut session, dead(), unknown(), at(50));
    look(&mut session, dead(), unknown(), at(80));
    assert_eq!(name(&session, at(80)), StatusName::Stuck);
    look(&mut session, Liveness::Alive, Liveness::Alive, at(110));
    assert_eq!(session.runtime.as_ref().unwrap().doubt, None);
    assert_eq!(name(&session, at(110)), StatusName::Working, "it heals");
}

#[test]
fn an_exit_settles_everything() {
    let mut session = launched();
    look(&mut session, dead(), unknown(), at(10));
    let facts = session.runtime.as_mut().unwrap();
    let exit = Some(ExitFacts::new(ExitStatus::Code { code: 1 }, at(9)));
    process(facts, ProcessSight { exit, ..ProcessSight::default() }, at(20));
    runtime(facts, unknown(), at(20), &Policy::default());
    assert_eq!(facts.doubt, None);
    assert_eq!(name(&session, at(20)), StatusName::Dead);
}

#[test]
fn idleness_is_counted_from_look_to_look() {
    let mut facts = AgentFacts::new(plugin("command"), plugin("fixer"));
    let mut seen = AgentObservation::new("ao-1".parse::<crate::model::SessionId>().unwrap());
    seen.activity = Some(Activity::new(ActivityState::Ready, "screen", Strength::Weak, at(100)));
    let mut elapsed = |now| {
        agent(&mut facts, &seen, Taken::at(now), &Policy::default());
        facts.idle.as_ref().map(|clock| Duration::from_millis(clock.elapsed_ms).as_secs())
    };
    assert_eq!(elapsed(at(110)), Some(10));
    assert_eq!(elapsed(at(140)), Some(40));
    assert_eq!(elapsed(at(100_000)), Some(100), "the machine slept; two resyncs count");
    assert_eq!(elapsed(at(50)), Some(100), "a clock that was set back adds nothing");
    assert_eq!(elapsed(at(80)), Some(130));
    seen.activity.as_mut().unwrap().since = at(90);
    agent(&mut facts, &seen, Taken::at(at(95)), &Policy::default());
    assert_eq!(facts.idle.as_ref().map(|clock| clock.elapsed_ms), Some(5000), "another idleness");
    assert_eq!(facts.sightings, 6, "in the same state all along");
    seen.activity.as_mut().unwrap().state = ActivityState::Active;
    agent(&mut facts, &seen, Taken::at(at(96)), &Policy::default());
    assert_eq!((facts.idle, facts.sightings), (None, 1));
}

#[test]
fn what_was_waited_for_is_no_more_once_it_was_told() {
    use ActivityState::{Active, Blocked, Idle, Ready, WaitingInput};
    let doing = |state, seen: i64| {
        let mut facts = AgentFacts::new(plugin("fake"), plugin("fake"));
        facts.activity = Some(Activity::new(state, "screen", Strength::Strong, at(0)));
        (facts.observed_at, facts.sightings) = (Some(at(seen)), 3);
        facts.idle = Some(IdleClock::new(at(0), 5_u64, at(seen)));
        facts.ask = (state == WaitingInput).then(|| Ask::new("a-1", "May I?"));
        facts
    };
    let after = |mut facts: AgentFacts, told: Told<'_>| {
        agent_told(&mut facts, told, at(20));
        facts
    };
    for (state, told, source) in [
        (Ready, Told::Message, "message"),
        (Idle, Told::Message, "message"),
        (WaitingInput, Told::Answer("a-1"), "answer"),
    ] {
        let facts = after(doing(state, 10), told);
        assert_eq!(facts.activity, Some(Activity::new(Active, source, Strength::Weak, at(20))), "{state:?}");
        assert_eq!((facts.observed_at, facts.sightings, facts.idle, facts.ask), (Some(at(20)), 0, None, None));
    }
    for (state, seen, told) in [
        (Active, 10, Told::Message),
        (Blocked, 10, Told::Message),
        (WaitingInput, 10, Told::Message),
        (WaitingInput, 10, Told::Answer("a-2")),
        (Ready, 10, Told::Answer("a-1")),
        (Ready, 21, Told::Message),
    ] {
        let facts = doing(state, seen);
        assert_eq!(after(facts.clone(), told), facts, "{state:?} seen at {seen}, {told:?}");
    }
}

#[test]
fn a_look_that_was_overtaken_tells_nothing_of_the_activity() {
    let mut seen = AgentObservation::new("ao-1".parse::<crate::model::SessionId>().unwrap());
    seen.activity = Some(Activity::new(ActivityState::Ready, "screen", Strength::Weak, at(0)));
    seen.agent_session = Some("c-1".to_owned());
    // It began, was written down, and the agent was told something.
    for (began, now, told, wanted) in [
        (10, 30, 20, ActivityState::Active),
        (20, 30, 20, ActivityState::Ready),
        (25, 30, 20, ActivityState::Ready),
        (10, 30, 50, ActivityState::Ready),
    ] {
        let mut facts = AgentFacts::new(plugin("fake"), plugin("fake"));
        agent(&mut facts, &seen, Taken::at(at(5)), &Policy::default());
        agent_told(&mut facts, Told::Message, at(told));
        agent(&mut facts, &seen, Taken { began: at(began), now: at(now) }, &Policy::default());
        assert_eq!(facts.activity.map(|activity| activity.state), Some(wanted), "{began}, {now}, {told}");
        assert_eq!(facts.agent_session.as_deref(), Some("c-1"));
    }
}

#[test]
fn a_hook_tells_of_one_thing_and_leaves_the_rest() {
    let mut facts = AgentFacts::new(plugin("command"), plugin("fixer"));
    (facts.cursor, facts.summary) = (Some(json!(5)), Some("the parser".to_owned()));
    let mut seen = AgentObservation::new("ao-1".parse::<crate::model::SessionId>().unwrap());
    seen.activity = Some(Activity::new(ActivityState::WaitingInput, "hook", Strength::Strong, at(100)));
    hook(&mut facts, &seen, at(101), &Policy::default());
    assert_eq!(facts.activity, seen.activity);
    let mut seen = AgentObservation::new("ao-1".parse::<crate::model::SessionId>().unwrap());
    (seen.agent_session, seen.unknown) = (Some("c0ffee".to_owned()), Some("only an id".to_owned()));
    hook(&mut facts, &seen, at(102), &Policy::default());
    assert_eq!(facts.activity.as_ref().map(|seen| seen.state), Some(ActivityState::WaitingInput));
    assert_eq!((facts.cursor, facts.unseen, facts.observed_at), (Some(json!(5)), None, Some(at(101))));
    assert_eq!((facts.summary.as_deref(), facts.agent_session.as_deref()), (Some("the parser"), Some("c0ffee")));
}

#[test]
fn a_report_is_of_this_launch_and_the_latest_counts() {
    let mut session = launched();
    let runtime = session.runtime.as_mut().unwrap();
    (runtime.launch, runtime.launched_at) = (2, at(100));
    let mut said = Report::new(ReportState::NeedsInput);
    said.note = "which\u{1b}[31m one?".to_owned();
    assert_eq!(report(&mut session, "1", &said, Reporter::Agent, at(99)), Err(ReportRefusal::FormerLaunch));
    report(&mut session, "2", &said, Reporter::Agent, at(120)).unwrap();
    report(&mut session, "3", &Report::new(ReportState::Working), Reporter::Agent, at(110)).unwrap();
    let facts = session.report.clone().unwrap();
    assert_eq!((facts.id.as_str(), facts.state, facts.note.as_str()), ("2", ReportState::NeedsInput, "which one?"));
    assert_eq!(name(&session, at(121)), StatusName::NeedsInput);
    session.end = Some(End::new(EndKind::Killed, at(130)));
    assert_eq!(report(&mut session, "4", &said, Reporter::Agent, at(140)), Err(ReportRefusal::Ended));
}

fn found(number: u64, state: PullState) -> PullFound {
    PullFound::Found { snapshot: Box::new(PullSnapshot::new(PullRef::new(number), state, "head")) }
}

/// What a pull request that looks like this is news of, after `session` had what it has.
fn told(session: &mut Session, snapshot: PullSnapshot) -> Vec<&'static str> {
    let before = session.pull.clone();
    pull(session, &plugin("forge"), "acme/app", &PullFound::Found { snapshot: Box::new(snapshot) }, at(10));
    pull_news(before.as_ref(), session.pull.as_ref()).iter().map(|data| data.kind().as_str()).collect()
}

#[test]
fn each_change_of_a_pull_request_is_told_once() {
    let mut session = launched();
    let mut snapshot = PullSnapshot::new(PullRef::new(7_u64), PullState::Open, "a");
    assert_eq!(told(&mut session, snapshot.clone()), ["pr.opened"]);
    assert_eq!(told(&mut session, snapshot.clone()), [""; 0]);
    snapshot.checks = vec![Check::new("build", CheckState::Pending), Check::new("lint", CheckState::Passed)];
    assert_eq!(told(&mut session, snapshot.clone()), ["check.changed"]);
    snapshot.checks.reverse();
    assert_eq!(told(&mut session, snapshot.clone()), [""; 0], "the order of checks is nobody's");
    snapshot.checks[1].state = CheckState::Failed;
    (snapshot.head, snapshot.decision) = ("b".to_owned(), ReviewDecision::ChangesRequested);
    assert_eq!(told(&mut session, snapshot.clone()), ["pr.updated", "check.changed", "review.changed"]);
    snapshot.state = PullState::Closed;
    assert_eq!(told(&mut session, snapshot.clone()), ["pr.closed"]);
    snapshot.state = PullState::Open;
    assert_eq!(told(&mut session, snapshot.clone()), ["pr.opened"], "once more");
    snapshot.state = PullState::Merged;
    assert_eq!(told(&mut session, snapshot.clone()), ["pr.merged"]);
    snapshot.state = PullState::Open;
    assert_eq!(told(&mut session, snapshot), [""; 0], "an old answer");
    let other = PullSnapshot::new(PullRef::new(8_u64), PullState::Open, "c");
    assert_eq!(told(&mut session, other), ["pr.opened"], "another one");
}

#[test]
fn a_number_is_of_a_repository() {
    let mut session = launched();
    pull(&mut session, &plugin("forge"), "acme/app", &found(7, PullState::Merged), at(10));
    pull(&mut session, &plugin("forge"), "acme/moved", &found(7, PullState::Open), at(20));
    let facts = session.pull.unwrap();
    assert_eq!((facts.snapshot.state, facts.since), (PullState::Open, Some(at(20))));
}

proptest! {
    #[test]
    fn a_merged_pull_request_never_regresses(
        answers in proptest::collection::vec(0..5_u8, 1..20),
    ) {
        let mut session = launched();
        let mut merged = false;
        for (second, answer) in answers.into_iter().enumerate() {
            let found = match answer {
                0 => found(7, PullState::Open),
                1 => found(7, PullState::Closed),
                2 => found(7, PullState::Merged),
                3 => PullFound::Absent,
                _ => PullFound::Unknown { why: "no network".to_owned() },
            };
            merged |= answer == 2;
            let now = at(i64::try_from(second).unwrap());
            pull(&mut session, &plugin("forge"), "acme/app", &found, now);
            prop_assert_eq!(name(&session, now) == StatusName::Merged, merged);
        }
    }

    #[test]
    fn ten_thousand_looks_that_tell_nothing_kill_nobody(
        looks in proptest::collection::vec((0..3_u8, 0..3_u8, -100_000..1_000_000_i64), 1..60),
    ) {
        let mut session = launched();
        let mut now = at(1000);
        for (table, says, step) in looks {
            now = Timestamp::from_millis(now.as_millis() + step);
            let of = |answer| match answer { 0 => Liveness::Alive, 1 => unknown(), _ => dead() };
            // At most one of the two ever says dead.
            let (table, says) = if table == 2 { (dead(), if says == 2 { unknown() } else { of(says) }) } else { (of(table), of(says)) };
            look(&mut session, table, says, now);
            prop_assert!(name(&session, now).is_live());
        }
    }
}
