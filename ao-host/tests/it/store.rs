//! Sessions, events, claims and messages in a real database.

use std::time::Duration;

use ao_core::model::event::{AgentActivityChanged, EventData, EventKind, MessageMoved, MessageQueued, SessionKilled};
use ao_core::model::facts::{End, EndKind, Operation, OperationKind, Session};
use ao_core::model::{DeliveryLevel, ProjectName, SessionId, SessionPrefix};
use ao_host::store::{EventFilter, Message, Reader, SessionFilter, Store, StoreError};
use ao_host::world::Proc;
use serde_json::json;

use super::scratch::{Scratch, first_facts, reserve};

fn killed() -> EventData {
    EventData::SessionKilled(SessionKilled::new("by a test"))
}

#[test]
fn ids_count_up_for_each_prefix() {
    let scratch = Scratch::new();
    let store = scratch.store();
    let ids: Vec<_> = ["ao", "ao", "app", "ao"].map(|prefix| reserve(&store, scratch.world(), prefix).id).into();
    assert_eq!(ids.iter().map(SessionId::as_str).collect::<Vec<_>>(), ["ao-1", "ao-2", "app-1", "ao-3"]);
}

#[test]
fn a_number_seen_elsewhere_is_skipped_and_never_given_out_again() {
    let scratch = Scratch::new();
    let store = scratch.store();
    let prefix: SessionPrefix = "ao".parse().unwrap();
    let at_least = |number| store.reserve(&prefix, number, &mut |id| first_facts(scratch.world(), id));
    let ids = [5, 1, 3].map(|number| at_least(number).unwrap().id.to_string());
    assert_eq!(ids, ["ao-5", "ao-6", "ao-7"]);

    assert!(matches!(at_least(u64::MAX).unwrap_err(), StoreError::NoNumbers(_)));
    assert_eq!(at_least(1).unwrap().id.as_str(), "ao-8");
}

#[test]
fn a_session_that_came_without_a_reservation_is_counted() {
    let scratch = Scratch::new();
    let store = scratch.store();
    reserve(&store, scratch.world(), "ao");
    let database = rusqlite::Connection::open(scratch.db()).unwrap();
    for id in ["ao-12", "ao-x-40", "aoz-50", "ao-007x"] {
        let sql = "INSERT INTO sessions (id, project, project_path, created_at, row_version, facts) \
                   VALUES (?, 'p', '/p', 0, 1, '{}')";
        database.execute(sql, [id]).unwrap();
    }
    assert_eq!(reserve(&store, scratch.world(), "ao").id.as_str(), "ao-13");
}

#[test]
fn what_was_written_is_read() {
    let scratch = Scratch::new();
    let (store, session) = scratch.with_session();
    assert_eq!(session.row_version, 1);
    assert_eq!(store.session(&session.id).unwrap(), Some(session.clone()));
    assert_eq!(store.session(&"app-2".parse().unwrap()).unwrap(), None);

    let mut changed = session.clone();
    changed.issue = Some("12".to_owned());
    let killed = scratch.world().event(Some(&session.id), killed());
    let changed = store.update(&changed, &[killed]).unwrap();
    assert_eq!((changed.row_version, changed.issue.as_deref()), (2, Some("12")));
    // Another connection sees it.
    assert_eq!(scratch.store().sessions(&SessionFilter::default()).unwrap(), [changed]);
}

#[test]
fn sessions_are_found_by_project_and_directory() {
    let scratch = Scratch::new();
    let store = scratch.store();
    for (name, path) in [("app", "/a"), ("app", "/b"), ("web", "/a")] {
        let mut make = |id: &_| {
            let (mut session, events) = first_facts(scratch.world(), id);
            (session.project, session.project_path) = (name.parse::<ProjectName>().unwrap(), path.into());
            (session, events)
        };
        store.reserve(&"s".parse().unwrap(), 1, &mut make).unwrap();
    }
    let found = |project: Option<&str>, path: Option<&str>| -> Vec<String> {
        let project = project.map(|project| project.parse().unwrap());
        let filter = SessionFilter { project, project_path: path.map(Into::into) };
        store.sessions(&filter).unwrap().into_iter().map(|session| session.id.to_string()).collect()
    };
    assert_eq!(found(None, None), ["s-1", "s-2", "s-3"]);
    assert_eq!(found(Some("app"), None), ["s-1", "s-2"]);
    assert_eq!(found(Some("app"), Some("/b")), ["s-2"]);
    assert_eq!(found(None, Some("/a")), ["s-1", "s-3"]);
    assert!(found(Some("none"), None).is_empty());
}

#[test]
fn a_change_of_what_is_not_stored_any_more_is_refused_as_a_whole() {
    let scratch = Scratch::new();
    let (store, read) = scratch.with_session();
    let event = || scratch.world().event(Some(&read.id), killed());
    store.update(&read, &[]).unwrap();

    let error = store.update(&read, &[event()]).unwrap_err();
    assert!(matches!(error, StoreError::Changed { expected: 1, found: 2, .. }), "{error}");
    assert_eq!(ao_core::Error::from(error).code, ao_core::Code::CONFLICT);

    let mut nobody = read.clone();
    nobody.id = "app-9".parse().unwrap();
    assert!(matches!(store.update(&nobody, &[event()]).unwrap_err(), StoreError::NoSession(_)));
    assert_eq!(store.events(&EventFilter::default()).unwrap().len(), 1, "an event of a refused change was kept");
}

#[test]
fn a_change_applies_to_what_is_stored_now() {
    let scratch = Scratch::new();
    let (store, read) = scratch.with_session();
    let mut set_issue = |session: &mut Session| {
        session.issue = Some("7".to_owned());
        Ok(Vec::new())
    };
    store.change(&read.id, &mut set_issue).unwrap();
    let end = End::new(EndKind::Killed, scratch.world().now());
    let event = scratch.world().event(Some(&read.id), killed());
    let changed = store
        .change(&read.id, &mut |session| {
            session.end = Some(end.clone());
            // Neither is for the closure to change.
            session.row_version = 77;
            session.id = "app-2".parse().unwrap();
            Ok(vec![event.clone()])
        })
        .unwrap();
    assert_eq!((changed.issue.as_deref(), changed.end.as_ref()), (Some("7"), Some(&end)));
    assert_eq!((changed.id.as_str(), changed.row_version), ("app-1", 3));
    assert_eq!(store.session(&read.id).unwrap(), Some(changed));

    let refused = store.change(&read.id, &mut |session| {
        session.issue = None;
        Err(StoreError::NoMessage("x".to_owned()))
    });
    assert!(matches!(refused.unwrap_err(), StoreError::NoMessage(_)));
    assert_eq!(store.session(&read.id).unwrap().unwrap().row_version, 3);
}

#[test]
fn an_event_keeps_all_it_had_and_gets_its_place() {
    let scratch = Scratch::new();
    let (store, session) = scratch.with_session();
    let world = scratch.world();
    let mut cause = world.event(Some(&session.id), killed());
    cause.data = json!(["any", 1, null]);
    let effect = world.event(None, killed()).caused_by(&cause);
    store.update(&session, &[cause.clone(), effect.clone()]).unwrap();

    let events = store.events(&EventFilter { after: 1, ..EventFilter::default() }).unwrap();
    let expected = [(cause, 2), (effect, 3)].map(|(mut event, sequence)| {
        event.sequence = sequence;
        event
    });
    assert_eq!(events, expected);
}

#[test]
fn events_are_read_in_pages_and_by_session() {
    let scratch = Scratch::new();
    let store = scratch.store();
    let first = reserve(&store, scratch.world(), "app");
    let second = reserve(&store, scratch.world(), "app");
    for _ in 0..3 {
        let activity = EventData::AgentActivityChanged(AgentActivityChanged::new());
        let event = scratch.world().event(Some(&second.id), activity);
        store.change(&second.id, &mut |_| Ok(vec![event.clone()])).unwrap();
    }
    let sequences = |session: Option<&_>, after, limit| -> Vec<u64> {
        let filter = EventFilter { session: session.cloned(), after, limit, ..EventFilter::default() };
        store.events(&filter).unwrap().into_iter().map(|event| event.sequence).collect()
    };
    assert_eq!(sequences(None, 0, 100), [1, 2, 3, 4, 5]);
    assert_eq!(sequences(None, 2, 2), [3, 4]);
    assert_eq!(sequences(Some(&first.id), 0, 100), [1]);
    assert_eq!(sequences(Some(&second.id), 2, 2), [3, 4]);
    assert!(sequences(None, u64::MAX, 100).is_empty());
}

#[test]
fn an_event_of_a_newer_version_is_read_as_unknown() {
    let scratch = Scratch::new();
    let (store, session) = scratch.with_session();
    let database = rusqlite::Connection::open(scratch.db()).unwrap();
    database.execute("UPDATE events SET type = 'session.teleported'", []).unwrap();
    let events = store.events(&EventFilter { session: Some(session.id), ..EventFilter::default() }).unwrap();
    assert_eq!(events[0].kind, EventKind::Unknown);
}

#[test]
fn only_a_dead_owner_loses_its_claim() {
    let scratch = Scratch::new();
    let (store, session) = scratch.with_session();
    let (world, proc) = (scratch.world(), &*scratch.fake.proc);
    let operation = |kind, pid| Operation::new(kind, "begin", proc.start(pid), world.now());
    let first = operation(OperationKind::Spawn, 10);
    let claim = store.claim(&session.id, &first, proc).unwrap();
    assert_eq!((claim.session.op.as_ref(), claim.interrupted), (Some(&first), None));

    let second = operation(OperationKind::Kill, 11);
    let error = store.claim(&session.id, &second, proc).unwrap_err();
    assert!(matches!(&error, StoreError::Held { kind: OperationKind::Spawn, doubt: None, .. }), "{error}");
    assert!(error.to_string().contains("`app-1` is busy: pid 10 is starting it;"), "{error}");

    proc.hide(10, "permission denied");
    let error = store.claim(&session.id, &second, proc).unwrap_err();
    assert!(matches!(&error, StoreError::Held { doubt: Some(_), .. }), "{error}");
    assert!(error.to_string().contains("permission denied"), "{error}");

    let third = operation(OperationKind::Kill, 12);
    let other = Scratch::new();
    // Pid 10 belongs to another process by now.
    other.fake.proc.end(10);
    let claim = store.claim(&session.id, &third, &*other.fake.proc).unwrap();
    assert_eq!((claim.session.op.as_ref(), claim.interrupted.as_ref()), (Some(&third), Some(&first)));
    assert_eq!(store.session(&session.id).unwrap(), Some(claim.session));

    let nobody = "app-9".parse().unwrap();
    assert!(matches!(store.claim(&nobody, &third, proc).unwrap_err(), StoreError::NoSession(_)));
}

#[test]
fn a_reboot_frees_every_claim() {
    let scratch = Scratch::new();
    let (store, session) = scratch.with_session();
    let proc = &*scratch.fake.proc;
    let operation = |kind| Operation::new(kind, "begin", proc.own().unwrap(), scratch.world().now());
    store.claim(&session.id, &operation(OperationKind::Spawn), proc).unwrap();
    assert!(store.claim(&session.id, &operation(OperationKind::Kill), proc).is_err(), "a second of the same process");
    proc.reboot();
    let claim = store.claim(&session.id, &operation(OperationKind::Kill), proc).unwrap();
    assert_eq!(claim.interrupted.unwrap().kind, OperationKind::Spawn);
}

#[test]
fn a_message_goes_from_level_to_level_once() {
    let scratch = Scratch::new();
    let (store, session) = scratch.with_session();
    let world = scratch.world();
    let message = |id: &str| Message::new(id, session.id.clone(), format!("/s/{id}.txt"), "00ff", world.now());
    let event = |data| [world.event(Some(&session.id), data)];
    for id in ["m2", "m1"] {
        let queued = EventData::MessageQueued(MessageQueued::new(id, 3_u64));
        store.queue_message(&message(id), &event(queued)).unwrap();
    }
    assert_eq!(store.messages(&session.id).unwrap(), [message("m2"), message("m1")]);

    scratch.fake.clock.advance(Duration::from_secs(1));
    let (queued, drafted) = (DeliveryLevel::Queued, DeliveryLevel::Drafted);
    let told = || event(EventData::MessageDrafted(MessageMoved::new("m1", drafted)));
    let moved = store.advance_message("m1", queued, drafted, world.now(), &told()).unwrap();
    assert_eq!((moved.level, moved.changed_at.since(moved.queued_at)), (drafted, Duration::from_secs(1)));
    assert_eq!(store.message("m1").unwrap(), Some(moved));

    let before = store.events(&EventFilter::default()).unwrap().len();
    let again = store.advance_message("m1", queued, drafted, world.now(), &told());
    let error = again.unwrap_err();
    assert!(matches!(&error, StoreError::MessageMoved { found, .. } if *found == drafted), "{error}");
    assert_eq!(store.events(&EventFilter::default()).unwrap().len(), before);

    assert_eq!(store.message("m3").unwrap(), None);
    let nobody = store.advance_message("m3", queued, drafted, world.now(), &[]);
    assert!(matches!(nobody.unwrap_err(), StoreError::NoMessage(_)));
    let mut stray = message("m4");
    stray.session = "app-9".parse().unwrap();
    assert!(matches!(store.queue_message(&stray, &[]).unwrap_err(), StoreError::NoSession(_)));
}
