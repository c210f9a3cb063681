//! The host's lock among real processes.

use std::process::{Command, Stdio};

use ao_host::failpoint::Failpoints;
use ao_host::host::{Claimant, HostLock, HostState, look};
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
