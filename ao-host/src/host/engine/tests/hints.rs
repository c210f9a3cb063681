//! What plugins hint at by themselves, and what becomes of them.

use ao_core::Error;
use ao_core::plugin::{Host, WAKE, WakeHost, Woken};
use ao_core::slots::Slot;

use super::*;
use crate::registry::ConditionState::{Closed, HalfOpen, Open};

const PROJECTS: &str = "  app: { path: ., repo: acme/app, scm: SCM }\n";
const RESYNC_AND_MORE: Duration = Duration::from_secs(31);

/// Asks for looks in the name of the instance of a slot.
async fn wake(desk: &Desk, slot: &'static str, sessions: &[SessionId]) {
    let host: Arc<dyn Host> = Arc::clone(&desk.script().hosts[slot]);
    let mut request = WakeHost::new();
    request.sessions = sessions.to_vec();
    let answer = host.call(WAKE, serde_json::to_vec(&request).unwrap()).await.unwrap();
    assert_eq!(serde_json::from_slice::<Woken>(&answer).unwrap(), Woken::new(true));
}

#[tokio::test]
async fn an_instance_that_wakes_the_host_gets_a_look() {
    let desk = Desk::new(&["app", "app"], PROJECTS);
    let mut engine = desk.engine().await;
    engine.pass(&desk, Duration::from_secs(5)).await;
    desk.script().asked_snapshots.clear();
    let one = &desk.ids[1..];
    for (slot, wanted) in [
        ("agent", Wake::Session(one[0].clone())),
        ("runtime", Wake::Session(one[0].clone())),
        ("workspace", Wake::Tree(one[0].clone())),
        ("scm", Wake::Pull(one[0].clone())),
    ] {
        wake(&desk, slot, one).await;
        engine.hear_of(&wanted).await;
    }
    engine.pass(&desk, TOGETHER).await;
    let targets: Vec<_> = desk.script().asked_snapshots.drain(..).flat_map(|asked| asked.targets).collect();
    assert_eq!(targets.iter().map(|target| &target.session).collect::<Vec<_>>(), [&one[0]]);
    for (slot, wanted) in [("agent", Wake::All), ("workspace", Wake::Trees), ("scm", Wake::Pulls)] {
        wake(&desk, slot, &[]).await;
        engine.hear_of(&wanted).await;
    }
    assert!(engine.resync_at <= engine.elapsed() + APART);
    engine.pass(&desk, Duration::from_secs(3)).await;
    assert_eq!(desk.script().asked_snapshots[0].targets.len(), 2);
}

#[tokio::test]
async fn one_stream_of_an_agent_plugin_for_all_of_its_sessions() {
    let mut desk = Desk::new(&["app", "app"], PROJECTS);
    let mut engine = desk.engine().await;
    engine.pass(&desk, RESYNC_AND_MORE).await;
    let watched = |desk: &Desk| {
        let script = desk.script();
        script.agent_watches.iter().map(|(asked, open)| (asked.sessions.len(), !open.is_closed())).collect::<Vec<_>>()
    };
    wait(|| watched(&desk) == [(2, true)]).await;
    desk.script().agent_watches[0].1.send(json!({"session": desk.ids[1]})).unwrap();
    engine.hear_of(&Wake::Session(desk.ids[1].clone())).await;

    let id = desk.launch(&desk.manager(""), "app", 200);
    desk.ids.push(id);
    engine.hear_of(&Wake::Store).await;
    engine.pass(&desk, RESYNC_AND_MORE).await;
    wait(|| watched(&desk) == [(2, false), (3, true)]).await;
    // One that ends is opened again by the look after the next resync.
    desk.script().agent_watches.clear();
    wait(|| engine.listeners.ended()).await;
    engine.pass(&desk, RESYNC_AND_MORE).await;
    wait(|| watched(&desk) == [(3, true)]).await;
    // A configuration that is read again may have other instances.
    engine.reload(&desk.config(), &mut |_| ()).unwrap();
    wait(|| watched(&desk) == [(3, false)]).await;
}

/// Lets other tasks go on until something is so.
async fn wait(so: impl Fn() -> bool) {
    let wait = async {
        while !so() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("it comes to be");
}

#[tokio::test]
async fn a_plugin_that_is_not_called_any_more_is_told_of_once_and_shown() {
    let desk = Desk::new(&["app"], PROJECTS);
    desk.script().snapshots = Some(Box::new(|_| Err(Error::unavailable("no network"))));
    let mut engine = desk.engine().await;
    for _ in 0..20 {
        engine.pass(&desk, RESYNC_AND_MORE).await;
        engine.tell_conditions().unwrap();
    }
    let changed = |desk: &Desk| {
        let events = desk.manager("").store.events(&EventFilter::default()).unwrap();
        let typed = events.iter().filter_map(|event| match event.typed() {
            Some(EventData::PluginConditionChanged(data)) => Some(data),
            _ => None,
        });
        typed.collect::<Vec<_>>()
    };
    let told = changed(&desk);
    let first = told.first().expect("it is told");
    assert_eq!((first.slot, first.name.as_str(), first.from, first.state), (Slot::Scm, "fake", Some(Closed), Open));
    assert!(first.why.contains("no network"), "{first:?}");
    for pair in told.windows(2) {
        assert_eq!(Some(pair[0].state), pair[1].from, "{told:?}");
        assert_ne!(pair[0].state, pair[1].state, "{told:?}");
    }
    let stored = desk.manager("").store.plugin_conditions().unwrap();
    assert!(stored.iter().any(|stored| [Open, HalfOpen].contains(&stored.condition.state)), "{stored:?}");
}
