//! Replacing a library while it is used, and the end of instances.

use std::sync::Arc;
use std::time::Duration;

use ao_core::Code;
use ao_core::plugin::{CallContext, HEALTH, Health, HealthState, Life, NoHost, PING, RemoteLife, registrations};
use ao_core::slots::Slot;
use ao_core::slots::tracker::GetIssue;
use ao_host::isolation::Hosting;
use ao_host::loader::{CreateRequest, Library};
use ao_host::registry::{Candidate, Deadlines, Origin, Registry, Services, StateScope};
use ao_host::store::PluginStore;
use serde_json::json;

use super::plugin_home::{Home, probe};
use crate::isolation::hosting;
use crate::scratch;

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn version(registry: &Registry) -> String {
    let Origin::Library { sha256, .. } = &registry.entry(Slot::Tracker, &probe()).unwrap().origin else {
        return "linked in".to_owned();
    };
    sha256.clone()
}

fn reload(home: &Home, registry: &Registry) -> ao_host::registry::Retired {
    home.with_search(vec![Candidate::plain(home.library.clone())], |search| registry.reload(search))
}

/// What the probe writes down when it is shut down.
fn shut_down(services: &Services, label: &str) -> Option<String> {
    let config = ao_host::hash::sha256(json!({ "label": label }).to_string().as_bytes());
    let scope = StateScope { slot: Slot::Tracker, name: "probe".to_owned(), config };
    services.state.get(&scope, "shutdown").unwrap()
}

fn services() -> (scratch::Scratch, Services) {
    let scratch = scratch::Scratch::new();
    let state = Arc::new(PluginStore::new(scratch.db(), scratch.world().clone()));
    let services = Services { state, ..Services::passing(ao_host::world::World::system()) };
    (scratch, services)
}

#[test]
fn nothing_changed_and_nothing_is_retired() {
    let home = Home::trusted();
    let registry = home.loaded();
    let before = registry.tracker(&probe(), &json!({})).unwrap();
    assert!(reload(&home, &registry).is_empty());
    assert!(Arc::ptr_eq(&before, &registry.tracker(&probe(), &json!({})).unwrap()));
}

#[test]
fn another_limit_or_another_place_is_another_instance_and_what_stays_keeps_its_process() {
    let home = Home::trusted();
    let plain = Candidate::plain(home.library.clone());
    let limited = |seconds| Candidate {
        deadlines: Deadlines::new([(Slot::Tracker, "get".to_owned(), Duration::from_secs(seconds))]),
        ..plain.clone()
    };
    let hosted_by = Hosting::Process { program: env!("CARGO_BIN_EXE_ao-host-test-program").into() };
    let hosted = |seconds| Candidate { hosting: hosted_by.clone(), ..limited(seconds) };
    let registry = home.registry_of(vec![plain.clone()]);
    let reload = |candidate| home.with_search(vec![candidate], |search| registry.reload(search));
    let tracker = || registry.tracker(&probe(), &json!({})).unwrap();
    let copy = home.vault.store(&home.library).unwrap().path;
    let child = || {
        run(tracker().get(GetIssue::new("1"))).unwrap();
        let [child] = hosting(&copy)[..] else { panic!("one child, not {:?}", hosting(&copy)) };
        child
    };
    let first = tracker();
    for (candidate, retired) in
        [(plain.clone(), 0), (limited(50), 1), (limited(50), 0), (hosted(50), 1), (hosted(50), 0)]
    {
        let before = tracker();
        let ended = reload(candidate);
        assert_eq!(ended.len(), retired);
        run(ended.finish());
        assert_eq!(Arc::ptr_eq(&before, &tracker()), retired == 0);
    }
    assert_eq!(run(first.get(GetIssue::new("1"))).unwrap_err().code, Code::UNAVAILABLE, "it was replaced");
    let before = child();
    run(reload(hosted(51)).finish());
    assert_eq!(child(), before, "the new instance is in the process that was there");
}

#[test]
fn a_replaced_library_drains_and_the_new_one_takes_over() {
    let home = Home::trusted();
    let (_scratch, services) = services();
    let registry = home.loaded().serving(services.clone());
    let config = json!({"label": "a"});
    let (old, first) = (registry.tracker(&probe(), &config).unwrap(), version(&registry));
    run(async {
        // A call that is under way, until it is dropped.
        let mut under_way = std::pin::pin!(old.get(GetIssue::new("slow")));
        assert!(tokio::time::timeout(Duration::from_millis(20), under_way.as_mut()).await.is_err());

        home.rebuild(|bytes| bytes.push(2));
        let retired = reload(&home, &registry);
        assert_eq!(retired.len(), 1);
        let new = registry.tracker(&probe(), &config).unwrap();
        assert_ne!(first, version(&registry));
        assert!(!Arc::ptr_eq(&old, &new));
        new.get(GetIssue::new("1")).await.unwrap();
        let refused = old.get(GetIssue::new("1")).await.unwrap_err();
        assert_eq!(refused.code, Code::UNAVAILABLE);
        assert!(refused.retryable() && refused.retry_after_ms == Some(0), "{refused:?}");
        assert!(refused.message.contains("was replaced"), "{refused}");

        // It is not told of its end while a call is under way.
        let mut finish = std::pin::pin!(retired.finish());
        assert!(tokio::time::timeout(Duration::from_millis(50), finish.as_mut()).await.is_err());
        assert_eq!(shut_down(&services, "a"), None);
        assert!(tokio::time::timeout(Duration::from_millis(20), under_way.as_mut()).await.is_err(), "it goes on");
        under_way.set(old.get(GetIssue::new("1")));
        finish.await;
        assert_eq!(shut_down(&services, "a").as_deref(), Some("\"a\""));
        assert_eq!(old.get(GetIssue::new("1")).await.unwrap_err().code, Code::UNAVAILABLE);
        new.get(GetIssue::new("1")).await.unwrap();
    });
}

#[test]
fn a_library_that_is_gone_gives_way_to_what_is_linked_in() {
    let home = Home::trusted();
    let registry = home.loaded();
    let old = registry.tracker(&probe(), &json!({})).unwrap();
    let retired = home.with_search(Vec::new(), |search| registry.reload(search));
    run(retired.finish());
    assert_eq!(version(&registry), "linked in");
    assert_eq!(run(old.get(GetIssue::new("1"))).unwrap_err().code, Code::UNAVAILABLE);
    run(registry.tracker(&probe(), &json!({})).unwrap().get(GetIssue::new("1"))).unwrap();
}

#[test]
fn a_closed_registry_tells_its_instances() {
    let home = Home::trusted();
    for registry in [home.linked(), home.loaded()] {
        let (_scratch, services) = services();
        let registry = registry.serving(services.clone());
        let tracker = registry.tracker(&probe(), &json!({"label": "b"})).unwrap();
        run(tracker.get(GetIssue::new("1"))).unwrap();
        run(registry.close());
        assert_eq!(shut_down(&services, "b").as_deref(), Some("\"b\""));
        assert_eq!(run(tracker.get(GetIssue::new("1"))).unwrap_err().code, Code::UNAVAILABLE);
        assert!(registry.states().is_empty());
    }
}

#[test]
fn an_instance_that_will_not_end_is_given_up_on() {
    let home = Home::trusted();
    let (_scratch, services) = services();
    let registry = home.loaded().serving(services.clone());
    let _tracker = registry.tracker(&probe(), &json!({"label": "restless"})).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(20), registry.close()).await.unwrap();
    });
    assert_eq!(shut_down(&services, "restless").as_deref(), Some("\"restless\""), "it was told");
}

#[test]
fn health_is_what_the_plugin_says_and_what_it_is_working_on() {
    let home = Home::trusted();
    let stored = home.vault.store(&home.library).unwrap();
    let library = Library::load(&stored).unwrap();
    let config = json!({"label": "ill"});
    let request = CreateRequest { slot: Slot::Tracker, name: "probe", config: &config, host: Arc::new(NoHost) };
    let transport = library.connect(&request).unwrap();
    let life = RemoteLife(Arc::clone(&transport));
    run(async {
        let health = life.health().await.unwrap();
        assert_eq!((health.state, health.message.as_str(), health.in_flight), (HealthState::Degraded, "ill", 0));
        let request = serde_json::to_vec(&GetIssue::new("slow")).unwrap();
        let mut call = std::pin::pin!(transport.call(CallContext::default(), "get", request));
        assert!(tokio::time::timeout(Duration::from_millis(20), call.as_mut()).await.is_err());
        assert_eq!(life.health().await.unwrap().in_flight, 1);
        life.ping().await.unwrap();
        assert_eq!(transport.call(CallContext::default(), PING, b"{}".to_vec()).await.unwrap(), b"{}");
        let raw = transport.call(CallContext::default(), HEALTH, b"{}".to_vec()).await.unwrap();
        assert_eq!(serde_json::from_slice::<Health>(&raw).unwrap().in_flight, 1);
    });
    let linked = registrations().find(|one| one.slot == Slot::Tracker && one.name == "probe").unwrap();
    let created = (linked.create)(config).unwrap();
    assert_eq!(run(created.life.health()).unwrap().state, HealthState::Degraded);
    run(created.life.ping()).unwrap();
}
