//! The signals that reach a holder, as something to poll.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use signal_hook::consts::{
    SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU, SIGUSR1, SIGUSR2, SIGXFSZ,
};
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::SignalOnly;

/// The signals that the holder takes itself.
///
/// They are *handled*, never ignored: exec resets a handler to the default, so that the program starts with default
/// dispositions even when the caller ignored some of them, as `nohup`, background jobs, tmux and Python do.
const HANDLED: [i32; 11] =
    [SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU, SIGXFSZ, SIGUSR1, SIGUSR2];

/// The signals that have arrived.
pub(crate) struct Arrivals(SignalDelivery<UnixStream, SignalOnly>);

impl Arrivals {
    /// Takes the signals from now on.
    pub(crate) fn new() -> io::Result<Self> {
        let (read, write) = UnixStream::pair()?;
        SignalDelivery::with_pipe(read, write, SignalOnly, HANDLED).map(Self)
    }

    /// Those since the last time, each once.
    pub(crate) fn take(&mut self) -> Vec<i32> {
        self.0.pending().collect()
    }
}

impl AsFd for Arrivals {
    /// Readable when a signal has arrived.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.get_read().as_fd()
    }
}
