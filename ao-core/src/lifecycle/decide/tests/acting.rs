//! What is done, what is done in its place, and what is not.

use super::*;

#[test]
fn what_fails_is_tried_again_and_then_told() {
    let mut world = World::new("changes-requested: { retries: 9 }");
    world.edit(|s| pull(s).decision = ReviewDecision::ChangesRequested);
    let mut deeds = Vec::new();
    for _ in 0..12 {
        let due = world.tick();
        world.settle(&due, &fail());
        deeds.extend(due.into_iter().map(|intent| intent.deed));
    }
    assert_eq!(deeds.len(), 4, "{deeds:?}");
    assert!(deeds[..3].iter().all(|deed| *deed == Deed::Send));
    assert!(
        matches!(&deeds[3], Deed::Notify { priority: Priority::Urgent, told: Told::Escalated { why } } if why.contains("no room"))
    );
}

#[test]
fn what_was_refused_or_is_uncertain_is_told_and_never_repeated() {
    let why = || "the base is checked out".to_owned();
    for outcome in [Outcome::Refused { why: why() }, Outcome::Uncertain { why: why() }, Outcome::Unknown] {
        let mut world = World::new("approved-and-green: { action: auto-merge, auto: true }");
        world.edit(|s| set(s, "test", CheckState::Passed));
        let due = world.tick();
        assert_eq!(due.iter().map(|intent| &intent.deed).collect::<Vec<_>>(), [&merge("head1")]);
        assert_eq!(world.tick(), [], "it is on its way");
        world.settle(&due, &outcome);
        let next = world.done(30);
        assert!(next.len() == 1 && is_escalation(&next[0]), "{next:?}");
    }
}

fn merge(head: &str) -> Deed {
    Deed::Merge { number: 7, head: head.to_owned() }
}

#[test]
fn only_what_is_green_at_its_head_is_merged_and_once() {
    type Edit = fn(&mut PullSnapshot);
    let in_the_way: [Edit; 8] = [
        |pull| pull.draft = true,
        |pull| pull.state = PullState::Closed,
        |pull| pull.checks[0].state = CheckState::Pending,
        |pull| pull.checks[0].state = CheckState::Unknown,
        |pull| pull.decision = ReviewDecision::Wanted,
        |pull| pull.decision = ReviewDecision::Unknown,
        |pull| pull.conflicts = None,
        |pull| pull.conflicts = Some(vec!["a".to_owned()]),
    ];
    let green = || {
        let mut world = World::new("approved-and-green: { action: auto-merge, auto: true }");
        world.edit(|s| set(s, "test", CheckState::Passed));
        world
    };
    for (row, edit) in in_the_way.into_iter().enumerate() {
        let mut world = green();
        world.edit(|s| edit(pull(s)));
        let merges = world.done(10).iter().filter(|intent| matches!(intent.deed, Deed::Merge { .. })).count();
        assert_eq!(merges, 0, "{row}");
    }
    let mut world = green();
    let due = world.tick();
    assert_eq!((due.len(), &due[0].deed, due[0].deed.class()), (1, &merge("head1"), EffectClass::Lookup));
    let valid =
        |world: &mut World| world.with(|_, facts, status, rules, now| validity(&due[0], facts, status, rules, now));
    assert_eq!(valid(&mut world), Validity::Valid);
    world.edit(|s| pull(s).head = "head2".to_owned());
    assert!(matches!(valid(&mut world), Validity::Superseded(_)), "the head moved");
    world.settle(&due, &Outcome::Superseded { why: "the head moved".to_owned() });
    let next = world.tick();
    assert_eq!((next[0].deed.clone(), next[0].attempt), (merge("head2"), 1), "what was superseded was no attempt");
    world.settle(&next, &Outcome::Done);
    assert_eq!(world.done(50), []);
    let mut asked = World::new("approved-and-green: { action: auto-merge }");
    asked.edit(|s| set(s, "test", CheckState::Passed));
    let due = asked.done(50);
    assert!(
        matches!(&due[..], [only] if matches!(&only.deed, Deed::Notify { priority: Priority::Action, told: Told::Instead { .. } }))
    );
}

#[test]
fn an_intent_is_held_or_superseded_right_before_its_effect() {
    let mut world = World::new("");
    world.edit(|s| set(s, "test", CheckState::Failed));
    let due = world.tick();
    let mut check = |edit: fn(&mut Session)| {
        let before = world.session.clone();
        edit(&mut world.session);
        let found = world.with(|_, facts, status, rules, now| validity(&due[0], facts, status, rules, now));
        world.session = before;
        found
    };
    assert_eq!(check(|_| ()), Validity::Valid);
    assert!(matches!(check(|s| s.op = Some(operation(OperationKind::Kill))), Validity::Held(_)), "somebody acts on it");
    assert!(matches!(check(|s| s.hold = Some(held())), Validity::Held(_)));
    for edit in [
        |s: &mut Session| set(s, "test", CheckState::Pending),
        |s: &mut Session| set(s, "test", CheckState::Passed),
        |s: &mut Session| set(s, "build", CheckState::Failed),
        |s: &mut Session| pull(s).head = "head2".to_owned(),
        |s: &mut Session| pull(s).state = PullState::Merged,
        |s: &mut Session| s.end = Some(End::new(EndKind::Killed, Timestamp::from_millis(1))),
    ] {
        assert!(matches!(check(edit), Validity::Superseded(_)));
    }
}

#[test]
fn nothing_is_decided_of_what_is_held_changing_or_over() {
    type Edit = fn(&mut Session);
    let edits: [(&str, Edit); 5] = [
        ("held", |s| s.hold = Some(held())),
        ("in an operation", |s| s.op = Some(operation(OperationKind::Kill))),
        ("sending", |s| s.op = Some(operation(OperationKind::Send))),
        ("merged", |s| pull(s).state = PullState::Merged),
        ("ended", |s| s.end = Some(End::new(EndKind::Done, Timestamp::from_millis(0)))),
    ];
    for (what, edit) in edits {
        let mut world = World::new("ci-failed: { escalateAfter: 5m }");
        world.edit(|s| set(s, "test", CheckState::Failed));
        assert_eq!(world.done(1).len(), 1);
        world.edit(|s| {
            pull(s).head = "head2".to_owned();
            edit(s);
        });
        assert_eq!(world.done(100), [], "{what}");
    }
    let mut paused = World::new("ci-failed: { escalateAfter: 5m, retries: 9 }");
    paused.edit(|s| set(s, "test", CheckState::Failed)).done(5);
    paused.edit(|s| s.hold = Some(held())).done(100);
    assert_eq!(paused.edit(|s| s.hold = None).done(3), [], "a hold is no time that somebody let pass");
    assert_eq!(paused.done(4).iter().filter(|intent| is_escalation(intent)).count(), 1);
}

#[test]
fn a_clock_that_jumps_or_a_machine_that_sleeps_tells_nobody() {
    let mut world = World::new("");
    world.edit(|s| pull(s).decision = ReviewDecision::ChangesRequested).done(1);
    for day in [86_400_000, -200_000_000, 86_400_000] {
        world.now += day;
        assert_eq!(world.done(1), []);
    }
    let escalated = world.done(60);
    assert!(escalated.len() == 1 && is_escalation(&escalated[0]), "{escalated:?}");
}

#[test]
fn a_human_is_told_in_place_of_what_is_not_done() {
    let gone = |s: &mut Session| {
        s.runtime.as_mut().unwrap().exit =
            Some(ExitFacts::new(ExitStatus::Code { code: 1 }, Timestamp::from_millis(1)));
    };
    let mut world = World::new("");
    world.edit(|s| set(s, "test", CheckState::Failed)).edit(gone);
    let due = world.done(20);
    assert!(
        matches!(of(&due, ReactionKey::CiFailed)[..], [Deed::Notify { told: Told::Instead { .. }, .. }]),
        "{due:?}"
    );
    world.edit(|s| s.runtime.as_mut().unwrap().exit = None);
    assert_eq!(of(&world.done(20), ReactionKey::CiFailed), [&Deed::Send], "the new agent is told");

    let mut off = World::new("ci-failed: { auto: false }");
    off.edit(|s| set(s, "test", CheckState::Failed));
    let due = off.done(20);
    assert!(matches!(&due[..], [only] if matches!(&only.deed, Deed::Notify { told: Told::Instead { .. }, .. })));
}

#[test]
fn a_session_is_started_where_there_is_room() {
    let yaml = "approved-and-green: { action: { spawn: { role: reviewer } }, auto: true }";
    let spawn = Deed::Spawn { role: Role::Reviewer, agent: None };
    let green = |world: &mut World| {
        world.edit(|s| set(s, "test", CheckState::Passed));
    };
    let mut world = World::new(yaml);
    green(&mut world);
    assert_eq!(of(&world.done(30), ReactionKey::ApprovedAndGreen), [&spawn], "once");
    let mut deep = World::new(yaml);
    deep.load.depth = 2;
    green(&mut deep);
    let due = deep.done(30);
    assert!(
        matches!(&due[..], [only] if matches!(&only.deed, Deed::Notify { told: Told::Instead { why }, .. } if why.contains("spawnDepth"))),
        "{due:?}"
    );
    let mut many = World::new(yaml);
    many.limits.spawns_per_hour = Some(3);
    many.load.lately = 3;
    green(&mut many);
    assert!(matches!(many.done(30)[0].deed, Deed::Notify { told: Told::Instead { .. }, .. }));
    many.load.lately = 2;
    assert_eq!(of(&many.done(30), ReactionKey::ApprovedAndGreen), [&spawn], "there is room now");
}

#[test]
fn a_program_is_run_once() {
    let mut world = World::new("pr-closed: { action: { run: [./report, --closed], timeout: 1m } }");
    world.edit(|s| pull(s).state = PullState::Closed);
    let due = world.done(30);
    let Deed::Run { run } = &due[0].deed else { panic!("{due:?}") };
    assert_eq!(
        (due.len(), &run.argv[..], due[0].deed.class()),
        (1, &["./report".to_owned(), "--closed".to_owned()][..], EffectClass::Blind)
    );
}

#[test]
fn one_action_is_under_way_at_a_time() {
    let mut world = World::new("");
    world.edit(|s| set(s, "test", CheckState::Failed));
    let first = world.tick();
    assert_eq!(first.len(), 1);
    world.edit(|s| pull(s).head = "head2".to_owned());
    assert_eq!(world.tick(), [], "the first may yet arrive");
    world.settle(&first, &Outcome::Superseded { why: "the head moved".to_owned() });
    let second = world.tick();
    assert_eq!(second.len(), 1);
    assert_eq!((second[0].attempt, second[0].about.head.as_deref()), (1, Some("head2")));
    world.settle(&first, &Outcome::Done);
    assert_eq!(world.tick(), [], "what is settled late settles nothing else");
    world.settle(&second, &Outcome::Done);
    assert_eq!(world.done(30), []);
}
