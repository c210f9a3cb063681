//! Notices in the store: written once, found while something is to be done about them, fenced, and forgotten at last.

use ao_core::lifecycle::notices::Attempt;
use ao_core::model::event::{EventData, EventKind, NotifyTried};
use ao_core::model::{Notice, NoticeState, Timestamp};
use ao_core::slots::notifier::Priority;
use ao_host::store::{EventFilter, Fence, Reader, SqliteReader, Store, StoreError};

use super::scratch::Scratch;

fn at(days: i64) -> Timestamp {
    Timestamp::from_millis(days * 86_400_000)
}

fn notice(id: &str) -> Notice {
    let mut notice = Notice::new(id, Priority::Action, format!("about {id}"), at(0));
    notice.links.insert("look".to_owned(), "ao inbox".to_owned());
    notice
}

fn ids(notices: &[Notice]) -> Vec<&str> {
    notices.iter().map(|notice| notice.id.as_str()).collect()
}

#[test]
fn a_notice_is_written_once_and_found_until_it_is_over() {
    let scratch = Scratch::new();
    assert_eq!(SqliteReader::open(&scratch.db()).unwrap().open_notices().unwrap(), [], "where there is no store");
    let store = scratch.store();
    let event = || scratch.world().event(None, EventData::NotifySent(NotifyTried::new("b")));
    assert!(store.add_notice(Fence::None, &notice("b"), &[event()]).unwrap());
    let mut other = notice("b");
    other.title = "another text".to_owned();
    assert!(!store.add_notice(Fence::None, &other, &[event()]).unwrap(), "the same id is the same notice");
    store.add_notice(Fence::None, &notice("a"), &[]).unwrap();
    let reader = SqliteReader::open(&scratch.db()).unwrap();
    let stored = reader.notice("b").unwrap().unwrap();
    let mut expected = notice("b");
    expected.number = stored.number;
    assert_eq!(stored, expected);
    assert_eq!(reader.notice("c").unwrap(), None);
    assert_eq!(ids(&reader.open_notices().unwrap()), ["b", "a"], "as they were written down");
    let told = store.events(&EventFilter::default()).unwrap();
    assert_eq!(told.iter().filter(|event| event.kind == EventKind::NotifySent).count(), 1);

    let team = "team".parse().unwrap();
    let changed = store.change_notice(Fence::None, "b", &mut |notice| {
        notice.route(std::slice::from_ref(&team));
        notice.tried(&team, Attempt::Told(Some("7")), std::time::Duration::ZERO, at(1));
        vec![event()]
    });
    assert_eq!(changed.unwrap().unwrap().state, NoticeState::Told);
    assert_eq!(ids(&reader.open_notices().unwrap()), ["a"]);
    assert_eq!(ids(&reader.waiting_notices(9).unwrap()), ["b", "a"], "nobody said that they have seen it");
    assert_eq!(ids(&reader.waiting_notices(1).unwrap()), ["a"], "the newest");
    let acknowledge = |id: &str, day: i64| {
        let by = &mut |notice: &mut Notice| {
            notice.acknowledge("ada", at(day));
            Vec::new()
        };
        store.change_notice(Fence::None, id, by).unwrap()
    };
    assert_eq!(acknowledge("b", 2).unwrap().acknowledged.unwrap().by, "ada");
    assert_eq!(ids(&reader.waiting_notices(9).unwrap()), ["a"]);
    assert_eq!(acknowledge("nobody", 2), None);
}

#[test]
fn what_is_over_is_forgotten_and_nothing_else() {
    let scratch = Scratch::new();
    let store = scratch.store();
    for (id, over) in [("old", Some(1)), ("newer", Some(5)), ("newest", Some(6)), ("waits", None)] {
        store.add_notice(Fence::None, &notice(id), &[]).unwrap();
        if let Some(day) = over {
            let seen = &mut |notice: &mut Notice| {
                notice.acknowledge("ada", at(day));
                Vec::new()
            };
            store.change_notice(Fence::None, id, seen).unwrap();
        }
    }
    assert_eq!(store.forget_notices(Fence::None, at(2), 9).unwrap(), 1);
    assert_eq!(store.notice("old").unwrap(), None);
    assert_eq!(store.forget_notices(Fence::None, at(2), 1).unwrap(), 1);
    assert!(store.notice("newer").unwrap().is_none() && store.notice("newest").unwrap().is_some());
    assert_eq!(ids(&store.waiting_notices(9).unwrap()), ["waits"]);
    assert!(store.add_notice(Fence::None, &notice("more"), &[]).unwrap());
    let numbers: Vec<_> = store.waiting_notices(9).unwrap().iter().map(|notice| notice.number).collect();
    assert_eq!(numbers, [4, 5], "no number is given twice");
}

#[test]
fn a_host_that_was_replaced_writes_none() {
    let scratch = Scratch::new();
    let store = scratch.store();
    let process = scratch.world().proc.own().unwrap();
    let epoch = store.take_epoch(&process, scratch.world().now(), &[]).unwrap();
    store.add_notice(Fence::Epoch(epoch), &notice("a"), &[]).unwrap();
    store.take_epoch(&process, scratch.world().now(), &[]).unwrap();
    let fence = Fence::Epoch(epoch);
    let fenced = |error: StoreError| assert!(matches!(error, StoreError::Fenced { .. }), "{error}");
    fenced(store.add_notice(fence, &notice("b"), &[]).unwrap_err());
    fenced(store.change_notice(fence, "a", &mut |_| Vec::new()).unwrap_err());
    fenced(store.forget_notices(fence, at(9), 0).unwrap_err());
}

#[test]
fn what_was_taken_back_can_be_said_again() {
    let scratch = Scratch::new();
    let store = scratch.store();
    store.add_notice(Fence::None, &notice("a"), &[]).unwrap();
    let before = store.notice("a").unwrap().unwrap();
    let withdraw = &mut |notice: &mut Notice| {
        notice.withdraw();
        Vec::new()
    };
    store.change_notice(Fence::None, "a", withdraw).unwrap();
    assert!(store.add_notice(Fence::None, &notice("a"), &[]).unwrap());
    let again = store.notice("a").unwrap().unwrap();
    assert!(again.is_open() && again.number > before.number, "it is told as a new one: {again:?}");
    assert_eq!(store.open_notices().unwrap().len(), 1);
}
