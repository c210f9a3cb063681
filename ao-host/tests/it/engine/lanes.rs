//! Each instance of a plugin by itself: one call for all its sessions, and none waits for another's.

use std::collections::BTreeMap;
use std::time::Duration;

use ao_core::lifecycle::StatusName;
use ao_core::slots::Slot;
use ao_core::slots::agent::{ActivityState, Strength};
use ao_core::slots::runtime::Liveness;

use super::puppets::{Call, Manner};
use super::theatre::Theatre;

/// What a user waits for.
const SOON: Duration = Duration::from_secs(1);

/// Calls by slot and instance.
fn counted(calls: &[Call]) -> BTreeMap<(Slot, String), usize> {
    let mut counted = BTreeMap::new();
    for call in calls {
        *counted.entry((call.slot, call.name.clone())).or_default() += 1;
    }
    counted
}

#[test]
fn one_call_an_instance_a_tick_however_many_sessions() {
    let mut before = None;
    for count in [1, 10, 60] {
        let theatre = Theatre::new();
        theatre.launch_many(count);
        theatre.launch("side");
        let calls = theatre.play(async |host| {
            host.ready().await;
            theatre.stage.calls();
            // Ten ticks, of which one looks at worktrees, too.
            host.pass(Duration::from_secs(305)).await;
            theatre.stage.calls()
        });
        let all = calls.iter().filter(|call| call.name == "main").all(|call| call.sessions == count);
        assert!(all, "each is for all of them: {calls:?}");
        let counted = counted(&calls);
        assert_eq!(counted[&(Slot::Runtime, "main".to_owned())], 10, "{counted:?}");
        assert_eq!(counted[&(Slot::Agent, "main".to_owned())], 10, "{counted:?}");
        assert_eq!(counted[&(Slot::Workspace, "main".to_owned())], 1, "{counted:?}");
        assert_eq!(before.replace(counted.clone()).unwrap_or(counted.clone()), counted, "with {count}");
    }
}

/// Many hints of one session, and one of each of many, are few looks.
#[test]
fn a_burst_of_hints_is_a_look_or_two() {
    let theatre = Theatre::new();
    let ids = theatre.launch_many(20);
    theatre.play(async |host| {
        host.ready().await;
        host.pass(SOON).await;
        theatre.stage.calls();
        for _ in 0..100 {
            for id in &ids {
                host.hint(id);
            }
            host.pass(Duration::from_millis(2)).await;
        }
        host.pass(SOON).await;
        let looks = theatre.stage.calls().iter().filter(|call| call.slot == Slot::Runtime).count();
        assert!((1..=3).contains(&looks), "{looks}");
    });
}

#[test]
fn what_hangs_fails_or_panics_delays_nobody_else() {
    for (slot, manner) in [
        (Slot::Runtime, Manner::Hangs),
        (Slot::Runtime, Manner::Fails),
        (Slot::Runtime, Manner::Panics),
        (Slot::Agent, Manner::Hangs),
        (Slot::Agent, Manner::Panics),
        (Slot::Workspace, Manner::Hangs),
        (Slot::Workspace, Manner::Panics),
    ] {
        let theatre = Theatre::new();
        let (theirs, ours) = (theatre.launch("side"), theatre.launch("app"));
        theatre.stage.behaves(slot, "side", manner);
        theatre.play(async |host| {
            host.ready().await;
            // Whenever it is: in the middle of its call, while it rests, when it is tried again.
            for round in 0..20 {
                let state = if round % 2 == 0 { ActivityState::Ready } else { ActivityState::Active };
                theatre.does(&ours, state, Strength::Strong);
                host.hint(&theirs);
                host.hint(&ours);
                let wanted = if round % 2 == 0 { StatusName::Ready } else { StatusName::Working };
                let took = host.until_status(&ours, wanted).await;
                assert!(took < SOON, "{slot} {manner:?}, round {round}: {took:?}");
                host.pass(Duration::from_millis(1700)).await;
            }
            assert_eq!(theatre.status(&theirs).name, StatusName::Working, "{}", theatre.status(&theirs).reason);
        });
    }
}

/// Nobody hints that an agent has stopped printing; where that is all that is known, it is looked at now and then.
#[test]
fn silence_is_noticed_without_a_hint() {
    let theatre = Theatre::new();
    let (weak, strong) = (theatre.launch("app"), theatre.launch("side"));
    theatre.play(async |host| {
        host.ready().await;
        theatre.does(&weak, ActivityState::Active, Strength::Weak);
        host.hint(&weak);
        host.pass(SOON).await;
        theatre.stage.calls();
        theatre.does(&weak, ActivityState::Ready, Strength::Weak);
        theatre.does(&strong, ActivityState::Ready, Strength::Strong);
        let took = host.until_status(&weak, StatusName::Ready).await;
        assert!(took < Duration::from_secs(6), "{took:?}");
        assert!(theatre.stage.calls().iter().all(|call| call.name == "main"), "who would tell is not asked");
        assert_eq!(theatre.status(&strong).name, StatusName::Working);
    });
}

/// A plugin that answers again is believed again.
#[test]
fn after_a_failure_it_is_asked_again() {
    let theatre = Theatre::new();
    let id = theatre.launch("app");
    theatre.stage.behaves(Slot::Runtime, "main", Manner::Fails);
    theatre.play(async |host| {
        host.ready().await;
        theatre.stage.behaves(Slot::Runtime, "main", Manner::Answers);
        theatre.does(&id, ActivityState::Ready, Strength::Strong);
        let took = host.until_status(&id, StatusName::Ready).await;
        assert!(took < Duration::from_secs(3), "sooner than at the next tick: {took:?}");
    });
    assert_eq!(theatre.status(&id).name, StatusName::Ready);
    theatre.stage.says(&id, Liveness::Alive);
}
