//! Who writes the event log and does not get to the end.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use ao_core::model::Timestamp;
use ao_core::model::event::{EventData, MessageQueued};
use ao_host::store::{Fence, Retention, SqliteStore, Store, StoreError};
use ao_host::world::World;
use camino::Utf8Path;
use rustix::process::{Resource, Rlimit, setrlimit};
use signal_hook::consts::SIGXFSZ;

/// How large a file of an archive may grow.
const ROOM: u64 = 4096;
/// How large the files of a database may grow: more than a new one needs.
const ROOM_OF_A_DATABASE: u64 = 512 * 1024;

/// Lets no file grow beyond so many bytes, as on a full disk. With a handler in place, a write fails instead of ending the
/// process.
fn limit(room: u64) -> io::Result<()> {
    signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)))?;
    Ok(setrlimit(Resource::Fsize, Rlimit { current: Some(room), maximum: Some(room) })?)
}

/// Says why it cannot go on, and ends as a command would.
fn failed(error: StoreError) -> io::Result<ExitCode> {
    let error = ao_core::Error::from(error);
    writeln!(io::stderr(), "{error}: {}", error.chain.join(": "))?;
    Ok(ExitCode::from(error.code.exit_code()))
}

pub(crate) fn archive(db: &str, directory: &str, now: &str, keep: &str) -> io::Result<ExitCode> {
    let store = SqliteStore::open(Utf8Path::new(db)).map_err(io::Error::other)?;
    let now = Timestamp::from_millis(now.parse().map_err(io::Error::other)?);
    let keep = Duration::from_secs(keep.parse().map_err(io::Error::other)?);
    limit(ROOM)?;
    let policy = Retention { keep, rows: 1_000_000 };
    match store.archive_events(Fence::None, Utf8Path::new(directory), &policy, now) {
        Ok(_) => Ok(ExitCode::SUCCESS),
        Err(error) => failed(error),
    }
}

/// The same as [`append`], until there is no room.
pub(crate) fn fill(db: &str) -> io::Result<ExitCode> {
    limit(ROOM_OF_A_DATABASE)?;
    append(db)
}

pub(crate) fn append(db: &str) -> io::Result<ExitCode> {
    let store = SqliteStore::open(Utf8Path::new(db)).map_err(io::Error::other)?;
    let world = World::system();
    let mut stdout = io::stdout().lock();
    for number in 0_u64.. {
        // One, two or three at once: all of them are there, or none.
        let events: Vec<_> = (0..=number % 3)
            .map(|_| world.event(None, EventData::MessageQueued(MessageQueued::new("m", number))))
            .collect();
        if let Err(error) = store.append(Fence::None, &events) {
            return failed(error);
        }
        let ids: Vec<_> = events.iter().map(|event| event.id.as_str()).collect();
        writeln!(stdout, "{}", ids.join(" "))?;
        stdout.flush()?;
    }
    Ok(ExitCode::SUCCESS)
}
