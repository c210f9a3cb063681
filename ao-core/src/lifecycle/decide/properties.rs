//! What must hold for any facts in any order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use proptest::prelude::*;

use super::tests::{World, check, doing, held, pull, reactions};
use super::*;
use crate::model::ExitStatus;
use crate::model::facts::{End, EndKind, ExitFacts, ReportFacts, ReportState};
use crate::slots::agent::ActivityState;
use crate::slots::scm::{CheckState, PullState, ReviewDecision, Thread};

const RULES: &str = "\
    ci-failed: { retries: 2, escalateAfter: 2 }, changes-requested: { retries: 3, escalateAfter: 10m },
    approved-and-green: { action: auto-merge, auto: true, retries: 1 }, report-stale: { threshold: 2m },
    report-no-acknowledge: { threshold: 2m }, agent-idle: { retries: 1 }, bugbot-comments: { action: { run: [x] } }";

/// Read once for all cases.
static RULES_READ: LazyLock<Reactions> = LazyLock::new(|| reactions(RULES));

/// Something that happens.
#[derive(Clone, Debug)]
enum Step {
    Ticks(u8),
    Jump(i64),
    Check(u8, u8),
    Head(u8),
    Decision(u8),
    Threads(Vec<(u8, bool)>),
    Conflicts(Option<Vec<u8>>),
    State(u8),
    Agent(u8),
    Report(u8),
    Exit(bool),
    Hold(bool),
    End,
    Red(bool),
    Settle(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1_u8..12).prop_map(Step::Ticks),
        1 => (-100_000_000_i64..100_000_000).prop_map(Step::Jump),
        6 => (0_u8..3, 0_u8..5).prop_map(|(name, state)| Step::Check(name, state)),
        2 => (0_u8..4).prop_map(Step::Head),
        2 => (0_u8..5).prop_map(Step::Decision),
        2 => prop::collection::vec((0_u8..4, any::<bool>()), 0..4).prop_map(Step::Threads),
        2 => prop::option::of(prop::collection::vec(0_u8..3, 0..3)).prop_map(Step::Conflicts),
        1 => (0_u8..6).prop_map(Step::State),
        3 => (0_u8..6).prop_map(Step::Agent),
        2 => (0_u8..5).prop_map(Step::Report),
        1 => any::<bool>().prop_map(Step::Exit),
        1 => any::<bool>().prop_map(Step::Hold),
        1 => Just(Step::End),
        1 => any::<bool>().prop_map(Step::Red),
        6 => (0_u8..5).prop_map(Step::Settle),
    ]
}

fn apply(world: &mut World, step: &Step) {
    let (now, session) = (world.now, &mut world.session);
    let at = Timestamp::from_millis(now);
    match step {
        Step::Jump(by) => world.now += by,
        Step::Check(name, state) => {
            let states =
                [CheckState::Passed, CheckState::Failed, CheckState::Pending, CheckState::Skipped, CheckState::Unknown];
            let name = format!("check{name}");
            pull(session).checks.retain(|check| check.name != name && check.name.starts_with("check"));
            pull(session).checks.push(check(&name, states[usize::from(*state)]));
        }
        Step::Head(head) => pull(session).head = format!("head{head}"),
        Step::Decision(decision) => {
            pull(session).decision = [
                ReviewDecision::None,
                ReviewDecision::Wanted,
                ReviewDecision::ChangesRequested,
                ReviewDecision::Approved,
                ReviewDecision::Unknown,
            ][usize::from(*decision)];
        }
        Step::Threads(threads) => {
            let thread = |(number, (body, bot)): (usize, &(u8, bool))| {
                let mut thread = Thread::new(number.to_string(), "somebody", body.to_string());
                thread.bot = *bot;
                thread
            };
            pull(session).threads = threads.iter().enumerate().map(thread).collect();
        }
        Step::Conflicts(files) => {
            pull(session).conflicts = files.as_ref().map(|files| files.iter().map(ToString::to_string).collect());
        }
        // Mostly open: what is closed is soon decided.
        Step::State(state) => {
            pull(session).state = match state {
                0 => PullState::Closed,
                1 => PullState::Unknown,
                _ => PullState::Open,
            };
        }
        Step::Agent(state) => {
            let states = [
                ActivityState::Active,
                ActivityState::Ready,
                ActivityState::Idle,
                ActivityState::WaitingInput,
                ActivityState::Blocked,
                ActivityState::Unknown,
            ];
            doing(session, states[usize::from(*state)], now);
        }
        Step::Report(state) => {
            let states = [
                ReportState::Started,
                ReportState::Working,
                ReportState::Waiting,
                ReportState::NeedsInput,
                ReportState::Unknown,
            ];
            session.report = Some(ReportFacts::new(format!("r{now}"), states[usize::from(*state)], at));
        }
        Step::Exit(gone) => {
            let exit = gone.then(|| ExitFacts::new(ExitStatus::Code { code: 1 }, at));
            session.runtime.as_mut().unwrap().exit = exit;
        }
        Step::Hold(hold) => session.hold = hold.then(held),
        Step::End => session.end = Some(End::new(EndKind::Killed, at)),
        Step::Red(red) => world.red = red.then(|| "check0".to_owned()).into_iter().collect(),
        Step::Ticks(_) | Step::Settle(_) => {}
    }
}

fn outcome(which: u8) -> Outcome {
    let why = || "why".to_owned();
    match which {
        0 => Outcome::Done,
        1 => Outcome::Failed { why: why() },
        2 => Outcome::Refused { why: why() },
        3 => Outcome::Uncertain { why: why() },
        _ => Outcome::Superseded { why: why() },
    }
}

/// The same facts in another order.
fn reordered(session: &Session) -> Session {
    let mut session = session.clone();
    if let Some(facts) = &mut session.pull {
        facts.snapshot.checks.reverse();
        facts.snapshot.threads.reverse();
        if let Some(files) = &mut facts.snapshot.conflicts {
            files.reverse();
        }
    }
    session
}

/// What was done for one episode.
#[derive(Debug, Default)]
struct Done {
    acts: u32,
    escalations: u32,
    keys: BTreeSet<String>,
}

fn is_act(intent: &Intent) -> bool {
    !matches!(&intent.deed, Deed::Notify { .. })
}

proptest! {
    #[test]
    fn whatever_happens(steps in prop::collection::vec(step(), 1..60)) {
        let mut world = World::with_rules(RULES_READ.clone());
        let mut done: BTreeMap<(String, u64), Done> = BTreeMap::new();
        let mut under_way: Vec<Intent> = Vec::new();
        for step in &steps {
            apply(&mut world, step);
            let ticks = match step {
                Step::Ticks(ticks) => *ticks,
                Step::Settle(which) => {
                    let outcome = outcome(*which);
                    for intent in under_way.drain(..) {
                        world.ledger.settle(&intent, &outcome);
                        let opened = world.ledger.episodes().get(&intent.episode).map(|episode| episode.opened);
                        let entry = opened.and_then(|opened| done.get_mut(&(intent.episode.clone(), opened)));
                        if let (Some(entry), Outcome::Superseded { .. }) = (entry, &outcome) && entry.keys.remove(&intent.key) {
                            entry.acts -= u32::from(is_act(&intent));
                            entry.escalations -= u32::from(matches!(&intent.deed, Deed::Notify { told: Told::Escalated { .. }, .. }));
                        }
                    }
                    1
                }
                _ => 1,
            };
            for _ in 0..ticks {
                // A host that stopped here and began again, and one that looked twice, would do the same.
                let stored = serde_json::to_string(&world.ledger).unwrap();
                prop_assert_eq!(&serde_json::from_str::<Ledger>(&stored).unwrap(), &world.ledger);
                world.now += super::tests::TICK;
                let (again, elsewhere) = world.with(|ledger, facts, status, rules, now| {
                    let fresh = decide(facts, status, ledger, rules, now);
                    let mut looked = ledger.clone();
                    advance(&mut looked, facts, status, rules, now);
                    let once = looked.clone();
                    assert_eq!(advance(&mut looked, facts, status, rules, now), [], "a second look at once");
                    assert_eq!(looked, once);
                    assert_eq!(decide(facts, status, &looked, rules, now), fresh);
                    (fresh, decide(&reordered(facts), status, ledger, rules, now))
                });
                prop_assert_eq!(&again, &elsewhere, "the order of facts is no fact");
                world.now -= super::tests::TICK;
                let due = world.tick();
                prop_assert_eq!(&due, &again);
                let over = world.session.end.is_some() || world.session.hold.is_some();
                prop_assert!(!over || due.is_empty());
                for intent in due {
                    let opened = world.ledger.episodes()[&intent.episode].opened;
                    let entry = done.entry((intent.episode.clone(), opened)).or_default();
                    prop_assert!(entry.keys.insert(intent.key.clone()), "{} again", intent.key);
                    entry.acts += u32::from(is_act(&intent));
                    let escalated = matches!(&intent.deed, Deed::Notify { told: Told::Escalated { .. }, .. });
                    entry.escalations += u32::from(escalated);
                    let most = match intent.reaction {
                        ReactionKey::CiFailed | ReactionKey::ApprovedAndGreen | ReactionKey::AgentIdle => 2,
                        ReactionKey::ChangesRequested => 4,
                        _ => 10,
                    };
                    prop_assert!(entry.acts <= most, "{}: {entry:?}", intent.key);
                    prop_assert!(entry.escalations <= 1, "{}: {entry:?}", intent.key);
                    let green = !matches!(intent.deed, Deed::Merge { .. })
                        || crate::lifecycle::merge_gate(pull(&mut world.session)).is_empty();
                    prop_assert!(green, "{intent:?}");
                    under_way.push(intent);
                }
            }
        }
    }
}
