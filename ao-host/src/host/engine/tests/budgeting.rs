//! Conversations that use more than they may.

use ao_core::model::facts::{End, EndKind, HoldReason};
use ao_core::model::{DeliveryLevel, Notice, NoticeState};
use ao_core::slots::agent::{Activity, ActivityState, AgentTarget, DeliverPlan, ModelUsage, Strength};
use ao_core::slots::notifier::Priority;
use ao_core::slots::runtime::{Input, Key};

use super::*;
use crate::sessions::Held;

const SECOND: Duration = Duration::from_secs(1);

/// What each session has used of a model that costs a dollar a million tokens.
type Uses = Arc<Mutex<BTreeMap<SessionId, u64>>>;

fn project(budgets: &str) -> String {
    format!("  app: {{ path: ., budgets: {{ {budgets} }} }}\n")
}

/// A desk with sessions of one project and its budgets, whose agents do this until a key interrupts them.
fn desk(sessions: usize, budgets: &str, doing: ActivityState) -> (Desk, Uses) {
    let (desk, uses, _) = desk_whose_agents_are(sessions, budgets, doing, ActivityState::Ready);
    (desk, uses)
}

/// What agents do, where it is not what they did at first.
type Doing = Arc<Mutex<BTreeMap<SessionId, ActivityState>>>;

/// The same, with what they do once they were interrupted.
fn desk_whose_agents_are(
    sessions: usize,
    budgets: &str,
    first: ActivityState,
    interrupted: ActivityState,
) -> (Desk, Uses, Doing) {
    let desk = Desk::new(&vec!["app"; sessions], &project(budgets));
    let (uses, doing) = (Uses::default(), Doing::default());
    let (used, now) = (Arc::clone(&uses), Arc::clone(&doing));
    desk.script().agents = Some(Box::new(move |request| {
        let of = |target: &AgentTarget| {
            let mut seen = AgentObservation::new(target.session.clone());
            let state = now.lock().unwrap().get(&target.session).copied().unwrap_or(first);
            seen.activity = Some(Activity::new(state, "hook", Strength::Strong, request.now));
            let mut usage = ModelUsage::new("claude-haiku-4-5");
            usage.input_tokens = used.lock().unwrap().get(&target.session).copied().unwrap_or_default();
            seen.usage = Some(vec![usage]);
            seen
        };
        Ok(request.targets.iter().map(of).collect())
    }));
    let now = Arc::clone(&doing);
    desk.script().interrupt = Some(Box::new(move |request| {
        now.lock().unwrap().insert(request.session.clone(), interrupted);
        Ok(DeliverPlan::Runtime { inputs: vec![Input::Key { key: Key::Escape }] })
    }));
    (desk, uses, doing)
}

impl Desk {
    fn uses(&self, uses: &Uses, index: usize, tokens: u64) {
        uses.lock().unwrap().insert(self.ids[index].clone(), tokens);
    }

    fn works(&self, doing: &Doing, index: usize) {
        doing.lock().unwrap().insert(self.ids[index].clone(), ActivityState::Active);
    }

    fn held(&self, index: usize) -> Option<HoldReason> {
        self.session(index).hold.map(|hold| hold.reason)
    }

    fn budget_notices(&self) -> Vec<Notice> {
        self.manager("").store.waiting_notices(100).unwrap()
    }

    fn typed(&self) -> usize {
        std::mem::take(&mut self.script().typed).len()
    }

    /// How often a session's log says that it has used what it may.
    fn exceeded(&self, index: usize) -> usize {
        self.log(Some(index)).iter().filter(|kind| *kind == "budget.exceeded").count()
    }
}

#[tokio::test]
async fn who_has_used_what_it_may_is_held_interrupted_and_told_of_once() {
    let (desk, uses, doing) =
        desk_whose_agents_are(2, "session: { tokens: 1000 }", ActivityState::Active, ActivityState::Ready);
    desk.uses(&uses, 0, 999);
    let mut engine = desk.engine().await;
    assert_eq!((desk.held(0), desk.budget_notices(), desk.typed()), (None, vec![], 0));

    desk.uses(&uses, 0, 1001);
    engine.pass(&desk, 30 * SECOND).await;
    assert_eq!((desk.held(0), desk.held(1)), (Some(HoldReason::Budget), None));
    assert_eq!((desk.status(0), desk.typed(), desk.exceeded(0)), (StatusName::Paused, 1, 1));
    let notices = desk.budget_notices();
    let [notice] = notices.as_slice() else { panic!("{notices:?}") };
    assert_eq!(notice.title, "held: `budgets.session.tokens` is 1000 tokens, and `app-1` has used 1001 tokens");
    assert!(notice.body.starts_with("its agent's turn was interrupted\n"), "{}", notice.body);
    assert_eq!((notice.priority, notice.session.as_ref()), (Priority::Urgent, Some(&desk.ids[0])));

    // It goes on to use more; another host begins.
    for tokens in [2000, 3000] {
        desk.uses(&uses, 0, tokens);
        engine.pass(&desk, 30 * SECOND).await;
    }
    drop(engine);
    let mut engine = desk.engine().await;
    engine.pass(&desk, 30 * SECOND).await;
    assert_eq!((desk.budget_notices().len(), desk.typed(), desk.exceeded(0)), (1, 0, 1));
    assert_eq!(desk.held(0), Some(HoldReason::Budget));
    assert!(matches!(desk.manager("").resume(&desk.ids[0]).unwrap(), Held::Unchanged { .. }), "asking lifts it not");

    desk.configure(&project("session: { tokens: 5000 }"));
    engine.reload(&desk.config(), &mut |_| ()).unwrap();
    engine.look().await;
    assert_eq!((desk.held(0), desk.status(0)), (None, StatusName::Ready), "raised, it is lifted");
    desk.uses(&uses, 0, 5000);
    desk.works(&doing, 0);
    engine.pass(&desk, 30 * SECOND).await;
    assert_eq!((desk.held(0), desk.budget_notices().len(), desk.typed()), (Some(HoldReason::Budget), 2, 1));

    // Raised once more and put back: that is another hold, and nobody has heard of it.
    desk.configure(&project("session: { tokens: 6000 }"));
    engine.reload(&desk.config(), &mut |_| ()).unwrap();
    engine.look().await;
    desk.configure(&project("session: { tokens: 5000 }"));
    engine.reload(&desk.config(), &mut |_| ()).unwrap();
    engine.pass(&desk, 30 * SECOND).await;
    assert_eq!((desk.held(0), desk.budget_notices().len()), (Some(HoldReason::Budget), 3));

    // Nobody knows what a configuration says that is not trusted.
    desk.configure("");
    let untrusted = std::fs::read_to_string(desk.config()).unwrap() + "# another\n";
    files::write_atomic(&desk.config(), untrusted.as_bytes(), 0o600).unwrap();
    drop(engine);
    desk.engine().await;
    assert_eq!(desk.held(0), Some(HoldReason::Budget));
}

#[tokio::test]
async fn a_project_is_counted_together_with_its_ended_sessions() {
    let (desk, uses) = desk(3, "project: { usd: 0.003 }", ActivityState::Active);
    for index in 0..3 {
        desk.uses(&uses, index, 900);
    }
    let mut engine = desk.engine().await;
    assert_eq!([0, 1, 2].map(|index| desk.held(index)), [None; 3], "0.0027 dollars");
    let now = desk.fake.world.now();
    desk.manager("").change(&desk.ids[0], |session| session.end = Some(End::new(EndKind::Killed, now))).unwrap();
    engine.read_store().unwrap();
    desk.uses(&uses, 1, 1200);
    engine.pass(&desk, 30 * SECOND).await;
    let budget = Some(HoldReason::Budget);
    assert_eq!([0, 1, 2].map(|index| desk.held(index)), [None, budget, budget]);
    // Each of its sessions is interrupted, and a human is told once.
    let notices = desk.budget_notices();
    let [notice] = notices.as_slice() else { panic!("{notices:?}") };
    assert_eq!(
        notice.title,
        "held: `budgets.project.usd` is $0.003, and the sessions of `app` have used $0.003 together"
    );
    assert_eq!(notice.session, None);
    for id in ["app-2", "app-3"] {
        assert!(notice.body.contains(&format!("\n`{id}`: its agent's turn was interrupted")), "{}", notice.body);
    }
    assert_eq!((desk.typed(), [0, 1, 2].map(|index| desk.exceeded(index))), (2, [0, 1, 1]));

    // More is used, and another host begins.
    desk.uses(&uses, 2, 5000);
    engine.pass(&desk, 30 * SECOND).await;
    drop(engine);
    let mut engine = desk.engine().await;
    engine.pass(&desk, 30 * SECOND).await;
    assert_eq!((desk.budget_notices().len(), desk.typed(), desk.exceeded(1), desk.exceeded(2)), (1, 0, 1, 1));

    // Another limit is another notice.
    desk.configure(&project("project: { usd: 0.004 }"));
    engine.reload(&desk.config(), &mut |_| ()).unwrap();
    desk.uses(&uses, 2, 6000);
    engine.pass(&desk, 30 * SECOND).await;
    assert_eq!((desk.budget_notices().len(), desk.exceeded(1), desk.exceeded(2)), (2, 2, 2));
}

#[tokio::test]
async fn a_model_without_a_price_is_told_of_once_where_dollars_are_counted() {
    for (budgets, told) in [("session: { usd: 1 }", 1), ("project: { usd: 1 }", 1), ("session: { tokens: 9000 }", 0)] {
        let desk = Desk::new(&["app", "app"], &project(budgets));
        super::telling::configure_with(&desk, &project(budgets), &[("mail", "fake")]);
        desk.script().notify = Some(Box::new(|_, _| Err(Error::unavailable("nobody is there"))));
        desk.script().agents = Some(Box::new(|request| {
            let of = |target: &AgentTarget| {
                let mut seen = AgentObservation::new(target.session.clone());
                seen.activity = Some(Activity::new(ActivityState::Active, "hook", Strength::Strong, request.now));
                let mut usage = ModelUsage::new("brand-new-9");
                usage.input_tokens = 1000;
                seen.usage = Some(vec![usage]);
                seen
            };
            Ok(request.targets.iter().map(of).collect())
        }));
        let mut engine = desk.engine().await;
        engine.pass(&desk, 30 * SECOND).await;
        let notices = desk.budget_notices();
        assert_eq!(notices.len(), told, "{budgets}: {notices:?}");
        let Some(notice) = notices.first() else { continue };
        let key = if budgets.starts_with("session") { "budgets.session.usd" } else { "budgets.project.usd" };
        let title = format!("`{key}` does not count `brand-new-9`, which sessions of `app` use: it has no price");
        assert_eq!((notice.title.as_str(), notice.priority, desk.held(0)), (title.as_str(), Priority::Warning, None));

        let priced = format!("{}prices:\n  brand-new-9: {{ input: 1, output: 1 }}\n", project(budgets));
        super::telling::configure_with(&desk, &priced, &[("mail", "fake")]);
        engine.reload(&desk.config(), &mut |_| ()).unwrap();
        engine.look().await;
        engine.pass(&desk, 30 * SECOND).await;
        assert_eq!(desk.manager("").store.notice(&notice.id).unwrap().unwrap().state, NoticeState::Withdrawn);
    }
}

#[tokio::test]
async fn an_agent_that_cannot_be_interrupted_goes_on_and_one_that_waits_is_left_alone() {
    let (busy, uses) = desk(1, "session: { tokens: 10 }", ActivityState::Active);
    busy.script().interrupt = None;
    busy.uses(&uses, 0, 10);
    busy.engine().await;
    let body = busy.budget_notices().remove(0).body;
    assert!(body.starts_with("its agent could not be interrupted and goes on: "), "{body}");
    assert!(body.contains("`ao session kill app-1` ends it"), "{body}");
    assert_eq!(busy.session(0).op, None);

    let (idle, uses) = desk(1, "session: { tokens: 10 }", ActivityState::Ready);
    idle.uses(&uses, 0, 10);
    idle.engine().await;
    assert_eq!((idle.held(0), idle.typed()), (Some(HoldReason::Budget), 0));
    assert!(idle.budget_notices()[0].body.starts_with("its agent waits for a message"));

    // What looks busy, and is held back by its plugin before its turn has begun.
    let (opening, uses) = desk(1, "session: { tokens: 10 }", ActivityState::Active);
    opening.script().interrupt = Some(Box::new(|_| Ok(DeliverPlan::Done { level: DeliveryLevel::Withdrawn })));
    opening.uses(&uses, 0, 10);
    opening.engine().await;
    assert!(opening.budget_notices()[0].body.starts_with("its agent waits for a message"));
}

#[tokio::test]
async fn a_pause_outlasts_a_budget_and_whoever_ends_it_does_not_lift_the_budget() {
    let spent = "session: { tokens: 10 }";
    let (desk, uses) = desk(2, spent, ActivityState::Active);
    let mut engine = desk.engine().await;
    desk.manager("").pause(&desk.ids[0]).unwrap();
    engine.read_store().unwrap();
    desk.uses(&uses, 0, 10);
    desk.uses(&uses, 1, 10);
    engine.pass(&desk, 30 * SECOND).await;
    let budget = Some(HoldReason::Budget);
    assert_eq!((desk.held(0), desk.held(1), desk.budget_notices().len(), desk.typed()), (budget, budget, 2, 2));
    // Paused before and behind it; the second is resumed again.
    desk.manager("").pause(&desk.ids[1]).unwrap();
    assert!(matches!(desk.manager("").pause(&desk.ids[1]).unwrap(), Held::Unchanged { .. }), "twice is once");
    let Held::Unchanged { why } = desk.manager("").resume(&desk.ids[1]).unwrap() else { panic!("it is lifted") };
    assert_eq!(why, "its budget is used up, which no `ao resume` lifts; it is not paused any more");
    engine.read_store().unwrap();
    engine.look().await;
    assert_eq!((desk.held(0), desk.held(1), desk.budget_notices().len()), (budget, budget, 2), "nothing new");

    desk.configure(&project("session: { tokens: 50 }"));
    engine.reload(&desk.config(), &mut |_| ()).unwrap();
    engine.look().await;
    assert_eq!((desk.held(0), desk.held(1)), (Some(HoldReason::Paused), None));
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_goes_on_is_interrupted_again_and_told_of_once() {
    let (desk, uses, doing) =
        desk_whose_agents_are(1, "session: { tokens: 10 }", ActivityState::Active, ActivityState::Active);
    desk.uses(&uses, 0, 10);
    let mut engine = desk.engine().await;
    let body = desk.budget_notices().remove(0).body;
    let words = "its agent could not be interrupted and goes on: it was not seen to stop within 10 s\n";
    assert!(body.starts_with(words), "{body}");
    desk.typed();
    engine.pass(&desk, SECOND).await;
    assert_eq!(desk.typed(), 0, "not at once");
    for _ in 0..2 {
        engine.pass(&desk, 45 * SECOND).await;
        assert_eq!(desk.typed(), 1);
    }
    doing.lock().unwrap().insert(desk.ids[0].clone(), ActivityState::Ready);
    engine.pass(&desk, 45 * SECOND).await;
    assert_eq!((desk.typed(), desk.budget_notices().len(), desk.exceeded(0)), (0, 1, 1));
    // Somebody has it go on at its terminal.
    desk.works(&doing, 0);
    engine.pass(&desk, 45 * SECOND).await;
    assert_eq!((desk.typed(), desk.budget_notices().len()), (1, 1));
}

#[tokio::test]
async fn no_key_is_given_to_an_agent_that_asks_or_of_which_nothing_is_known() {
    for (state, says) in [
        (ActivityState::WaitingInput, "its agent asks something, and was left alone\n"),
        (ActivityState::Unknown, "its agent could not be interrupted and goes on: what it does cannot be told\n"),
    ] {
        let (desk, uses) = desk(1, "session: { tokens: 10 }", state);
        desk.uses(&uses, 0, 10);
        desk.engine().await;
        let body = desk.budget_notices().remove(0).body;
        assert!(body.starts_with(says), "{body}");
        assert_eq!((desk.held(0), desk.typed()), (Some(HoldReason::Budget), 0));
    }
}

#[tokio::test]
async fn a_notice_of_a_session_that_has_ended_is_taken_back() {
    let id = |desk: &Desk| {
        let held = desk.session(0).hold.expect("it is held").at.as_millis();
        format!("*budget/app-1/budgets.session.tokens/10/{held}")
    };
    let (desk, uses) = desk(1, "session: { tokens: 10 }", ActivityState::Active);
    super::telling::configure_with(&desk, &project("session: { tokens: 10 }"), &[("mail", "fake")]);
    desk.script().notify = Some(Box::new(|_, _| Err(Error::unavailable("nobody is there"))));
    desk.uses(&uses, 0, 10);
    let mut engine = desk.engine().await;
    let state = |desk: &Desk| desk.manager("").store.notice(&id(desk)).unwrap().unwrap().state;
    assert_eq!(state(&desk), NoticeState::Open);
    let now = desk.fake.world.now();
    desk.manager("").change(&desk.ids[0], |session| session.end = Some(End::new(EndKind::Killed, now))).unwrap();
    engine.read_store().unwrap();
    engine.pass(&desk, 30 * SECOND).await;
    assert_eq!(state(&desk), NoticeState::Withdrawn);
}

#[tokio::test]
async fn a_host_that_is_killed_on_the_way_leaves_no_session_untold() {
    let points = ["budget.interrupt.before", "budget.notice.before"];
    for (point, whose) in points.into_iter().flat_map(|point| [(point, "session"), (point, "project")]) {
        let (desk, uses) = desk(1, &format!("{whose}: {{ tokens: 10 }}"), ActivityState::Active);
        desk.uses(&uses, 0, 10);
        desk.killed_at(point).await;
        assert_eq!((desk.held(0), desk.budget_notices().len()), (Some(HoldReason::Budget), 0), "{point}");
        let mut engine = desk.engine().await;
        engine.pass(&desk, 30 * SECOND).await;
        assert_eq!((desk.budget_notices().len(), desk.exceeded(0)), (1, 1), "{point}");
        assert_eq!(desk.typed(), 1, "what has stopped is not interrupted again: {point}");
    }
}
