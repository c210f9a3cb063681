//! When a delivery is tried again, and what a notice's deliveries say of it.

use proptest::prelude::*;

use super::*;
use crate::Code;
use crate::slots::notifier::Priority;

fn alias(name: &str) -> PluginName {
    name.parse().unwrap()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

fn routed(names: &[&str]) -> Notice {
    let mut notice = Notice::new("n", Priority::Action, "title", at(0));
    notice.route(&names.iter().map(|name| alias(name)).collect::<Vec<_>>());
    notice
}

fn state(notice: &Notice, name: &str) -> DeliveryState {
    notice.delivery(&alias(name)).unwrap().state
}

#[test]
fn pauses_grow_and_what_the_receiver_asks_for_is_kept_to() {
    let unavailable = Error::unavailable("x");
    let pauses: Vec<_> = (1..=8).map(|attempts| pause(attempts, &unavailable).as_secs()).collect();
    assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 300, 300]);
    assert_eq!(pause(u32::MAX, &unavailable), LONGEST_PAUSE);
    let asking = |millis: u64| Error { retry_after_ms: Some(millis), ..unavailable.clone() };
    assert_eq!(pause(1, &asking(60_000)).as_secs(), 60);
    assert_eq!(pause(4, &asking(1)).as_secs(), 40);
    assert_eq!(pause(1, &asking(u64::MAX)), PATIENCE);
    assert_eq!(pause(1, &Error::invalid_input("a wrong URL")), LONGEST_PAUSE, "somebody has to mend that");
    assert_eq!(pause(1, &Error::new(Code::PANIC, "x")), FIRST_PAUSE);
}

#[test]
fn what_becomes_of_a_delivery_depends_on_the_error_and_the_receiver() {
    use DeliveryState::{Failed, Sent, Uncertain, Waiting};
    let known = [Code::UNAVAILABLE, Code::RATE_LIMITED, Code::UNAUTHORIZED, Code::NOT_FOUND, Code::INVALID_INPUT];
    let unknown = [Code::TIMEOUT, Code::LOST, Code::PANIC, Code::CANCELLED, Code::PROTOCOL];
    for (codes, effect, soon, late) in [
        (known.as_slice(), EffectClass::Blind, Waiting, Failed),
        (&known, EffectClass::Keyed, Waiting, Failed),
        (&unknown, EffectClass::Keyed, Waiting, Uncertain),
        (&unknown, EffectClass::Blind, Uncertain, Uncertain),
        (&unknown, EffectClass::Unknown, Uncertain, Uncertain),
    ] {
        for (code, (waited, expected)) in
            codes.iter().flat_map(|code| [(code, (Duration::ZERO, soon)), (code, (PATIENCE, late))])
        {
            let mut notice = routed(&["a"]);
            notice.begin(&alias("a"), effect, at(1));
            let error = Error::new(code.clone(), "why");
            let next = notice.tried(&alias("a"), Attempt::Failed(&error), waited, at(2));
            assert_eq!(state(&notice, "a"), expected, "{code} {effect:?} {waited:?}");
            assert_eq!((next.is_some(), notice.is_open()), (expected == Waiting, expected == Waiting));
            assert!(notice.is_undelivered() && notice.deliveries[0].why.as_ref().unwrap().contains("why"));
        }
    }
    let mut notice = routed(&["a"]);
    let hangs = Error::new(Code::TIMEOUT, "its constructor hangs");
    assert!(notice.tried(&alias("a"), Attempt::NotCalled(&hangs), Duration::ZERO, at(1)).is_some());
    assert_eq!(state(&notice, "a"), Waiting, "who was not called has told nobody");
    notice.tried(&alias("a"), Attempt::Told(Some("7")), Duration::ZERO, at(2));
    assert_eq!((state(&notice, "a"), notice.state), (Sent, NoticeState::Told));
    assert_eq!((notice.deliveries[0].attempts, notice.deliveries[0].why.as_ref()), (2, None));
}

#[test]
fn it_is_tried_for_a_day_and_no_longer() {
    let mut notice = routed(&["a"]);
    let (error, mut waited, mut total) = (Error::unavailable("down"), Duration::ZERO, Duration::ZERO);
    while let Some(next) = notice.tried(&alias("a"), Attempt::Failed(&error), waited, at(0)) {
        (waited, total) = (next, total + next);
    }
    assert!(total >= PATIENCE && total < PATIENCE + LONGEST_PAUSE, "{total:?}");
    assert_eq!((notice.state, notice.is_open()), (NoticeState::Undelivered, false));
}

#[test]
fn where_the_route_leads_is_who_is_told() {
    let mut notice = routed(&[]);
    assert_eq!((notice.state, notice.is_open()), (NoticeState::Told, false), "the inbox is where it is told");
    notice.route(&[alias("late")]);
    assert_eq!(notice.deliveries, []);

    let mut notice = routed(&["a", "b"]);
    notice.route(&[alias("b"), alias("c")]);
    let states: Vec<_> = notice.deliveries.iter().map(|one| (one.alias.as_str(), one.state)).collect();
    let (failed, waiting) = (DeliveryState::Failed, DeliveryState::Waiting);
    assert_eq!(states, [("a", failed), ("b", waiting), ("c", waiting)]);
    notice.tried(&alias("b"), Attempt::Told(None), Duration::ZERO, at(1));
    notice.route(&[alias("d")]);
    assert_eq!(state(&notice, "c"), failed);
    assert!(notice.delivery(&alias("d")).is_none(), "somebody was told");
}

#[test]
fn what_was_under_way_in_a_host_that_was_killed_is_repeated_only_where_that_does_no_harm() {
    let mut notice = routed(&["blind", "keyed", "ours"]);
    notice.begin(&alias("blind"), EffectClass::Blind, at(1));
    notice.begin(&alias("keyed"), EffectClass::Keyed, at(1));
    notice.begin(&alias("ours"), EffectClass::Blind, at(1));
    notice.recover(|name| name.as_str() == "ours", at(2));
    let states = ["blind", "keyed", "ours"].map(|name| state(&notice, name));
    assert_eq!(states, [DeliveryState::Uncertain, DeliveryState::Waiting, DeliveryState::Trying]);
}

#[test]
fn who_has_seen_it_is_not_told_any_more() {
    let mut notice = routed(&["a", "b"]);
    notice.begin(&alias("b"), EffectClass::Blind, at(1));
    notice.acknowledge("ada", at(2));
    notice.acknowledge("bob", at(3));
    assert_eq!(notice.acknowledged.as_ref().unwrap().by, "ada");
    assert!(notice.is_open(), "something is under way");
    notice.tried(&alias("b"), Attempt::Failed(&Error::unavailable("x")), Duration::ZERO, at(4));
    assert!(!notice.is_open() && !notice.is_undelivered() && !notice.is_waiting());

    let mut notice = routed(&["a"]);
    notice.withdraw();
    assert_eq!((notice.state, notice.is_open(), notice.is_waiting()), (NoticeState::Withdrawn, false, false));
    let mut told = routed(&[]);
    told.withdraw();
    assert_eq!(told.state, NoticeState::Told);
}

#[derive(Clone, Debug)]
enum Step {
    Try(usize, u8, EffectClass),
    Crash,
    Route(Vec<usize>),
    See,
    Withdraw,
}

fn step() -> impl Strategy<Value = Step> {
    let effect = prop_oneof![Just(EffectClass::Blind), Just(EffectClass::Keyed)];
    prop_oneof![
        6 => (0..3_usize, 0..4_u8, effect).prop_map(|(who, what, effect)| Step::Try(who, what, effect)),
        1 => Just(Step::Crash),
        1 => proptest::collection::vec(0..3_usize, 0..3).prop_map(Step::Route),
        1 => Just(Step::See),
        1 => Just(Step::Withdraw),
    ]
}

const NAMES: [&str; 3] = ["a", "b", "c"];

proptest! {
    /// Whatever happens in whichever order: who was told stays told, and nobody hears twice of what may have been heard.
    #[test]
    fn nothing_is_lost_and_nothing_doubtful_repeated(steps in proptest::collection::vec(step(), 0..40)) {
        let mut notice = Notice::new("n", Priority::Action, "title", at(0));
        let mut doubtful = std::collections::BTreeSet::new();
        let mut told = false;
        for step in steps {
            match step {
                Step::Try(who, what, effect) => {
                    let name = alias(NAMES[who]);
                    let due = notice.delivery(&name).is_some_and(|one| one.state == DeliveryState::Waiting);
                    if !due || !notice.is_open() || !notice.is_waiting() {
                        continue;
                    }
                    prop_assert!(!doubtful.contains(&name));
                    notice.begin(&name, effect, at(1));
                    let (down, late) = (Error::unavailable("down"), Error::new(Code::TIMEOUT, "late"));
                    let attempt = match what {
                        0 => Attempt::Told(None),
                        1 => Attempt::Failed(&down),
                        2 => Attempt::Failed(&late),
                        _ => continue,
                    };
                    if what == 2 && effect == EffectClass::Blind {
                        doubtful.insert(name.clone());
                    }
                    told |= what == 0;
                    notice.tried(&name, attempt, Duration::from_mins(1), at(2));
                }
                Step::Crash => {
                    let blind = notice.deliveries.iter().filter(|one| one.effect == EffectClass::Blind);
                    let under_way = blind.filter(|one| one.state == DeliveryState::Trying);
                    doubtful.extend(under_way.map(|one| one.alias.clone()));
                    notice.recover(|_| false, at(3));
                }
                Step::Route(names) => {
                    notice.route(&names.into_iter().map(|name| alias(NAMES[name])).collect::<Vec<_>>());
                }
                Step::See => notice.acknowledge("ada", at(4)),
                Step::Withdraw => notice.withdraw(),
            }
            let sent = notice.aliases(DeliveryState::Sent).next().is_some();
            prop_assert_eq!(sent, told);
            match notice.state {
                NoticeState::Open | NoticeState::Undelivered => prop_assert!(!sent),
                NoticeState::Told => {
                    let by_inbox = notice.deliveries.is_empty() || notice.acknowledged.is_some();
                    prop_assert!(sent || by_inbox);
                }
                _ => {}
            }
            let left = notice.aliases(DeliveryState::Waiting).next().is_some();
            prop_assert!(notice.state != NoticeState::Undelivered || !left);
        }
    }
}
