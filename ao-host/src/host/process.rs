//! One very process, held by a descriptor, so that a signal can hit no other: not even one that got its pid meanwhile.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use ao_core::model::ProcessId;
use ao_core::model::process::ProcStat;
use ao_core::slots::runtime::Liveness;
use ao_core::{Code, Error, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::world::Proc;

/// A process that was alive, and the very one, when it was opened.
pub(crate) struct Held {
    descriptor: OwnedFd,
    process: ProcessId,
}

impl Held {
    /// Gets hold of a process; none when it has ended. One that cannot be told from others is an error.
    pub(crate) fn open(process: &ProcessId, proc: &dyn Proc) -> Result<Option<Self>> {
        let failed = |error: rustix::io::Errno| {
            Error::wrap(Code::UNAVAILABLE, format!("cannot get hold of {process}"), &io::Error::from(error))
        };
        let pid = i32::try_from(process.pid).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| Error::invalid_input(format!("{process} cannot be a process")))?;
        let descriptor = match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(descriptor) => descriptor,
            Err(rustix::io::Errno::SRCH) => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        // Looked at only now: if the pid still is that process's, it was when the descriptor was opened.
        match proc.look(process) {
            Liveness::Alive => Ok(Some(Self { descriptor, process: process.clone() })),
            Liveness::Dead { .. } => Ok(None),
            Liveness::Unknown { why } => Err(Error::unavailable(format!("cannot tell who {process} is: {why}"))),
            _ => Err(Error::unavailable(format!("cannot tell who {process} is"))),
        }
    }

    /// Sends it a signal. One that has ended needs none.
    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        match pidfd_send_signal(&self.descriptor, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(Error::wrap(
                Code::OTHER,
                format!("cannot send a signal to {}", self.process),
                &io::Error::from(error),
            )),
        }
    }

    /// Waits for its end, at most so long, and says whether it came.
    pub(crate) fn ends_within(&self, limit: Duration) -> Result<bool> {
        let limit = Timespec::try_from(limit).map_err(|error| Error::other(error.to_string()))?;
        loop {
            let mut watched = [PollFd::new(&self.descriptor, PollFlags::IN)];
            match poll(&mut watched, Some(&limit)) {
                Ok(ready) => return Ok(ready > 0),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => {
                    let what = format!("cannot wait for {}", self.process);
                    return Err(Error::wrap(Code::OTHER, what, &io::Error::from(error)));
                }
            }
        }
    }

    /// Whether it is suspended, and so cannot end by itself.
    pub(crate) fn is_suspended(&self) -> bool {
        let line = std::fs::read(format!("/proc/{}/stat", self.process.pid)).unwrap_or_default();
        ProcStat::parse(&String::from_utf8_lossy(&line)).is_some_and(|stat| matches!(stat.state, 'T' | 't'))
    }
}
