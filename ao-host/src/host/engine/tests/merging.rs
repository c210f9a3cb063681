//! What becomes of sessions whose pull requests are merged.

use ao_core::Error;
use ao_core::model::facts::{EndKind, HoldReason};
use ao_core::slots::agent::{Activity, ActivityState, Role, Strength};
use ao_core::slots::runtime::Destroyed;
use ao_core::slots::scm::{PullFound, PullObservation, PullRef, PullSnapshot, PullState, Snapshot};

use super::*;

const CLEANED: &str = "  app: { path: ., scm: SCM, lifecycle: { mergeGrace: 4m } }\n  \
                       kept: { path: ./kept, scm: SCM, lifecycle: { cleanupOnMerge: false } }\n";

/// A desk whose agents do this, where every session has a merged pull request, and no process outlives its end.
fn desk(sessions: &[&str], doing: ActivityState) -> Desk {
    let desk = Desk::new(sessions, CLEANED);
    desk.script().snapshots = Some(Box::new(|request| {
        let snapshot = PullSnapshot::new(PullRef::new(7_u64), PullState::Merged, "head");
        let found = PullFound::Found { snapshot: Box::new(snapshot) };
        let of = |target: &ao_core::slots::scm::PullTarget| PullObservation::new(target.session.clone(), found.clone());
        Ok(Snapshot::new(request.targets.iter().map(of).collect::<Vec<_>>()))
    }));
    desk.script().agents = Some(Box::new(move |request| {
        let of = |target: &ao_core::slots::agent::AgentTarget| {
            let mut seen = AgentObservation::new(target.session.clone());
            seen.activity = Some(Activity::new(doing, "hook", Strength::Strong, request.now));
            seen
        };
        Ok(request.targets.iter().map(of).collect())
    }));
    desk.script().destroy = Some(Box::new(|_| Ok(Destroyed::new())));
    desk
}

fn end(desk: &Desk, index: usize) -> Option<EndKind> {
    desk.session(index).end.map(|end| end.kind)
}

#[tokio::test]
async fn an_idle_agent_is_ended_at_once_and_a_busy_one_after_its_grace() {
    let idle = desk(&["app", "kept"], ActivityState::Ready);
    let mut engine = idle.engine().await;
    engine.pass(&idle, Duration::from_secs(30)).await;
    assert_eq!((end(&idle, 0), end(&idle, 1)), (Some(EndKind::Merged), None));
    assert_eq!((idle.status(0), idle.status(1)), (StatusName::Merged, StatusName::Merged));
    assert_eq!(idle.log(Some(0)).iter().filter(|kind| *kind == "session.killed").count(), 1);

    let busy = desk(&["app"], ActivityState::Active);
    let mut engine = busy.engine().await;
    for _ in 0..7 {
        engine.pass(&busy, Duration::from_secs(30)).await;
        assert_eq!(end(&busy, 0), None);
    }
    engine.pass(&busy, Duration::from_secs(40)).await;
    assert_eq!(end(&busy, 0), Some(EndKind::Merged));
}

#[tokio::test]
async fn what_fails_is_tried_again_later_and_by_the_next_host() {
    let desk = desk(&["app"], ActivityState::Ready);
    desk.script().destroy = Some(Box::new(|_| Err(Error::unavailable("not now"))));
    let mut engine = desk.engine().await;
    engine.pass(&desk, Duration::from_secs(1)).await;
    assert_eq!((end(&desk, 0), desk.script().destroyed), (None, 1), "not again at once");
    engine.pass(&desk, Duration::from_secs(16)).await;
    assert_eq!((end(&desk, 0), desk.script().destroyed), (None, 2));
    desk.script().destroy = Some(Box::new(|_| Ok(Destroyed::new())));
    drop(engine);
    desk.engine().await;
    assert_eq!(end(&desk, 0), Some(EndKind::Merged));
}

#[tokio::test]
async fn an_orchestrator_and_one_that_a_human_holds_are_left_alone() {
    let desk = desk(&["app", "app"], ActivityState::Ready);
    let manager = desk.manager("");
    manager.change(&desk.ids[0], |session| session.role = Role::Orchestrator).unwrap();
    let now = desk.fake.world.now();
    let hold = ao_core::model::facts::Hold::new(HoldReason::Paused, now);
    manager.change(&desk.ids[1], |session| session.hold = Some(hold)).unwrap();
    let mut engine = desk.engine().await;
    engine.pass(&desk, Duration::from_mins(10)).await;
    assert_eq!((end(&desk, 0), end(&desk, 1)), (None, None));
    manager.change(&desk.ids[1], |session| session.hold = None).unwrap();
    engine.pass(&desk, Duration::from_secs(30)).await;
    assert_eq!((end(&desk, 0), end(&desk, 1)), (None, Some(EndKind::Merged)));
}
