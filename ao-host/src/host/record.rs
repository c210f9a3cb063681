//! What a host writes down of itself beside its lock, and whether one runs. The lock is the truth; the record only says
//! who holds it.

use std::io;

use ao_core::model::{ProcessId, Timestamp};
use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::FlockOperation;
use serde::{Deserialize, Serialize};

use crate::world::Places;
use crate::world::files;

/// The version of the record. What a newer one adds is skipped by an older reader.
pub const HOST_VERSION: u32 = 1;

/// The most that is read of a record, in bytes.
const MOST_BYTES: usize = 64 * 1024;

/// Who the host is: `host.json` in the state directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostRecord {
    /// [`HOST_VERSION`].
    pub version: u32,
    /// The process.
    pub process: ProcessId,
    /// When it took the lock.
    pub started_at: Timestamp,
    /// The program that it runs.
    pub program: Utf8PathBuf,
    /// Where it logs, if that is a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<Utf8PathBuf>,
}

/// Whether a host serves a state directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostState {
    /// The lock is held: by this host, or by one that has not said yet who it is.
    Running(Option<HostRecord>),
    /// Nobody holds the lock. The record is that of the last host.
    NotRunning(Option<HostRecord>),
    /// It could not be looked at.
    Unknown {
        /// Why.
        why: String,
    },
}

pub(super) fn lock_file(places: &Places) -> Utf8PathBuf {
    places.state().join("host.lock")
}

fn record_file(places: &Places) -> Utf8PathBuf {
    places.state().join("host.json")
}

/// Says whether a host runs. Makes nothing, and needs no process table.
///
/// A free lock is shared for an instant, which a host that starts at that instant sits out ([`super::HostLock`]).
#[must_use]
pub fn look(places: &Places) -> HostState {
    match is_held(&lock_file(places)) {
        Ok(true) => HostState::Running(read(places)),
        Ok(false) => HostState::NotRunning(read(places)),
        Err(error) => HostState::Unknown { why: format!("cannot look at the host's lock: {error}") },
    }
}

fn is_held(path: &Utf8Path) -> io::Result<bool> {
    let file = match fs_err::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    match rustix::fs::flock(file.file(), FlockOperation::NonBlockingLockShared) {
        Ok(()) => Ok(false),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// The record that stands there; none where it is absent or cannot be read.
pub(super) fn read(places: &Places) -> Option<HostRecord> {
    serde_json::from_slice(&files::read_at_most(&record_file(places), MOST_BYTES).ok()?).ok()
}

pub(super) fn write(places: &Places, record: &HostRecord) -> io::Result<()> {
    files::write_atomic(&record_file(places), &serde_json::to_vec_pretty(record)?, files::PRIVATE_FILE)
}
