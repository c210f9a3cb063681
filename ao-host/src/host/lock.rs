//! The host's lock: one host a state directory, by a lock of the kernel's that goes with the process and with no clock.
//!
//! The descriptor is close-on-exec, so that nothing that the host starts keeps it. The file itself stays for good.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::time::Duration;

use ao_core::slots::runtime::Liveness;
use ao_core::{Code, Error, Result};
use camino::Utf8Path;
use rustix::fs::FlockOperation;

use super::ending::{Patience, end, held_by_another, unidentified};
use super::record::{self, HOST_VERSION, HostRecord};
use crate::failpoint::Failpoints;
use crate::world::files::PRIVATE_FILE;
use crate::world::mounts::network_file_system;
use crate::world::{Places, World};

/// How often a lock is asked for whose holder is not to be seen: a reader shares it for an instant, and a host that has
/// just taken it needs one to write itself down.
pub(super) const TRIES: u32 = 50;
/// After how many of them a holder that lives is believed: one that is ending lives on without its lock for a moment.
const BELIEVED: u32 = 3;
/// What is between two of them.
pub(super) const PAUSE: Duration = Duration::from_millis(10);

/// Who wants to be the host.
#[derive(Clone, Copy, Debug)]
pub struct Claimant<'a> {
    /// Of what.
    pub places: &'a Places,
    /// Clock and processes.
    pub world: &'a World,
    /// The program that it runs.
    pub program: &'a Utf8Path,
    /// Where it logs, if that is a file.
    pub log: Option<&'a Utf8Path>,
    /// Where a test makes it fail.
    pub failpoints: &'a Failpoints,
}

/// The right to be the host. It ends when this is dropped, or with the process.
#[derive(Debug)]
pub struct HostLock {
    _file: File,
    record: HostRecord,
}

/// Somebody else holds the lock.
#[derive(Clone, Debug)]
pub struct Taken {
    /// Who that is, as it wrote itself down. None when it has not, or cannot be read.
    pub holder: Option<HostRecord>,
    /// Whether that process is to be seen. The lock is held in any case.
    pub liveness: Liveness,
}

/// Why a lock was not taken.
#[derive(Clone, Debug)]
pub enum Refusal {
    /// Somebody else holds it.
    Taken(Box<Taken>),
    /// It could not be taken, or may not.
    Failed(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Failed(error) => error,
            Refusal::Taken(taken) => taken.into(),
        }
    }
}

impl From<Box<Taken>> for Error {
    fn from(taken: Box<Taken>) -> Self {
        let who = match (&taken.holder, &taken.liveness) {
            (Some(holder), Liveness::Alive) => format!("{}, since {}", holder.process, holder.started_at),
            (Some(holder), _) => format!("last written down was {}, which is not to be seen", holder.process),
            (None, _) => "it has not written down who it is".to_owned(),
        };
        Self::unavailable(format!(
            "a host runs already ({who}); `ao stop` ends it, `ao start --takeover` ends it and takes its place"
        ))
    }
}

impl HostLock {
    /// Takes the lock, or says who has it. The state directory must be there, and on a disk of this machine.
    pub fn try_take(claimant: &Claimant<'_>) -> Result<Self, Refusal> {
        let places = claimant.places;
        // Where mounts cannot be seen, neither can processes, and that is an error below.
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        refuse_network(&mounts, places.state())?;
        let process = claimant.world.proc.own().map_err(|error| {
            Error::wrap(Code::UNAVAILABLE, "a host must see its own process in /proc, and does not", &error)
        })?;
        claimant.failpoints.pass("takeover.lock.before")?;
        let mut taken = Taken { holder: None, liveness: Liveness::Unknown { why: "nobody was looked at".to_owned() } };
        for attempts in 1..=TRIES {
            if let Some(file) = attempt(places).map_err(|error| cannot_lock(places, &error))? {
                claimant.failpoints.pass("takeover.lock.held")?;
                let record = HostRecord {
                    version: HOST_VERSION,
                    process,
                    started_at: claimant.world.now(),
                    program: claimant.program.to_owned(),
                    log: claimant.log.map(Utf8Path::to_owned),
                };
                record::write(places, &record)
                    .map_err(|error| Error::wrap(Code::UNAVAILABLE, "a host cannot write down who it is", &error))?;
                claimant.failpoints.pass("takeover.lock.after")?;
                return Ok(Self { _file: file, record });
            }
            let holder = record::read(places);
            let liveness = holder.as_ref().map(|holder| claimant.world.proc.look(&holder.process));
            taken = Taken { holder, liveness: liveness.unwrap_or(taken.liveness) };
            if taken.liveness == Liveness::Alive && attempts >= BELIEVED {
                break;
            }
            // No event tells that a lock became free.
            std::thread::park_timeout(PAUSE);
        }
        Err(Refusal::Taken(Box::new(taken)))
    }

    /// Takes the lock from whoever has it: asks that process to end, kills it when it does not, and waits. Only a
    /// process that is the very one of the record is touched. Returns whom it replaced.
    pub fn take_over(claimant: &Claimant<'_>, patience: Patience) -> Result<(Self, Option<HostRecord>)> {
        let taken = match Self::try_take(claimant) {
            Ok(lock) => return Ok((lock, None)),
            Err(Refusal::Failed(error)) => return Err(error),
            Err(Refusal::Taken(taken)) => taken,
        };
        let places = claimant.places;
        let Some(holder) = taken.holder else { return Err(unidentified(places)) };
        if claimant.world.proc.own().is_ok_and(|own| own == holder.process) {
            return Err(Error::conflict("this process is the host already"));
        }
        match taken.liveness {
            Liveness::Alive => end(places, &holder, &*claimant.world.proc, patience)?,
            Liveness::Unknown { why } => {
                return Err(Error::unavailable(format!("the host ({}) cannot be identified: {why}", holder.process)));
            }
            _ => return Err(held_by_another(places, &holder)),
        }
        claimant.failpoints.pass("takeover.lock.ended")?;
        let lock = Self::try_take(claimant)?;
        Ok((lock, Some(holder)))
    }

    /// What it wrote down.
    #[must_use]
    pub fn record(&self) -> &HostRecord {
        &self.record
    }
}

/// The locked file, unless somebody has it.
fn attempt(places: &Places) -> io::Result<Option<File>> {
    let path = record::lock_file(places);
    loop {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).mode(PRIVATE_FILE).open(&path)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        // Somebody may have put another file in its place before it was locked: that one is the lock now.
        let (ours, there) = (file.metadata()?, std::fs::metadata(&path));
        if there.is_ok_and(|there| (there.dev(), there.ino()) == (ours.dev(), ours.ino())) {
            return Ok(Some(file));
        }
    }
}

fn cannot_lock(places: &Places, error: &io::Error) -> Error {
    Error::wrap(Code::UNAVAILABLE, format!("cannot lock `{}`", record::lock_file(places)), error)
}

/// Over a network, a lock may be granted twice and a database torn.
fn refuse_network(mounts: &str, state: &Utf8Path) -> Result<()> {
    let Some(kind) = network_file_system(mounts, state) else { return Ok(()) };
    Err(Error::new(
        Code::INCOMPATIBLE,
        format!(
            "`{state}` is on a network file system ({kind}), where locks and the database are not safe; set `AO_HOME` \
             to a local directory"
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{HostState, look};
    use crate::world::fake;

    fn scratch() -> (tempfile::TempDir, Places) {
        let directory = tempfile::tempdir().unwrap();
        let home = directory.path().to_owned();
        let env = |name: &str| (name == "AO_HOME").then(|| home.clone().into());
        let places = Places::resolve(&env, Utf8Path::new("/nowhere")).unwrap();
        places.ensure().unwrap();
        (directory, places)
    }

    fn claimant<'a>(places: &'a Places, world: &'a World) -> Claimant<'a> {
        Claimant { places, world, program: Utf8Path::new("/bin/ao"), log: None, failpoints: Failpoints::none() }
    }

    fn taken(refusal: Refusal) -> Taken {
        match refusal {
            Refusal::Taken(taken) => *taken,
            Refusal::Failed(error) => panic!("{error}"),
        }
    }

    #[test]
    fn one_host_a_directory_for_as_long_as_the_lock_lives() {
        let (_directory, places) = scratch();
        assert_eq!(look(&places), HostState::NotRunning(None));
        let fake = fake::world(1);
        let lock = HostLock::try_take(&claimant(&places, &fake.world)).unwrap();
        assert_eq!(look(&places), HostState::Running(Some(lock.record().clone())));
        let refused = taken(HostLock::try_take(&claimant(&places, &fake.world)).unwrap_err());
        assert_eq!((refused.holder.as_ref(), refused.liveness), (Some(lock.record()), Liveness::Alive));
        let record = lock.record().clone();
        drop(lock);
        assert_eq!(look(&places), HostState::NotRunning(Some(record)));
        HostLock::try_take(&claimant(&places, &fake.world)).unwrap();
    }

    #[test]
    fn a_look_never_makes_a_starting_host_fail() {
        let (_directory, places) = scratch();
        let fake = fake::world(1);
        drop(HostLock::try_take(&claimant(&places, &fake.world)).unwrap());
        std::thread::scope(|scope| {
            let lookers: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| (0..2000).filter(|_| matches!(look(&places), HostState::Running(_))).count()))
                .collect();
            // Its own record names a living process, so it is forgotten before each attempt.
            for _ in 0..200 {
                std::fs::remove_file(places.state().join("host.json")).unwrap();
                HostLock::try_take(&claimant(&places, &fake.world)).unwrap();
            }
            for looker in lookers {
                looker.join().unwrap();
            }
        });
    }

    #[test]
    fn a_holder_that_is_not_the_one_of_the_record_is_left_alone() {
        let (_directory, places) = scratch();
        let fake = fake::world(1);
        let lock = HostLock::try_take(&claimant(&places, &fake.world)).unwrap();
        let refusal = || HostLock::take_over(&claimant(&places, &fake.world), Patience::default()).unwrap_err().message;
        let holder = HostRecord { process: fake.proc.start(2000), ..lock.record().clone() };
        record::write(&places, &holder).unwrap();
        fake.proc.start(2000);
        assert!(refusal().contains("not by the host that wrote itself down"), "the pid is another's now");
        fake.proc.hide(2000, "no permission");
        assert!(refusal().contains("cannot be identified: no permission"));
        record::write(&places, lock.record()).unwrap();
        assert!(refusal().contains("is the host already"));
        std::fs::remove_file(places.state().join("host.json")).unwrap();
        assert!(refusal().contains("has not written down who it is"));
    }

    #[test]
    fn a_lock_file_that_was_replaced_is_not_the_lock() {
        let (_directory, places) = scratch();
        let fake = fake::world(1);
        let old = HostLock::try_take(&claimant(&places, &fake.world)).unwrap();
        std::fs::remove_file(record::lock_file(&places)).unwrap();
        let new = HostLock::try_take(&claimant(&places, &fake.world)).unwrap();
        drop(old);
        assert!(matches!(look(&places), HostState::Running(_)), "the file that is there is locked");
        drop(new);
        assert!(matches!(look(&places), HostState::NotRunning(_)));
    }

    #[test]
    fn a_network_file_system_is_refused_by_name() {
        let mounts = "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n30 22 0:40 / /home rw - fuse.sshfs server: rw\n";
        let error = refuse_network(mounts, Utf8Path::new("/home/u/.local/state/ao")).unwrap_err();
        assert_eq!(error.code.exit_code(), 78);
        assert!(error.message.contains("(fuse.sshfs)") && error.message.contains("AO_HOME"), "{error}");
        refuse_network(mounts, Utf8Path::new("/var/ao")).unwrap();
    }
}
