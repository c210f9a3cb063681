//! One process of a tree that is to end, held by a descriptor so that no other can take its place.

use std::os::fd::OwnedFd;
use std::time::Duration;

use ao_core::model::ProcessId;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::processes::{Sight, ended, look, stat};

/// A process and the descriptor that stands for it.
pub(super) struct Member {
    pub(super) id: ProcessId,
    descriptor: OwnedFd,
    stopped: Stopped,
}

/// Whether a process is stopped, and so takes no signal before it continues.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stopped {
    Yes,
    No,
}

impl Member {
    /// Takes hold of a process; `None` if it is gone.
    ///
    /// The order matters: a process that still has the pid *and* the start time after the descriptor was opened is the
    /// one that the descriptor stands for.
    pub(super) fn hold(id: ProcessId) -> Option<Self> {
        let pid = Pid::from_raw(i32::try_from(id.pid).ok()?)?;
        let descriptor = pidfd_open(pid, PidfdFlags::empty()).ok()?;
        if look(&id) != Sight::Running {
            return None;
        }
        let stopped = match stat(id.pid) {
            Ok(Some(stat)) if matches!(stat.state, 'T' | 't') => Stopped::Yes,
            _ => Stopped::No,
        };
        Some(Self { id, descriptor, stopped })
    }

    /// Asks it to end. An interactive shell ignores SIGTERM and takes SIGHUP instead, as when its terminal closes.
    pub(super) fn terminate(&self) {
        self.signal(Signal::TERM);
        if ignores_terminate(self.id.pid) {
            self.signal(Signal::HUP);
        }
        if self.stopped == Stopped::Yes {
            self.signal(Signal::CONT);
        }
    }

    /// Ends it.
    pub(super) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// Asks it, with SIGTERM alone.
    pub(super) fn ask(&self) {
        self.signal(Signal::TERM);
    }

    fn signal(&self, signal: Signal) {
        // It may have ended meanwhile, or be somebody else's; whether it is gone is looked at afterwards.
        let _ = pidfd_send_signal(&self.descriptor, signal);
    }

    /// Whether it still runs.
    pub(super) fn runs(&self) -> bool {
        matches!(stat(self.id.pid), Ok(Some(stat)) if stat.start == self.id.start && !ended(&stat))
    }
}

/// Waits until one of these ends, at most `limit`.
pub(super) fn wait_any<'a>(members: impl IntoIterator<Item = &'a Member>, limit: Duration) {
    let mut descriptors: Vec<PollFd<'_>> =
        members.into_iter().map(|member| PollFd::new(&member.descriptor, PollFlags::IN)).collect();
    // Interrupted or not: the caller looks again.
    let _ = poll(&mut descriptors, Timespec::try_from(limit).ok().as_ref());
}

fn ignores_terminate(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/status")).is_ok_and(|text| ignored(&text, Signal::TERM.as_raw()))
}

/// Whether the text of `/proc/<pid>/status` says that a signal is ignored (proc(5): `SigIgn`, a hexadecimal mask whose
/// lowest bit is signal 1).
fn ignored(status: &str, signal: i32) -> bool {
    status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_of_ignored_signals_is_read() {
        let status = "Name:\tbash\nSigBlk:\t0000000000004000\nSigIgn:\t0000000000004001\n";
        assert!(ignored(status, 15) && ignored(status, 1));
        assert!(!ignored(status, 2) && !ignored("", 15));
    }
}
