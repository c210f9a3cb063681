//! Notices on their way to notifiers, with time that passes at once.

use ao_core::lifecycle::notices::PATIENCE as A_DAY;
use ao_core::model::{DeliveryState, Notice, NoticeState};
use ao_core::slots::notifier::{Notified, Priority};
use ao_core::{Code, Error};

use super::*;

const PROJECTS: &str = "  app: { path: . }\n";
const MINUTE: Duration = Duration::from_mins(1);

/// A desk whose configuration has these notifiers, with their plugins, and tells all of them of everything.
fn desk(notifiers: &[(&str, &str)]) -> Desk {
    let desk = Desk::new(&["app"], PROJECTS);
    configure(&desk, notifiers);
    desk
}

fn configure(desk: &Desk, notifiers: &[(&str, &str)]) {
    configure_with(desk, PROJECTS, notifiers);
}

/// These projects, and these notifiers with their plugins, who are told of everything.
pub(super) fn configure_with(desk: &Desk, projects: &str, notifiers: &[(&str, &str)]) {
    desk.configure(projects);
    let names: Vec<_> = notifiers.iter().map(|(name, _)| *name).collect();
    let named = |(name, plugin): &(&str, &str)| {
        format!("  {name}: {{ plugin: {plugin}, desk: \"{}\", name: {name} }}\n", desk.root)
    };
    let named: String = notifiers.iter().map(named).collect();
    let text = std::fs::read_to_string(desk.config()).unwrap();
    let text = text.replace("defaults: {", &format!("defaults: {{ notifiers: [{}],", names.join(", ")));
    let text = if named.is_empty() { text } else { format!("{text}notifiers:\n{named}") };
    files::write_atomic(&desk.config(), text.as_bytes(), 0o600).unwrap();
    Trust::add_config(&desk.places.trust_file(), &desk.config(), text.as_bytes()).unwrap();
}

impl Desk {
    fn add(&self, id: &str) {
        let mut notice = Notice::new(id, Priority::Action, "a title", self.fake.world.now());
        notice.config_file = Some(self.config());
        assert!(self.manager("").store.add_notice(Fence::None, &notice, &[]).unwrap());
    }

    fn notice(&self, id: &str) -> Notice {
        self.manager("").store.notice(id).unwrap().unwrap()
    }

    fn delivery(&self, id: &str, alias: &str) -> DeliveryState {
        self.notice(id).delivery(&plugin(alias)).unwrap().state
    }

    /// Who was asked to tell since this was last asked.
    fn told(&self) -> Vec<String> {
        std::mem::take(&mut self.script().told).into_iter().map(|(name, _)| name).collect()
    }

    fn answer(&self, answer: impl Fn(&str) -> Result<Notified> + Send + 'static) {
        self.script().notify = Some(Box::new(move |name, _| answer(name)));
    }
}

impl Engine {
    /// Hears that somebody else has written, and does what is due.
    async fn heed_store(&mut self) {
        self.read_store().unwrap();
        self.look().await;
    }

    /// Lets time pass for the engine and for the clock of the machine.
    async fn wait(&mut self, desk: &Desk, by: Duration) {
        tokio::time::advance(by).await;
        desk.fake.clock.advance(by);
        self.look().await;
    }
}

fn busy() -> Error {
    // A refusal, so that the plugin is called again.
    Error::new(Code::RATE_LIMITED, "not so fast")
}

#[tokio::test(start_paused = true)]
async fn all_of_the_route_are_told_each_once() {
    let desk = desk(&[("desk", "fake"), ("phone", "fake"), ("hook", "keyed")]);
    desk.add("n1");
    let mut engine = desk.engine().await;
    assert_eq!(desk.told(), ["desk", "phone", "hook"]);
    assert_eq!((desk.notice("n1").state, desk.notice("n1").is_open()), (NoticeState::Told, false));
    engine.wait(&desk, 10 * MINUTE).await;
    desk.add("n2");
    engine.heed_store().await;
    assert_eq!(desk.script().told.iter().filter(|(_, id)| id == "n2").count(), 3, "at once, and only that");
    assert_eq!(desk.told().len(), 3);
    let sent = desk.log(None).iter().filter(|kind| *kind == "notify.sent").count();
    assert_eq!(sent, 6);
}

#[tokio::test(start_paused = true)]
async fn where_nobody_is_named_the_inbox_is_where_it_is_told() {
    let desk = desk(&[]);
    desk.add("n1");
    desk.engine().await;
    assert_eq!((desk.notice("n1").state, desk.notice("n1").deliveries), (NoticeState::Told, vec![]));
}

#[tokio::test(start_paused = true)]
async fn what_fails_for_an_hour_is_delivered_once_and_late() {
    let desk = desk(&[("phone", "fake")]);
    desk.answer(|_| Err(busy()));
    desk.add("n1");
    let mut engine = desk.engine().await;
    for _ in 0..120 {
        engine.wait(&desk, MINUTE / 2).await;
    }
    let tries = desk.told().len();
    assert!((15..=20).contains(&tries), "{tries}");
    let notice = desk.notice("n1");
    assert!(notice.state == NoticeState::Open && notice.is_undelivered() && notice.is_open());
    assert_eq!(notice.deliveries[0].why.as_deref(), Some("not so fast"));
    desk.answer(|_| Ok(Notified::new()));
    for _ in 0..40 {
        engine.wait(&desk, MINUTE / 2).await;
    }
    assert_eq!((desk.told().len(), desk.notice("n1").state), (1, NoticeState::Told));
    let log = desk.log(None);
    let count = |kind: &str| log.iter().filter(|one| *one == kind).count();
    assert_eq!((count("notify.failed"), count("notify.sent")), (1, 1), "one reason is told once");
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_asks_for_patience_gets_it() {
    let desk = desk(&[("phone", "fake")]);
    desk.answer(|_| {
        let mut error = busy();
        error.retry_after_ms = Some(90_000);
        Err(error)
    });
    desk.add("n1");
    let mut engine = desk.engine().await;
    engine.wait(&desk, Duration::from_secs(89)).await;
    assert_eq!(desk.told().len(), 1);
    engine.wait(&desk, Duration::from_secs(1)).await;
    assert_eq!(desk.told().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_may_have_arrived_is_repeated_only_where_the_receiver_drops_it() {
    let desk = desk(&[("blind", "fake"), ("hook", "keyed")]);
    desk.answer(|_| Err(Error::new(Code::TIMEOUT, "too slow")));
    desk.add("n1");
    let mut engine = desk.engine().await;
    for _ in 0..3 {
        engine.wait(&desk, MINUTE).await;
    }
    let told = std::mem::take(&mut desk.script().told);
    assert_eq!(told.iter().filter(|(name, _)| name == "blind").count(), 1);
    assert!(told.iter().filter(|(name, id)| name == "hook" && id == "n1").count() > 2, "{told:?}");
    assert_eq!(desk.delivery("n1", "blind"), DeliveryState::Uncertain);
    assert_eq!(desk.delivery("n1", "hook"), DeliveryState::Waiting);
    assert_eq!(desk.notice("n1").state, NoticeState::Open);

    configure(&desk, &[("blind", "fake")]);
    desk.add("n2");
    let mut engine = desk.engine().await;
    engine.wait(&desk, 10 * MINUTE).await;
    assert_eq!(desk.notice("n2").state, NoticeState::Undelivered, "nobody knows, and nobody tries again");
    assert!(desk.log(None).contains(&"notify.undelivered".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_host_that_is_killed_while_it_tells_leaves_no_more_doubt_than_there_is() {
    for (plugin, point, expected) in [
        ("fake", "before", (DeliveryState::Uncertain, 0)),
        ("fake", "after", (DeliveryState::Uncertain, 0)),
        ("keyed", "before", (DeliveryState::Sent, 1)),
        ("keyed", "after", (DeliveryState::Sent, 1)),
    ] {
        let desk = desk(&[("phone", plugin)]);
        desk.add("n1");
        desk.killed_at(&format!("react.notify_post.{point}")).await;
        assert_eq!(desk.delivery("n1", "phone"), DeliveryState::Trying);
        assert_eq!(desk.told().len(), usize::from(point == "after"));
        let mut engine = desk.engine().await;
        engine.wait(&desk, 10 * MINUTE).await;
        assert_eq!((desk.delivery("n1", "phone"), desk.told().len()), expected, "{plugin} {point}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_notifier_holds_nobody_up() {
    let desk = desk(&[("slow", "fake"), ("quick", "fake")]);
    desk.script().silent.insert("slow".to_owned());
    desk.add("n1");
    desk.add("n2");
    let mut engine = desk.starting("");
    engine.begin_calls().unwrap();
    // Sessions are looked at meanwhile.
    while desk.delivery_of("n2", "quick") != Some(DeliveryState::Sent) || !engine.has_looked() {
        let done = engine.calls.join_next().await.expect("a call").unwrap();
        engine.finish(done).unwrap();
        engine.begin_calls().unwrap();
    }
    assert_eq!(desk.notice("n1").state, NoticeState::Told);
    assert_eq!(desk.delivery("n1", "slow"), DeliveryState::Trying);
    assert_eq!(desk.delivery("n2", "slow"), DeliveryState::Waiting, "one call an instance at a time");
}

impl Desk {
    fn delivery_of(&self, id: &str, alias: &str) -> Option<DeliveryState> {
        self.notice(id).delivery(&plugin(alias)).map(|delivery| delivery.state)
    }
}

#[tokio::test(start_paused = true)]
async fn a_notifier_that_there_is_not_is_looked_for_again() {
    let desk = desk(&[("phone", "no-such")]);
    desk.add("n1");
    let mut engine = desk.engine().await;
    let notice = desk.notice("n1");
    let why = notice.deliveries[0].why.clone().unwrap();
    assert!(notice.is_undelivered() && why.contains("no notifier plugin is named `no-such`"), "{why}");
    configure(&desk, &[("phone", "fake")]);
    engine.reload(&desk.config(), &mut |_| ()).unwrap();
    engine.look().await;
    assert_eq!((desk.told(), desk.notice("n1").state), (vec!["phone".to_owned()], NoticeState::Told));
}

#[tokio::test(start_paused = true)]
async fn a_configuration_that_is_not_trusted_tells_nobody_until_it_is() {
    let desk = desk(&[("phone", "fake")]);
    let text = std::fs::read_to_string(desk.config()).unwrap();
    files::write_atomic(&desk.config(), format!("{text}# another\n").as_bytes(), 0o600).unwrap();
    desk.add("n1");
    let mut engine = desk.engine().await;
    let notice = desk.notice("n1");
    assert!(notice.is_undelivered() && notice.why.unwrap().contains("is not trusted"));
    configure(&desk, &[("phone", "fake")]);
    engine.reload(&desk.config(), &mut |_| ()).unwrap();
    engine.wait(&desk, MINUTE).await;
    assert_eq!((desk.told().len(), desk.notice("n1").why, desk.notice("n1").state), (1, None, NoticeState::Told));
}

#[tokio::test(start_paused = true)]
async fn neither_a_clock_that_jumps_nor_a_night_asleep_exhausts_it() {
    let desk = desk(&[("phone", "fake")]);
    desk.answer(|_| Err(busy()));
    desk.add("n1");
    let mut engine = desk.engine().await;
    for _ in 0..3 {
        desk.fake.clock.advance(2 * A_DAY);
        engine.wait(&desk, MINUTE).await;
    }
    // Another host, days later.
    desk.fake.clock.advance(2 * A_DAY);
    let mut engine = desk.engine().await;
    engine.wait(&desk, MINUTE).await;
    let delivery = &desk.notice("n1").deliveries[0];
    assert_eq!(delivery.state, DeliveryState::Waiting);
    assert!(delivery.waited_ms <= 6 * 60_000, "{}", delivery.waited_ms);
    let nearly = u64::try_from(A_DAY.saturating_sub(12 * MINUTE).as_millis()).unwrap();
    let most_of_a_day = &mut |notice: &mut Notice| {
        notice.deliveries[0].waited_ms = nearly;
        Vec::new()
    };
    desk.manager("").store.change_notice(Fence::None, "n1", most_of_a_day).unwrap();
    engine.wait(&desk, 5 * MINUTE).await;
    assert_eq!(desk.notice("n1").state, NoticeState::Open);
    for _ in 0..3 {
        engine.wait(&desk, 5 * MINUTE).await;
    }
    assert_eq!(desk.notice("n1").state, NoticeState::Undelivered, "a day in which somebody looked");
}

#[tokio::test(start_paused = true)]
async fn who_has_seen_it_is_not_told() {
    let desk = desk(&[("phone", "fake")]);
    desk.answer(|_| Err(busy()));
    desk.add("n1");
    let mut engine = desk.engine().await;
    let (store, now) = (desk.manager("").store, desk.fake.world.now());
    let seen = &mut |notice: &mut Notice| {
        notice.acknowledge("ada", now);
        Vec::new()
    };
    store.change_notice(Fence::None, "n1", seen).unwrap();
    desk.told();
    engine.heed_store().await;
    engine.wait(&desk, 10 * MINUTE).await;
    assert_eq!((desk.told().len(), desk.notice("n1").state), (0, NoticeState::Told));
}

#[tokio::test(start_paused = true)]
async fn what_a_notifier_says_at_the_last_moment_is_heard() {
    let desk = desk(&[("phone", "fake"), ("slow", "fake")]);
    desk.script().silent.insert("slow".to_owned());
    desk.add("n1");
    let mut engine = desk.starting("");
    engine.begin_calls().unwrap();
    engine.end_telling().await;
    assert_eq!(desk.delivery("n1", "phone"), DeliveryState::Sent);
    assert_eq!(desk.delivery("n1", "slow"), DeliveryState::Trying);
}
