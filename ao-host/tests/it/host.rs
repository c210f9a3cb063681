//! The host's lock among real processes.

use std::process::{Command, Stdio};
use std::time::Duration;

use ao_host::failpoint::Failpoints;
use ao_host::host::{Answer, Claimant, HostLock, HostState, ask_for_look, look};
use ao_host::store::{SqliteStore, Store};
use ao_host::world::{Places, World};
use camino::Utf8Path;

#[test]
fn what_a_host_has_started_does_not_keep_its_lock() {
    let directory = tempfile::tempdir().unwrap();
    let env = |name: &str| (name == "AO_HOME").then(|| directory.path().into());
    let places = Places::resolve(&env, Utf8Path::new("/nowhere")).unwrap();
    places.ensure().unwrap();
    let world = World::system();
    let (program, failpoints) = (Utf8Path::new("/bin/ao"), Failpoints::none());
    let claimant = Claimant { places: &places, world: &world, program, log: None, failpoints };
    let lock = HostLock::try_take(&claimant).unwrap();
    #[expect(clippy::disallowed_methods, reason = "a child of this test's, ended below")]
    let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).env_clear().spawn().unwrap();
    assert!(matches!(look(&places), HostState::Running(Some(_))));
    drop(lock);
    assert!(matches!(look(&places), HostState::NotRunning(Some(_))), "the child lives and has no lock");
    assert!(child.try_wait().unwrap().is_none());
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_host_is_asked_to_look_and_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let env = |name: &str| (name == "AO_HOME").then(|| directory.path().into());
    let places = Places::resolve(&env, Utf8Path::new("/nowhere")).unwrap();
    places.ensure().unwrap();
    let world = World::system();
    let ask = |patience| ask_for_look(&places, &world, patience).unwrap();
    let long = Duration::from_mins(1);
    assert_eq!(ask(long), Answer::NoHost);
    let claimant = Claimant {
        places: &places,
        world: &world,
        program: Utf8Path::new("/bin/ao"),
        log: None,
        failpoints: Failpoints::none(),
    };
    let lock = HostLock::try_take(&claimant).unwrap();
    let store = SqliteStore::open(&places.state_db()).unwrap();
    let epoch = store.take_epoch(&lock.record().process, world.now(), &[]).unwrap();
    store.looked(epoch, world.now()).unwrap();
    let question = places.state().join("look");
    assert!(!question.exists());
    assert_eq!(ask(Duration::from_millis(50)), Answer::TooLate, "what it saw before it was asked is no answer");
    assert!(question.exists());
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| ask(long));
        while !asking.is_finished() {
            store.looked(epoch, world.now()).unwrap();
            std::thread::park_timeout(Duration::from_millis(5));
        }
        assert_eq!(asking.join().unwrap(), Answer::Looked);
        let asking = scope.spawn(|| ask(long));
        drop(lock);
        assert_eq!(asking.join().unwrap(), Answer::NoHost, "it has ended meanwhile");
    });
}
