//! Nobody is called dead who may live, and nobody lives for ever who is gone: unknown, contradicting, mass and clock.

use std::time::Duration;

use ao_core::lifecycle::{Policy, StatusName};
use ao_core::model::SessionId;
use ao_core::model::event::{Event, EventData, EventKind};
use ao_core::slots::Slot;
use ao_core::slots::agent::{ActivityState, Strength};
use ao_core::slots::runtime::Liveness;

use super::theatre::Theatre;

const RESYNC: Duration = Duration::from_secs(30);
/// What a user waits for.
const SOON: Duration = Duration::from_secs(1);
/// In milliseconds.
const HOUR: i64 = 3_600_000;

fn dead() -> Liveness {
    Liveness::Dead { exit: None }
}

fn unknown() -> Liveness {
    Liveness::Unknown { why: "no answer".to_owned() }
}

fn holds(events: &[Event]) -> usize {
    events.iter().filter(|event| event.kind == EventKind::HostMassDeathHold).count()
}

/// The statuses that were told of a session, in order.
fn told(events: &[Event], id: &SessionId) -> Vec<StatusName> {
    let of = events.iter().filter(|event| event.session.as_ref() == Some(id));
    let changed = of.filter_map(|event| match event.typed() {
        Some(EventData::SessionStatusChanged(changed)) => Some(changed.to),
        _ => None,
    });
    changed.collect()
}

/// Both ends are in the dark in turns: the runtime answers nothing, nonsense or not at all; processes are hidden.
#[test]
#[expect(clippy::disallowed_methods, reason = "how deep a test goes is the machine's choice")]
fn inconclusive_looks_kill_nobody() {
    let wanted = if std::env::var("AO_DEEP").is_ok() { 10_000 } else { 1000 };
    let theatre = Theatre::new();
    let ids = theatre.launch_many(20);
    theatre.play(async |host| {
        host.ready().await;
        let mut looks = 0;
        let mut round = 0;
        while looks < wanted {
            round += 1;
            for (number, id) in ids.iter().enumerate() {
                // Of two witnesses at most one says that it is dead.
                let hidden = (number + round) % 2 == 0;
                if hidden {
                    theatre.proc.hide(Theatre::pid(id), "no permission");
                }
                theatre.stage.act(id, |act| {
                    act.liveness = match (number + round) % 5 {
                        0 => None,
                        1 if hidden => Some(dead()),
                        2 => Some(Liveness::Unrecognised),
                        _ => Some(unknown()),
                    };
                });
            }
            host.pass(RESYNC).await;
            let calls = theatre.stage.calls();
            looks += calls.iter().filter(|call| call.slot == Slot::Runtime).map(|call| call.sessions).sum::<usize>();
            assert!(theatre.names(&ids).iter().all(|name| name.is_live()), "{:?}", theatre.names(&ids));
        }
    });
    for event in theatre.log() {
        if let Some(EventData::SessionStatusChanged(changed)) = event.typed() {
            assert!(changed.to.is_live(), "{changed:?}");
        }
    }
}

/// What the process table says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Table {
    Alive,
    Gone,
    Hidden,
}

/// What puts an end to a doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// It was only a bad look: the runtime sees the process that is there.
    SeenAgain,
    /// The runtime says so too.
    Agreed,
    /// It was written down how it ended, whatever anybody says.
    WrittenDown,
}

#[test]
fn a_contradiction_is_doubted_within_its_bounds_and_then_concluded() {
    use Table::{Alive, Gone, Hidden};
    let cases = [(Alive, dead()), (Gone, Liveness::Alive), (Gone, unknown()), (Hidden, dead())];
    for turn in [Turn::SeenAgain, Turn::Agreed, Turn::WrittenDown] {
        let theatre = Theatre::new();
        let ids = theatre.launch_many(cases.len());
        theatre.play(async |host| {
            host.ready().await;
            for (id, (table, runtime)) in ids.iter().zip(&cases) {
                match table {
                    Alive => {}
                    Gone => theatre.proc.end(Theatre::pid(id)),
                    Hidden => theatre.proc.hide(Theatre::pid(id), "no permission"),
                }
                theatre.stage.says(id, runtime.clone());
                host.hint(id);
                let noticed = host.until_status(id, StatusName::Detecting).await;
                assert!(noticed < SOON, "{table:?} {runtime:?}: {noticed:?}");
            }
            for (id, case) in ids.iter().zip(&cases) {
                let doubted = host.until_status(id, StatusName::Stuck).await;
                assert!(doubted <= Policy::default().doubt_for, "{case:?}: {doubted:?}");
            }
            assert_eq!(theatre.names(&ids), [StatusName::Stuck; 4]);
            for (id, (table, _)) in ids.iter().zip(&cases) {
                let wanted = match (turn, table) {
                    (Turn::SeenAgain, Alive) => {
                        theatre.stage.says(id, Liveness::Alive);
                        StatusName::Working
                    }
                    (Turn::Agreed, Gone) => {
                        theatre.stage.says(id, dead());
                        StatusName::Dead
                    }
                    (Turn::WrittenDown, _) => {
                        theatre.exits(id, 3);
                        StatusName::Dead
                    }
                    (Turn::SeenAgain | Turn::Agreed, _) => continue,
                };
                host.hint(id);
                let concluded = host.until_status(id, wanted).await;
                assert!(concluded < SOON, "{turn:?} {table:?}: {concluded:?}");
            }
        });
        for id in &ids {
            let told = told(&theatre.log(), id);
            assert_eq!(told[..3], [StatusName::Working, StatusName::Detecting, StatusName::Stuck], "{id}");
            assert!(told.windows(2).all(|pair| pair[0] != pair[1]) && told.len() <= 5, "nothing twice: {told:?}");
        }
    }
}

/// Two witnesses are not enough, as both may look at the same wrong moment.
#[test]
fn a_lone_death_that_nobody_wrote_down_takes_two_looks() {
    let theatre = Theatre::new();
    let id = theatre.launch("app");
    theatre.play(async |host| {
        host.ready().await;
        theatre.proc.end(Theatre::pid(&id));
        theatre.stage.says(&id, dead());
        host.hint(&id);
        let took = host.until_status(&id, StatusName::Dead).await;
        assert!(took < SOON, "{took:?}");
    });
    assert_eq!(told(&theatre.log(), &id), [StatusName::Working, StatusName::Detecting, StatusName::Dead]);
}

#[test]
fn a_mass_death_is_held_and_told_once_until_it_is_dismissed_or_explained() {
    let theatre = Theatre::new();
    let ids = theatre.launch_many(5);
    let others: Vec<_> = (0..2).map(|_| theatre.launch("side")).collect();
    let vanish = || {
        for id in &ids {
            theatre.proc.end(Theatre::pid(id));
            theatre.stage.says(id, dead());
        }
    };
    theatre.play(async |host| {
        host.ready().await;
        vanish();
        host.hint(&ids[2]);
        host.until(|data| matches!(data, EventData::HostMassDeathHold(_))).await;
        host.pass(10 * RESYNC).await;
        assert_eq!(theatre.names(&ids), [StatusName::Stuck; 5]);
        assert_eq!(theatre.names(&others), [StatusName::Working; 2], "another instance's sessions are not in doubt");
        assert!(theatre.status(&ids[0]).reason.contains("5 of 5"), "{}", theatre.status(&ids[0]).reason);
    });
    assert_eq!(holds(&theatre.log()), 1);

    // The next host finds them so, and tells nobody again.
    theatre.play(async |host| {
        host.ready().await;
        host.pass(4 * RESYNC).await;
        assert_eq!(theatre.names(&ids), [StatusName::Stuck; 5]);
        assert_eq!(holds(&host.heard()), 0);
        // It was only a bad moment: they are seen again.
        for id in &ids {
            let process = theatre.proc.start(Theatre::pid(id));
            let seen = |session: &mut ao_core::model::facts::Session| {
                session.runtime.as_mut().unwrap().child = Some(process.clone());
                Ok(Vec::new())
            };
            theatre.sessions.store.change(id, &mut { seen }).unwrap();
            theatre.stage.says(id, Liveness::Alive);
        }
        host.pass(2 * RESYNC).await;
        assert_eq!(theatre.names(&ids), [StatusName::Working; 5]);
        // Another one is told again.
        vanish();
        host.pass(4 * RESYNC).await;
        assert_eq!(holds(&host.heard()), 1);
        // Those that have an explanation are believed, the rest is not.
        ids[..2].iter().for_each(|id| theatre.exits(id, 1));
        host.pass(2 * RESYNC).await;
        let (gone, held) = (StatusName::Dead, StatusName::Stuck);
        assert_eq!(theatre.names(&ids), [gone, gone, held, held, held]);
        assert_eq!(holds(&host.heard()), 0);
        // A restart of the machine explains all.
        theatre.proc.reboot();
        host.pass(2 * RESYNC).await;
        assert_eq!(theatre.names(&ids), [gone; 5]);
        assert!(theatre.status(&ids[4]).reason.contains("restarted"), "{}", theatre.status(&ids[4]).reason);
    });
}

/// A session that waits for a message, and one that may be dead.
#[test]
fn a_clock_that_jumps_makes_nobody_stuck_or_dead() {
    for jump in [9 * HOUR, -9 * HOUR] {
        let theatre = Theatre::new();
        let (quiet, doubtful) = (theatre.launch("app"), theatre.launch("app"));
        theatre.play(async |host| {
            host.ready().await;
            theatre.does(&quiet, ActivityState::Ready, Strength::Strong);
            host.hint(&quiet);
            host.until_status(&quiet, StatusName::Ready).await;
            theatre.stage.says(&doubtful, dead());
            host.hint(&doubtful);
            host.until_status(&doubtful, StatusName::Detecting).await;
            // The lid is closed, or the clock is set: nobody looked meanwhile.
            theatre.jump(jump);
            assert_eq!(theatre.names(&[quiet.clone(), doubtful.clone()]), [StatusName::Ready, StatusName::Detecting]);
            host.hint(&quiet);
            host.hint(&doubtful);
            host.pass(Duration::from_secs(2)).await;
            assert_eq!(theatre.names(&[quiet.clone(), doubtful.clone()]), [StatusName::Ready, StatusName::Detecting]);
            theatre.stage.says(&doubtful, Liveness::Alive);
            // From here on time counts as always, but for the minute that a jump may add.
            let stuck = host.until_status(&quiet, StatusName::Stuck).await;
            let wanted = Policy::default().stuck_after;
            assert!(stuck + 3 * RESYNC > wanted && stuck < wanted + 2 * RESYNC, "{jump}: {stuck:?}");
        });
        assert_eq!(told(&theatre.log(), &doubtful).last(), Some(&StatusName::Working));
    }
}

/// A night of closing and opening the lid adds up to minutes, not to hours.
#[test]
fn jumps_to_and_fro_count_as_what_was_looked_at() {
    let theatre = Theatre::new();
    let quiet = theatre.launch("app");
    theatre.play(async |host| {
        host.ready().await;
        theatre.does(&quiet, ActivityState::Ready, Strength::Strong);
        host.pass(RESYNC).await;
        for _ in 0..5 {
            theatre.jump(7 * HOUR);
            host.pass(RESYNC / 2).await;
            theatre.jump(-7 * HOUR);
            host.pass(RESYNC / 2).await;
        }
        assert_ne!(theatre.status(&quiet).name, StatusName::Stuck, "{}", theatre.status(&quiet).reason);
    });
}
