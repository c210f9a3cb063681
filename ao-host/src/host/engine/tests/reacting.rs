//! Reactions from the facts to their effects, with time that passes at once.

use ao_core::lifecycle::decide::{Deed, Told as Heard};
use ao_core::model::DeliveryLevel;
use ao_core::model::facts::{End, EndKind};
use ao_core::slots::agent::Role;
use ao_core::slots::scm::{
    Check, CheckState, MergeOutcome, PullFound, PullObservation, PullRef, PullSnapshot, PullState, ReviewDecision,
    Snapshot, SnapshotRequest, Thread,
};
use ao_core::{Code, Error};

use super::*;
use crate::store::{OutboxEntry, OutboxState, Scope};

const PROJECTS: &str = "  app: { path: ., repo: acme/app, scm: SCM }\n";
const TICK: Duration = Duration::from_secs(31);

fn desk(rules: &str) -> Desk {
    let desk = Desk::new(&["app"], PROJECTS);
    let text = std::fs::read_to_string(desk.config()).unwrap() + rules;
    files::write_atomic(&desk.config(), text.as_bytes(), 0o600).unwrap();
    Trust::add_config(&desk.places.trust_file(), &desk.config(), text.as_bytes()).unwrap();
    desk.script().deliver = Some(Box::new(|_| Ok(DeliveryLevel::Acked)));
    desk
}

impl Desk {
    /// The pull request is so from now on.
    fn show(&self, change: impl FnOnce(&mut PullSnapshot)) {
        let mut snapshot = PullSnapshot::new(PullRef::new(7_u64), PullState::Open, "h1");
        snapshot.base_commit = Some("b1".to_owned());
        snapshot.conflicts = Some(Vec::new());
        change(&mut snapshot);
        self.script().snapshots = Some(Box::new(move |request: &SnapshotRequest| {
            let found = PullFound::Found { snapshot: Box::new(snapshot.clone()) };
            let of =
                |target: &ao_core::slots::scm::PullTarget| PullObservation::new(target.session.clone(), found.clone());
            Ok(Snapshot::new(request.targets.iter().map(of).collect::<Vec<_>>()))
        }));
    }

    fn heard(&self) -> Vec<String> {
        std::mem::take(&mut self.script().heard)
    }

    /// What was decided about the session, in this order.
    fn intents(&self) -> Vec<OutboxEntry> {
        self.manager("").store.intents_of(&Scope::session(&self.ids[0])).unwrap()
    }

    fn notices(&self) -> Vec<String> {
        let waiting = self.manager("").store.waiting_notices(100).unwrap();
        waiting.into_iter().map(|notice| notice.title).collect()
    }
}

fn check(state: CheckState) -> impl FnOnce(&mut PullSnapshot) {
    move |pull| {
        let mut check = Check::new("build", state);
        check.required = true;
        pull.checks = vec![check];
    }
}

fn escalations(intents: &[OutboxEntry]) -> usize {
    let is_one = |entry: &&OutboxEntry| matches!(entry.intent.deed, Deed::Notify { told: Heard::Escalated { .. }, .. });
    intents.iter().filter(is_one).count()
}

#[tokio::test]
async fn what_flaps_five_times_across_two_restarts_is_sent_twice_and_told_once() {
    let desk = desk("");
    desk.show(check(CheckState::Failed));
    let mut engine = desk.engine().await;
    let mut heard = desk.heard().len();
    for flap in 0..5 {
        desk.show(check(CheckState::Pending));
        engine.pass(&desk, TICK).await;
        if flap % 2 == 1 {
            // Another host takes over, which knows what the store knows.
            engine = desk.engine().await;
        }
        desk.show(check(CheckState::Failed));
        engine.pass(&desk, TICK).await;
        heard += desk.heard().len();
    }
    let intents = desk.intents();
    assert_eq!((heard, escalations(&intents)), (2, 1), "{intents:#?}");
    assert_eq!(desk.notices(), ["app-1: #7: required checks fail: build; it is not over after 2 actions"]);
    assert!(intents.iter().all(|entry| entry.state == OutboxState::Done), "{intents:#?}");
    desk.show(check(CheckState::Passed));
    engine.pass(&desk, TICK).await;
    desk.show(check(CheckState::Failed));
    engine.pass(&desk, TICK).await;
    assert_eq!(desk.heard().len(), 0, "what comes again at once was never over");
}

#[tokio::test]
async fn four_hundred_comments_are_one_message() {
    let desk = desk("");
    desk.show(|pull| {
        pull.threads = (0..400).map(|number| Thread::new(format!("t{number}"), "ann", "why?")).collect();
    });
    let mut engine = desk.engine().await;
    let heard = desk.heard();
    assert_eq!(heard.len(), 1);
    let message = desk.manager("").store.messages(&desk.ids[0]).unwrap().pop().unwrap();
    let text = fs_err::read_to_string(&message.file).unwrap();
    assert!((0..400).all(|number| text.contains(&format!("(thread t{number})"))), "{}", text.len());
    engine.pass(&desk, TICK).await;
    assert_eq!(desk.heard().len(), 0);
}

#[tokio::test]
async fn a_send_that_fails_is_tried_again_and_then_heard_once() {
    let desk = desk("");
    let failures = Arc::new(Mutex::new(1));
    let left = Arc::clone(&failures);
    desk.script().deliver = Some(Box::new(move |_| {
        let mut left = left.lock().unwrap();
        if *left > 0 {
            *left -= 1;
            return Err(Error::new(Code::UNAUTHORIZED, "not now"));
        }
        Ok(DeliveryLevel::Acked)
    }));
    desk.show(check(CheckState::Failed));
    let mut engine = desk.engine().await;
    assert_eq!(desk.heard().len(), 0);
    for _ in 0..4 {
        engine.pass(&desk, TICK).await;
    }
    assert_eq!(desk.heard().len(), 1);
    let states: Vec<_> = desk.intents().iter().map(|entry| entry.state).collect();
    assert_eq!(states, [OutboxState::Failed, OutboxState::Done]);
    // One that fails for good is told of.
    *failures.lock().unwrap() = 100;
    desk.show(|pull| {
        check(CheckState::Failed)(pull);
        pull.head = "h2".to_owned();
    });
    for _ in 0..8 {
        engine.pass(&desk, TICK).await;
    }
    assert_eq!((desk.heard().len(), escalations(&desk.intents())), (0, 1), "{:#?}", desk.intents());
}

#[tokio::test]
async fn what_is_green_is_merged_once_at_the_head_that_was_seen() {
    let desk = desk("reactions: { approved-and-green: { auto: true, action: auto-merge } }\n");
    let green = |pull: &mut PullSnapshot| {
        check(CheckState::Passed)(pull);
        pull.decision = ReviewDecision::Approved;
    };
    desk.show(|pull| {
        green(pull);
        pull.draft = true;
    });
    let mut engine = desk.engine().await;
    assert_eq!(desk.script().merges.len(), 0, "a draft is not for merging");
    // Nobody knows whether the first one happened; it has.
    desk.script().merge = Some(Box::new(|_| Err(Error::new(Code::TIMEOUT, "no answer"))));
    desk.show(green);
    engine.pass(&desk, TICK).await;
    let asked: Vec<_> = desk.script().merges.iter().map(|request| request.expected_head.clone()).collect();
    assert_eq!(asked, ["h1"]);
    desk.show(|pull| {
        green(pull);
        pull.state = PullState::Merged;
    });
    let mut engine = desk.engine().await;
    engine.pass(&desk, TICK).await;
    let [entry] = &desk.intents()[..] else { panic!("{:#?}", desk.intents()) };
    assert_eq!((entry.state, desk.script().merges.len()), (OutboxState::Done, 1), "{entry:#?}");
}

#[tokio::test]
async fn a_merge_that_came_too_late_is_no_merge_and_the_next_head_is_asked_for_anew() {
    let desk = desk("reactions: { approved-and-green: { auto: true, action: auto-merge } }\n");
    let at = |head: &str| {
        let head = head.to_owned();
        move |pull: &mut PullSnapshot| {
            check(CheckState::Passed)(pull);
            pull.decision = ReviewDecision::Approved;
            pull.head = head;
        }
    };
    desk.script().merge = Some(Box::new(|request| {
        if request.expected_head == "h1" {
            return Ok(MergeOutcome::HeadMoved);
        }
        Ok(MergeOutcome::Merged { commit: "m".to_owned() })
    }));
    desk.show(at("h1"));
    let mut engine = desk.engine().await;
    desk.show(at("h2"));
    engine.pass(&desk, TICK).await;
    engine.pass(&desk, TICK).await;
    let states: Vec<_> = desk.intents().iter().map(|entry| entry.state).collect();
    assert_eq!(states.iter().filter(|state| **state == OutboxState::Done).count(), 1, "{states:?}");
    let merges: Vec<_> = desk.script().merges.iter().map(|request| request.expected_head.clone()).collect();
    assert_eq!(merges.last().map(String::as_str), Some("h2"));
}

#[tokio::test]
async fn a_session_that_is_paused_is_left_alone() {
    let desk = desk("");
    let hold = ao_core::model::facts::Hold::new(ao_core::model::facts::HoldReason::Paused, desk.fake.world.now());
    desk.manager("").change(&desk.ids[0], |session| session.hold = Some(hold)).unwrap();
    desk.show(check(CheckState::Failed));
    let mut engine = desk.engine().await;
    engine.pass(&desk, TICK).await;
    assert_eq!((desk.heard().len(), desk.intents().len()), (0, 0));
    desk.manager("").change(&desk.ids[0], |session| session.hold = None).unwrap();
    engine.pass(&desk, TICK).await;
    assert_eq!(desk.heard().len(), 1);
}

#[tokio::test]
async fn what_a_crash_left_begun_is_not_done_twice() {
    for label in ["react.render_store.after", "react.settle.before", "react.ledger_count.after", "react.settle.after"] {
        let desk = desk("");
        desk.show(check(CheckState::Failed));
        let mut engine = desk.starting(&format!("{label}=error"));
        // A host that fails there is as good as killed.
        while engine.begin_calls().is_ok() {
            let Some(done) = engine.calls.join_next().await else { break };
            if engine.finish(done.unwrap()).is_err() {
                break;
            }
        }
        drop(engine);
        let mut engine = desk.engine().await;
        engine.pass(&desk, TICK).await;
        engine.pass(&desk, TICK).await;
        assert_eq!(desk.heard().len(), 1, "{label}");
        assert!(desk.intents().iter().all(|entry| entry.state == OutboxState::Done), "{label}: {:#?}", desk.intents());
    }
}

#[tokio::test]
async fn a_project_is_complete_while_its_orchestrator_goes_on() {
    let desk = desk("");
    let manager = desk.manager("");
    let orchestrator = desk.launch(&manager, "app", 200);
    manager.change(&orchestrator, |session| session.role = Role::Orchestrator).unwrap();
    let mut engine = desk.engine().await;
    engine.pass(&desk, TICK).await;
    assert_eq!(desk.notices(), [""; 0], "one works");
    let now = desk.fake.world.now();
    manager.change(&desk.ids[0], |session| session.end = Some(End::new(EndKind::Killed, now))).unwrap();
    engine.pass(&desk, TICK).await;
    engine.pass(&desk, TICK).await;
    let told = desk.notices();
    assert!(matches!(&told[..], [one] if one == "Every worker of app has ended."), "{told:?}");
}
