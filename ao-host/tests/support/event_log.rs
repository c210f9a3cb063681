//! Who writes the event log and does not get to the end.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use ao_core::model::Timestamp;
use ao_core::model::event::{EventData, MessageQueued};
use ao_host::store::{Fence, Retention, SqliteStore, Store};
use ao_host::world::World;
use camino::Utf8Path;
use rustix::process::{Resource, Rlimit, setrlimit};
use signal_hook::consts::SIGXFSZ;

/// How large a file may grow.
const ROOM: u64 = 4096;

pub(crate) fn archive(db: &str, directory: &str, now: &str, keep: &str) -> io::Result<ExitCode> {
    let store = SqliteStore::open(Utf8Path::new(db)).map_err(io::Error::other)?;
    let now = Timestamp::from_millis(now.parse().map_err(io::Error::other)?);
    let keep = Duration::from_secs(keep.parse().map_err(io::Error::other)?);
    // With a handler in place, a write fails instead of ending the process.
    signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)))?;
    setrlimit(Resource::Fsize, Rlimit { current: Some(ROOM), maximum: Some(ROOM) })?;
    let policy = Retention { keep, rows: 1_000_000 };
    match store.archive_events(Fence::None, Utf8Path::new(directory), &policy, now) {
        Ok(_) => Ok(ExitCode::SUCCESS),
        Err(error) => {
            let error = ao_core::Error::from(error);
            writeln!(io::stderr(), "{error}: {}", error.chain.join(": "))?;
            Ok(ExitCode::from(error.code.exit_code()))
        }
    }
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
        store.append(Fence::None, &events).map_err(io::Error::other)?;
        let ids: Vec<_> = events.iter().map(|event| event.id.as_str()).collect();
        writeln!(stdout, "{}", ids.join(" "))?;
        stdout.flush()?;
    }
    Ok(ExitCode::SUCCESS)
}
