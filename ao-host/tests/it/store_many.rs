//! Many writers at once: threads with their own connections, and processes.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::sync::Barrier;
use std::thread;

use ao_core::model::SessionId;
use ao_host::store::Store;
use ao_host::store::{EventFilter, Reader, SessionFilter, SqliteStore, StoreError};
use camino::Utf8Path;

use super::scratch::{Scratch, reserve};

#[test]
fn ten_connections_reserve_five_hundred_distinct_ids() {
    let scratch = Scratch::new();
    let (path, world) = (scratch.db(), scratch.world());
    let start = Barrier::new(10);
    // Each opens the database itself: ten of them create it at once.
    let reserve_fifty = || {
        start.wait();
        let store = SqliteStore::open(&path).unwrap();
        (0..50).map(|_| reserve(&store, world, "ao").id).collect::<Vec<_>>()
    };
    let ids: Vec<SessionId> = thread::scope(|scope| {
        let threads: Vec<_> = (0..10).map(|_| scope.spawn(reserve_fifty)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let expected: BTreeSet<String> = (1..=500).map(|number| format!("ao-{number}")).collect();
    assert_eq!(ids.iter().map(ToString::to_string).collect::<BTreeSet<_>>(), expected);
    let store = scratch.store();
    assert_eq!(store.sessions(&SessionFilter::default()).unwrap().len(), 500);
    assert_eq!(store.events(&EventFilter::default()).unwrap().len(), 500);
}

/// Tells the copies of this test that run as processes of their own where the database is.
const CHILD: &str = "AO_TEST_STORE";

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the test runs itself as children; their environment is built from nothing"
)]
fn fifty_reservations_from_ten_processes_are_distinct() {
    if let Some(path) = std::env::var_os(CHILD) {
        let store = SqliteStore::open(Utf8Path::new(path.to_str().unwrap())).unwrap();
        let world = ao_host::world::World::system();
        for _ in 0..5 {
            reserve(&store, &world, "ao");
        }
        return;
    }
    let scratch = Scratch::new();
    let child = || {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "store_many::fifty_reservations_from_ten_processes_are_distinct"])
            .env_clear()
            .env(CHILD, scratch.db())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    };
    let children: Vec<_> = (0..10).map(|_| child()).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let sessions = scratch.store().sessions(&SessionFilter::default()).unwrap();
    let ids: BTreeSet<String> = sessions.into_iter().map(|session| session.id.to_string()).collect();
    assert_eq!(ids, (1..=50).map(|number| format!("ao-{number}")).collect());
    let events = scratch.store().events(&EventFilter::default()).unwrap();
    assert_eq!(events.into_iter().map(|event| event.id).collect::<BTreeSet<_>>().len(), 50);
}

#[test]
fn of_many_who_read_the_same_version_one_writes() {
    let scratch = Scratch::new();
    let (_store, read) = scratch.with_session();
    let (path, start) = (scratch.db(), Barrier::new(8));
    let write = || {
        let store = SqliteStore::open(&path).unwrap();
        start.wait();
        store.update(&read, &[])
    };
    let results: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(write)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    for error in results.into_iter().filter_map(Result::err) {
        assert!(matches!(error, StoreError::Changed { expected: 1, found: 2, .. }), "{error:?}");
    }
}

#[test]
fn no_change_of_many_is_lost() {
    let scratch = Scratch::new();
    let (store, session) = scratch.with_session();
    let (path, id) = (scratch.db(), session.id);
    let count = || {
        let store = SqliteStore::open(&path).unwrap();
        for _ in 0..20 {
            let mut one_more = |session: &mut ao_core::model::facts::Session| {
                let count: u32 = session.issue.as_deref().unwrap_or("0").parse().unwrap();
                session.issue = Some((count + 1).to_string());
                Ok(Vec::new())
            };
            store.change(&id, &mut one_more).unwrap();
        }
    };
    thread::scope(|scope| (0..5).for_each(|_| drop(scope.spawn(count))));
    let session = store.session(&id).unwrap().unwrap();
    assert_eq!((session.issue.as_deref(), session.row_version), (Some("100"), 101));
}
