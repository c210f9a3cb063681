//! The guard's policy with real plugins: breakers, wedged libraries, lines, secrets.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ao_core::config::Secrets;
use ao_core::slots::tracker::{GetIssue, Issue};
use ao_core::slots::{Slot, Tracker};
use ao_core::{Code, Result};
use ao_host::registry::ConditionState::{Closed, HalfOpen, Open};
use ao_host::registry::{
    Candidate, Condition, ConditionLog, ConditionState, Configured, Deadlines, Registry, Services,
};
use ao_host::store::{PluginStore, Reader, SqliteReader};
use ao_host::world::fake::FakeWorld;
use serde_json::json;
use tracing::field::{Field, Visit};

use super::plugin_home::{Home, probe};
use crate::scratch;

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn get(tracker: &Arc<dyn Tracker>, id: &str) -> Result<Issue> {
    run(tracker.get(GetIssue::new(id)))
}

/// Keeps the states that it was told.
#[derive(Default)]
struct Told(Mutex<Vec<ConditionState>>);

impl ConditionLog for Told {
    fn record(&self, condition: &Condition) {
        self.0.lock().unwrap().push(condition.state);
    }
}

fn services(fake: &FakeWorld) -> (Services, Arc<Told>) {
    let told = Arc::new(Told::default());
    (Services { conditions: Some(told.clone()), ..Services::passing(fake.world.clone()) }, told)
}

fn state(registry: &Registry) -> ConditionState {
    registry.states()[0].state
}

#[test]
fn a_plugin_that_keeps_failing_is_left_alone_and_tried_again() {
    let home = Home::trusted();
    for registry in [home.linked(), home.loaded()] {
        let scratch = scratch::Scratch::new();
        let (services, told) = services(&scratch.fake);
        let registry = registry.serving(services);
        let tracker = registry.tracker(&probe(), &json!({})).unwrap();
        for _ in 0..10 {
            assert_eq!(get(&tracker, "missing").unwrap_err().code, Code::NOT_FOUND, "an answer");
        }
        assert_eq!(state(&registry), ConditionState::Closed);
        for _ in 0..5 {
            assert_eq!(get(&tracker, "unavailable").unwrap_err().message, "the tracker is down");
        }
        let refused = get(&tracker, "1").unwrap_err();
        assert_eq!(refused.code, Code::UNAVAILABLE);
        let said = &refused.message;
        assert!(said.contains("tracker plugin `probe`") && said.contains("5 calls in a row failed"), "{said}");
        assert!(said.contains("the tracker is down") && said.contains("tried again in"), "{said}");
        let retry_after = refused.retry_after_ms.unwrap();
        assert!((8_000..=11_000).contains(&retry_after), "{retry_after}");
        let shown = &registry.states()[0];
        assert_eq!((shown.state, shown.failures), (ConditionState::Open, 5));
        assert!(shown.retry_at.is_some_and(|at| at > scratch.world().now()));

        // The trial fails, the next succeeds.
        scratch.fake.clock.advance(Duration::from_secs(12));
        assert_eq!(get(&tracker, "unavailable").unwrap_err().message, "the tracker is down");
        assert!(get(&tracker, "1").unwrap_err().retry_after_ms.unwrap() > 16_000, "twice as long");
        scratch.fake.clock.advance(Duration::from_secs(25));
        get(&tracker, "1").unwrap();
        assert_eq!(state(&registry), ConditionState::Closed);
        assert_eq!(*told.0.lock().unwrap(), [Open, HalfOpen, Open, HalfOpen, Closed]);
    }
}

#[test]
fn a_plugin_that_panics_again_and_again_is_disabled() {
    let home = Home::trusted();
    for registry in [home.linked(), home.loaded()] {
        let scratch = scratch::Scratch::new();
        let registry = registry.serving(services(&scratch.fake).0);
        let tracker = registry.tracker(&probe(), &json!({})).unwrap();
        for _ in 0..5 {
            assert_eq!(get(&tracker, "panic").unwrap_err().code, Code::PANIC);
            scratch.fake.clock.advance(Duration::from_mins(1));
        }
        let refused = get(&tracker, "1").unwrap_err();
        assert!(refused.message.contains("is disabled") && refused.message.contains("before"), "{refused}");
        assert_eq!(refused.retry_after_ms, None);
        scratch.fake.clock.advance(Duration::from_hours(24));
        assert_eq!(get(&tracker, "1").unwrap_err().code, Code::UNAVAILABLE);
        assert_eq!(state(&registry), ConditionState::Disabled);
        // Another instance of the plugin is another matter.
        get(&registry.tracker(&probe(), &json!({"label": "other"})).unwrap(), "1").unwrap();
    }
}

#[test]
fn a_dropped_trial_lets_another_one_try() {
    let home = Home::trusted();
    let scratch = scratch::Scratch::new();
    let registry = home.loaded().serving(services(&scratch.fake).0);
    let tracker = registry.tracker(&probe(), &json!({})).unwrap();
    for _ in 0..5 {
        get(&tracker, "unavailable").unwrap_err();
    }
    scratch.fake.clock.advance(Duration::from_secs(12));
    run(async {
        let trial = tracker.get(GetIssue::new("slow"));
        assert!(tokio::time::timeout(Duration::from_millis(20), trial).await.is_err());
        tracker.get(GetIssue::new("1")).await.unwrap();
    });
    assert_eq!(state(&registry), ConditionState::Closed);
}

/// A registry of the library whose `get` has little time, though enough for one that answers on a busy machine.
fn hurried(home: &Home) -> Registry {
    let deadlines = Deadlines::new([(Slot::Tracker, "get".to_owned(), Duration::from_secs(1))]);
    home.registry_of(vec![Candidate { deadlines, ..Candidate::plain(home.library.clone()) }])
}

#[test]
fn a_slow_call_of_a_library_that_answers_wedges_nothing() {
    let home = Home::trusted();
    let scratch = scratch::Scratch::new();
    let (services, told) = services(&scratch.fake);
    let registry = hurried(&home).serving(services);
    let tracker = registry.tracker(&probe(), &json!({})).unwrap();
    assert_eq!(get(&tracker, "slow").unwrap_err().code, Code::TIMEOUT);
    get(&tracker, "1").unwrap();
    assert!(told.0.lock().unwrap().is_empty());
}

#[test]
fn a_library_whose_threads_are_blocked_is_left_alone_until_it_answers() {
    let home = Home::new();
    // A build of its own: what it blocks is nobody else's.
    home.rebuild(|bytes| bytes.push(1));
    let scratch = scratch::Scratch::new();
    let (services, told) = services(&scratch.fake);
    let registry = hurried(&home).serving(services);
    let blocker = registry.tracker(&probe(), &json!({"level": 4})).unwrap();
    let other = registry.tracker(&probe(), &json!({"label": "other"})).unwrap();
    get(&other, "1").unwrap();
    // Two calls block both threads of the library's runtime for four seconds.
    run(async {
        let (first, second) = tokio::join!(blocker.get(GetIssue::new("wedge")), blocker.get(GetIssue::new("wedge")));
        assert_eq!((first.unwrap_err().code, second.unwrap_err().code), (Code::TIMEOUT, Code::TIMEOUT));
        // Any instance of the library notices, and all who ask at once share one question.
        let (one, two) = tokio::join!(other.get(GetIssue::new("1")), blocker.get(GetIssue::new("1")));
        for refused in [one.unwrap_err(), two.unwrap_err()] {
            assert_eq!(refused.code, Code::UNAVAILABLE);
            assert!(refused.message.contains("does not answer at all"), "{refused}");
            assert!(refused.retry_after_ms.is_some());
        }
    });
    assert!(registry.states().iter().all(|condition| condition.state == ConditionState::Wedged));
    // From now on it is refused at once: the fake clock stands still, and no probe is due.
    assert_eq!(get(&other, "1").unwrap_err().code, Code::UNAVAILABLE);
    // The threads come back; the next probe, when it is due, finds the answer to the first.
    let answered = (0..60).any(|_| {
        scratch.fake.clock.advance(Duration::from_mins(6));
        get(&other, "1").is_ok()
    });
    assert!(answered, "it is still refused: {:?}", registry.states());
    assert!(registry.states().iter().all(|condition| condition.state == ConditionState::Closed));
    let told = told.0.lock().unwrap();
    assert_eq!(told.iter().filter(|state| **state == ConditionState::Closed).count(), 2, "{told:?}");
}

#[test]
fn what_becomes_of_plugins_is_there_for_other_processes() {
    let home = Home::trusted();
    let scratch = scratch::Scratch::new();
    let world = scratch.world().clone();
    let log = Arc::new(PluginStore::new(scratch.db(), world.clone()));
    let registry = home.linked().serving(Services { conditions: Some(log), ..Services::passing(world.clone()) });
    let tracker = registry.tracker(&probe(), &json!({})).unwrap();
    get(&tracker, "1").unwrap();
    assert!(!scratch.db().exists(), "nothing to tell");
    for _ in 0..5 {
        get(&tracker, "unavailable").unwrap_err();
    }
    let stored = || SqliteReader::open(&scratch.db()).unwrap().plugin_conditions().unwrap();
    let [row] = <[_; 1]>::try_from(stored()).unwrap();
    let now = |row: &ao_host::store::StoredCondition| row.clone().now(world.now(), &*world.proc);
    assert_eq!(row.condition, registry.states()[0]);
    assert_eq!(now(&row).unwrap().state, ConditionState::Open);
    // Its time has come, or its process is gone: the next call decides.
    let gone = ao_host::store::StoredCondition {
        process: ao_core::model::ProcessId { pid: 77, start: 1, boot: "boot-1".to_owned() },
        ..row.clone()
    };
    assert_eq!(now(&gone).unwrap().state, ConditionState::HalfOpen);
    scratch.fake.clock.advance(Duration::from_secs(12));
    assert_eq!(now(&row).unwrap().state, ConditionState::HalfOpen);
    scratch.fake.clock.advance(Duration::from_hours(2));
    assert_eq!((now(&gone), now(&row).map(|condition| condition.state)), (None, Some(ConditionState::HalfOpen)));
    get(&tracker, "1").unwrap();
    assert_eq!(stored(), [], "as usual");
}

/// Keeps the lines of the log, formatted as simply as can be.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

struct Line<'a>(&'a mut String);

impl Visit for Line<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        use std::fmt::Write;
        write!(self.0, "{}={value:?} ", field.name()).unwrap();
    }
}

impl tracing::Subscriber for Log {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == "ao::plugin" && !metadata.is_span()
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut line = String::new();
        event.record(&mut Line(&mut line));
        self.0.lock().unwrap().push(line);
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

#[test]
fn lines_are_limited_and_what_was_dropped_is_told() {
    let home = Home::trusted();
    let scratch = scratch::Scratch::new();
    let registry = home.loaded().serving(services(&scratch.fake).0);
    let log = Log::default();
    // The library's lines come from its own threads.
    tracing::subscriber::set_global_default(log.clone()).unwrap();
    let tracker = registry.tracker(&probe(), &json!({})).unwrap();
    get(&tracker, "chatter").unwrap();
    let lines = std::mem::take(&mut *log.0.lock().unwrap());
    assert_eq!(
        lines.iter().filter(|line| line.contains("chatter line=")).count(),
        999,
        "after the first line, `fetching`"
    );
    let dropped = registry.states()[0].dropped_lines;
    assert_eq!(dropped, 4001);
    scratch.fake.clock.advance(Duration::from_millis(5));
    get(&tracker, "1").unwrap();
    let lines = std::mem::take(&mut *log.0.lock().unwrap());
    // Other tests of this process write into the same log.
    let told = lines.iter().position(|line| line.contains("4001 lines were dropped"));
    assert!(told.is_some_and(|told| lines[told + 1..].iter().any(|line| line.contains("fetching"))), "{lines:?}");

    // A long line is cut, after what must not be in it was masked.
    scratch.fake.clock.advance(Duration::from_secs(1));
    let mut secrets = Secrets::default();
    secrets.add("hunter2-and-more");
    let configured = Configured { secrets, ..Configured::plain(json!({"token": "hunter2-and-more", "label": "x"})) };
    let tracker = registry.configured(Slot::Tracker, &probe(), configured).unwrap().tracker().unwrap();
    let long = "z".repeat(20_000);
    get(&tracker, &long).unwrap();
    let lines = std::mem::take(&mut *log.0.lock().unwrap());
    let cut: Vec<_> = lines.iter().filter(|line| line.contains("zzzz")).map(|line| (line.len(), line)).collect();
    assert!(!cut.is_empty() && cut.iter().all(|(bytes, line)| *bytes < 9000 && line.contains("bytes)")), "{cut:?}");
    get(&tracker, "secret:token").unwrap();
    let lines = std::mem::take(&mut *log.0.lock().unwrap());
    assert!(lines.iter().any(|line| line.contains("***")), "{lines:?}");
    assert!(!lines.concat().contains("hunter2"), "{lines:?}");
}

#[test]
fn no_secret_leaves_in_an_error() {
    let home = Home::trusted();
    let scratch = scratch::Scratch::new();
    for registry in [home.linked(), home.loaded()] {
        let registry = registry.serving(services(&scratch.fake).0);
        let mut secrets = Secrets::default();
        secrets.add("hunter2-and-more");
        let instance = |config| {
            let configured = Configured { secrets: secrets.clone(), ..Configured::plain(config) };
            registry.configured(Slot::Tracker, &probe(), configured)
        };
        let tracker = instance(json!({"token": "hunter2-and-more"})).unwrap().tracker().unwrap();
        let error = get(&tracker, "tell:token").unwrap_err();
        assert_eq!(error.message, "token of ***");
        // Nor in one of its constructor.
        let error = instance(json!({"label": "hunter2-and-more", "level": "hunter2-and-more"})).unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
        assert!(error.to_string().contains("***"), "{error}");
    }
}
