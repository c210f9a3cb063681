//! What a host writes: its term, many sessions at once behind a fence, and events that come with no change.

use std::collections::BTreeSet;
use std::time::Duration;

use ao_core::model::SessionId;
use ao_core::model::event::{EventData, EventKind, HostFenced, HostStarted, HostStopped, SessionKilled};
use ao_core::model::facts::Session;
use ao_host::store::{EventFilter, EventPage, Fence, Reader, SqliteReader, Store, StoreError};
use ao_host::world::Proc;

use super::scratch::{Scratch, reserve};

fn killed(why: &str) -> EventData {
    EventData::SessionKilled(SessionKilled::new(why))
}

#[test]
fn each_host_that_takes_over_counts_up_and_fences_the_one_before() {
    let scratch = Scratch::new();
    let (store, world, proc) = (scratch.store(), scratch.world(), &*scratch.fake.proc);
    assert_eq!(store.host().unwrap(), None);
    let start = |pid| {
        let (epoch, process) = (store.host().unwrap().map_or(0, |host| host.epoch) + 1, proc.start(pid));
        let started = EventData::HostStarted(HostStarted::new(epoch, process.clone()));
        assert_eq!(store.take_epoch(&process, world.now(), &[world.event(None, started)]).unwrap(), epoch);
        process
    };
    let first = start(10);
    let begun = world.now();
    scratch.fake.clock.advance(Duration::from_secs(30));
    store.looked(1, world.now()).unwrap();
    let stopped = || [world.event(None, EventData::HostStopped(HostStopped::new(1_u64)))];
    store.stopped(1, world.now(), &stopped()).unwrap();
    let host = SqliteReader::open(&scratch.db()).unwrap().host().unwrap().unwrap();
    assert_eq!((host.epoch, &host.process, host.started_at), (1, &first, begun));
    assert_eq!((host.looked_at, host.stopped_at), (Some(world.now()), Some(world.now())));

    let second = start(11);
    let host = store.host().unwrap().unwrap();
    assert_eq!((host.epoch, host.process, host.looked_at, host.stopped_at), (2, second, None, None));
    let events = store.last_sequence().unwrap();
    let late = [world.event(None, EventData::HostFenced(HostFenced::new(1_u64, 2_u64)))];
    for refused in [
        store.looked(1, world.now()),
        store.stopped(1, world.now(), &stopped()),
        store.append(Fence::Epoch(1), &late),
        store.append(Fence::Epoch(3), &late),
    ] {
        let error = refused.unwrap_err();
        assert!(matches!(error, StoreError::Fenced { expected: 1 | 3, found: 2 }), "{error:?}");
    }
    assert_eq!((store.last_sequence().unwrap(), store.host().unwrap().unwrap().stopped_at), (events, None));
    store.append(Fence::None, &late).unwrap();
    assert_eq!(store.last_sequence().unwrap(), events + 1);
}

#[test]
fn many_sessions_change_at_once_and_only_those_that_do() {
    let scratch = Scratch::new();
    let (store, world) = (scratch.store(), scratch.world());
    let mut ids: Vec<SessionId> = (0..4).map(|_| reserve(&store, world, "app").id).collect();
    ids.insert(2, "app-99".parse().unwrap());
    let mut seen = Vec::new();
    let mut apply = |session: &mut Session| {
        seen.push(session.id.to_string());
        // Neither is for the closure to change.
        session.row_version = 77;
        match session.id.as_str() {
            "app-1" => session.issue = Some("7".to_owned()),
            "app-2" => return vec![world.event(Some(&session.id), killed("an event alone"))],
            "app-4" => {
                session.issue = Some("8".to_owned());
                return vec![world.event(Some(&session.id), killed("with a change"))];
            }
            _ => {}
        }
        Vec::new()
    };
    let changed = store.change_many(Fence::None, &ids, &mut apply).unwrap();
    assert_eq!(seen, ["app-1", "app-2", "app-3", "app-4"]);
    assert_eq!(changed.iter().map(|session| session.id.as_str()).collect::<Vec<_>>(), ["app-1", "app-4"]);
    assert_eq!(store.session(&changed[1].id).unwrap().as_ref(), Some(&changed[1]));
    let versions = store.versions().unwrap();
    let versions: Vec<_> = versions.iter().map(|(id, version)| (id.as_str(), *version)).collect();
    assert_eq!(versions, [("app-1", 2), ("app-2", 1), ("app-3", 1), ("app-4", 2)]);
    assert_eq!(store.last_sequence().unwrap(), 6);
}

#[test]
fn behind_a_fence_that_fell_nothing_changes() {
    let scratch = Scratch::new();
    let (store, session) = scratch.with_session();
    let (world, proc) = (scratch.world(), &*scratch.fake.proc);
    let mut apply = |session: &mut Session| {
        session.issue = Some("7".to_owned());
        vec![world.event(Some(&session.id), killed("x"))]
    };
    let ids = [session.id.clone()];
    assert!(matches!(store.change_many(Fence::Epoch(1), &ids, &mut apply), Err(StoreError::Fenced { found: 0, .. })));
    store.take_epoch(&proc.own().unwrap(), world.now(), &[]).unwrap();
    store.take_epoch(&proc.own().unwrap(), world.now(), &[]).unwrap();
    assert!(matches!(store.change_many(Fence::Epoch(1), &ids, &mut apply), Err(StoreError::Fenced { found: 2, .. })));
    assert_eq!(store.session(&session.id).unwrap(), Some(session));
    assert_eq!(store.last_sequence().unwrap(), 1);
    assert_eq!(store.change_many(Fence::Epoch(2), &ids, &mut apply).unwrap().len(), 1);
}

#[test]
fn a_write_of_somebody_else_is_noticed() {
    let scratch = Scratch::new();
    let (store, session) = scratch.with_session();
    let other = SqliteReader::open(&scratch.db()).unwrap();
    let before = (store.data_version().unwrap(), other.data_version().unwrap());
    store.update(&session, &[]).unwrap();
    assert_eq!(store.data_version().unwrap(), before.0, "its own write is nobody else's");
    assert_ne!(other.data_version().unwrap(), before.1);
    assert_eq!(other.data_version().unwrap(), other.data_version().unwrap());
}

#[test]
fn events_are_chosen_by_type_time_and_end() {
    let scratch = Scratch::new();
    let (store, session) = scratch.with_session();
    let world = scratch.world();
    let start = world.now();
    for round in 0..5_u64 {
        scratch.fake.clock.advance(Duration::from_mins(1));
        let stopped = EventData::HostStopped(HostStopped::new(round));
        let events = [world.event(None, stopped), world.event(Some(&session.id), killed("x"))];
        store.append(Fence::None, &events).unwrap();
    }
    let database = rusqlite::Connection::open(scratch.db()).unwrap();
    database.execute("UPDATE events SET type = 'host.of_tomorrow' WHERE sequence = 8", []).unwrap();
    let found = |edit: &dyn Fn(&mut EventFilter)| -> Vec<u64> {
        let mut filter = EventFilter::default();
        edit(&mut filter);
        store.events(&filter).unwrap().into_iter().map(|event| event.sequence).collect()
    };
    let kinds = |words: &[&str]| words.iter().map(|word| word.parse().unwrap()).collect::<BTreeSet<_>>();
    assert_eq!(found(&|filter| filter.kinds = kinds(&["host.stopped"])), [2, 4, 6, 10]);
    assert_eq!(found(&|filter| filter.kinds = kinds(&["host."])), [2, 4, 6, 8, 10], "also what is not known");
    assert_eq!(found(&|filter| filter.kinds = kinds(&["session.requested", "host."])), [1, 2, 4, 6, 8, 10]);
    assert_eq!(found(&|filter| filter.kinds = kinds(&["trash."])), [0; 0]);
    let newest = |filter: &mut EventFilter, limit| (filter.page, filter.limit) = (EventPage::Newest, limit);
    assert_eq!(found(&|filter| newest(filter, 3)), [9, 10, 11]);
    assert_eq!(found(&|filter| filter.since = Some(start.after(Duration::from_mins(4)))), [8, 9, 10, 11]);
    assert_eq!(found(&|filter| filter.since = Some(start.after(Duration::from_hours(4)))), [0; 0]);
    let both = |filter: &mut EventFilter| {
        (filter.session, filter.kinds) = (Some(session.id.clone()), kinds(&["session."]));
        filter.since = Some(start.after(Duration::from_mins(2)));
        filter.after = 5;
        newest(filter, 2);
    };
    assert_eq!(found(&both), [9, 11]);
}

#[test]
fn one_event_and_what_it_led_to() {
    let scratch = Scratch::new();
    let (store, session) = scratch.with_session();
    let world = scratch.world();
    let cause = world.event(None, killed("the cause"));
    let effects = ["first", "second"].map(|why| world.event(Some(&session.id), killed(why)).caused_by(&cause));
    store.append(Fence::None, std::slice::from_ref(&cause)).unwrap();
    store.append(Fence::None, &effects).unwrap();
    let found = store.event(&cause.id).unwrap().unwrap();
    assert_eq!((found.sequence, found.id), (2, cause.id.clone()));
    assert_eq!(store.event("nobody").unwrap(), None);
    let ids: Vec<_> = store.effects(&cause.id, 10).unwrap().into_iter().map(|event| event.id).collect();
    assert_eq!(ids, effects.each_ref().map(|event| event.id.clone()));
    assert_eq!(store.effects(&cause.id, 1).unwrap().len(), 1);
    let latest = store.latest_event(&session.id, EventKind::SessionKilled).unwrap().unwrap();
    assert_eq!(latest.id, effects[1].id);
    assert_eq!(store.latest_event(&session.id, EventKind::SessionErrored).unwrap(), None);
}

#[test]
fn an_older_database_is_brought_up_to_date() {
    let scratch = Scratch::new();
    let (store, session) = scratch.with_session();
    let cause = scratch.world().event(None, killed("the cause"));
    let effect = scratch.world().event(Some(&session.id), killed("the effect")).caused_by(&cause);
    store.append(Fence::None, &[cause.clone(), effect.clone()]).unwrap();
    drop(store);
    // As it was before there were hosts.
    let database = rusqlite::Connection::open(scratch.db()).unwrap();
    let indexes =
        ["events_by_type", "events_by_session_and_type", "events_by_time"].map(|name| format!("DROP INDEX {name};"));
    let messages = "DROP INDEX messages_waiting; ALTER TABLE messages DROP COLUMN facts;";
    let checks = "DROP TABLE check_results; DROP TABLE check_runs; DROP TABLE notices; DROP TABLE outbox; \
                  DROP TABLE ledgers;";
    let back = format!(
        "{} DROP TABLE event_causes; DROP TABLE host; {messages} {checks} PRAGMA user_version = 2;",
        indexes.concat()
    );
    database.execute_batch(&back).unwrap();
    drop(database);
    let reader = SqliteReader::open(&scratch.db()).unwrap();
    assert_eq!((reader.host().unwrap(), reader.effects(&cause.id, 10).unwrap()), (None, Vec::new()));
    assert_eq!(reader.events(&EventFilter::default()).unwrap().len(), 3);
    assert_eq!((reader.waiting_messages().unwrap(), reader.check_runs().unwrap()), (Vec::new(), Vec::new()));
    assert_eq!(reader.open_intents().unwrap(), Vec::new());
    assert_eq!((reader.open_notices().unwrap(), reader.waiting_notices(9).unwrap()), (Vec::new(), Vec::new()));
    let effects = scratch.store().effects(&cause.id, 10).unwrap();
    assert_eq!(effects.into_iter().map(|event| event.id).collect::<Vec<_>>(), [effect.id]);
}

/// Whoever looks at every hint, and only then, sees everything: after each write there is a hint that comes when it can be
/// seen.
#[test]
fn there_is_a_hint_when_a_write_can_be_seen() {
    let scratch = Scratch::new();
    let store = scratch.store();
    let (wake, woken) = std::sync::mpsc::channel();
    let reader = SqliteReader::open(&scratch.db()).unwrap();
    let look = move || wake.send(reader.last_sequence().unwrap()).unwrap_or_default();
    let watch = ao_host::store::StoreWatch::new(&scratch.db(), look).expect("a watch");
    for expected in 1..=50 {
        store.append(Fence::None, &[scratch.world().event(None, killed("x"))]).unwrap();
        while woken.recv_timeout(Duration::from_secs(20)).expect("a hint") < expected {}
    }
    drop(watch);
    assert!(ao_host::store::StoreWatch::new(&scratch.path.join("not/there.db"), || ()).is_none());
}
