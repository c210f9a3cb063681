//! Ending a host: politely, or by force, and never anybody else.

use std::time::Duration;

use ao_core::{Code, Error, Result};
use rustix::process::Signal;

use super::lock::{PAUSE, TRIES};
use super::process::Held;
use super::record::{HostRecord, HostState, look};
use crate::world::{Places, Proc};

/// How long a host is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// How long it may take to end by itself.
    pub grace: Duration,
    /// How long the kernel may take to remove it after it was killed.
    pub removal: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { grace: Duration::from_secs(20), removal: Duration::from_secs(10) }
    }
}

/// What became of a host that was asked to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// There was none.
    NoHost,
    /// It has ended.
    Ended(HostRecord),
}

/// Asks the host of these places to end, and waits for that. It is not killed: one that does not end within its grace
/// is an error that says what to do. Its agents stay.
pub fn stop(places: &Places, proc: &dyn Proc, patience: Patience) -> Result<Stopped> {
    let record = match look(places) {
        HostState::NotRunning(_) => return Ok(Stopped::NoHost),
        HostState::Unknown { why } => return Err(Error::unavailable(why)),
        HostState::Running(None) => return Err(unidentified(places)),
        HostState::Running(Some(record)) => record,
    };
    if let Some(host) = Held::open(&record.process, proc)? {
        if host.is_suspended() {
            let (process, pid) = (&record.process, record.process.pid);
            return Err(Error::new(
                Code::TIMEOUT,
                format!(
                    "the host ({process}) is suspended and cannot end; `kill -CONT {pid}` wakes it, `ao start --takeover` replaces it"
                ),
            ));
        }
        host.signal(Signal::TERM)?;
        if !host.ends_within(patience.grace)? {
            return Err(Error::new(
                Code::TIMEOUT,
                format!(
                    "the host ({}) has not ended within {} s; ask again, or replace it with `ao start --takeover`",
                    record.process,
                    patience.grace.as_secs()
                ),
            ));
        }
    }
    for _ in 0..TRIES {
        match look(places) {
            // What holds it now is another: the one that we were asked to end is gone.
            HostState::NotRunning(_) => return Ok(Stopped::Ended(record)),
            HostState::Running(Some(now)) if now != record => return Ok(Stopped::Ended(record)),
            // A program that it was just starting has its lock for an instant longer.
            _ => std::thread::park_timeout(PAUSE),
        }
    }
    Err(held_by_another(places, &record))
}

/// Ends a host by force where it does not end by itself. It must be the very process of the record.
pub(super) fn end(places: &Places, record: &HostRecord, proc: &dyn Proc, patience: Patience) -> Result<()> {
    let host = Held::open(&record.process, proc)?.ok_or_else(|| held_by_another(places, record))?;
    // A suspended process would act on the polite signal only once somebody wakes it.
    if !host.is_suspended() {
        host.signal(Signal::TERM)?;
        if host.ends_within(patience.grace)? {
            return Ok(());
        }
    }
    host.signal(Signal::KILL)?;
    if host.ends_within(patience.removal)? {
        return Ok(());
    }
    let seconds = patience.removal.as_secs();
    let message = format!("the host ({}) was killed and is still there after {seconds} s", record.process);
    Err(Error::new(Code::TIMEOUT, message))
}

pub(super) fn unidentified(places: &Places) -> Error {
    let lock = super::record::lock_file(places);
    Error::unavailable(format!(
        "a host holds `{lock}` and has not written down who it is; it may be starting: try again. \
         If this stays so, `fuser {lock}` says which process has it open"
    ))
}

pub(super) fn held_by_another(places: &Places, record: &HostRecord) -> Error {
    let lock = super::record::lock_file(places);
    Error::unavailable(format!(
        "`{lock}` is held, but not by the host that wrote itself down ({}), which is not to be seen: it may be a process \
         of another container, or one that inherited the lock. Nothing is ended; `fuser {lock}` says who has it open",
        record.process
    ))
}
