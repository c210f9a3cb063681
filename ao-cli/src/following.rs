//! Looking again and again at what changes, until somebody has seen enough.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use ao_core::{Code, Error};
use ao_host::store::StoreWatch;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

use crate::edge::Edge;
use crate::failure::Failure;

/// How often is looked, without a hint from the file system, at what is written into the store.
pub(crate) const SLOW_LOOK: Duration = Duration::from_secs(1);

/// Looks whenever somebody has written into the store, and this often besides, until a look breaks off because there is
/// nothing more to see, it is interrupted, or nobody reads any more.
pub(crate) async fn follow(
    edge: &Edge,
    often: Duration,
    mut look: impl AsyncFnMut() -> Result<ControlFlow<()>, Failure>,
) -> Result<(), Failure> {
    let unheard = |error: io::Error| Error::wrap(Code::OTHER, "cannot wait for signals", &error);
    let mut interrupted = signal(SignalKind::interrupt()).map_err(unheard)?;
    let mut ended = signal(SignalKind::terminate()).map_err(unheard)?;
    let written = Arc::new(Notify::new());
    let mut watch = None;
    loop {
        // The directory may come later than who follows what happens in it.
        watch = watch.or_else(|| {
            let written = Arc::clone(&written);
            StoreWatch::new(&edge.places.state_db(), move || written.notify_one())
        });
        if look().await?.is_break() {
            return Ok(());
        }
        tokio::select! {
            () = written.notified() => {}
            () = tokio::time::sleep(often) => {
                if !somebody_reads() {
                    return Ok(());
                }
            }
            _ = interrupted.recv() => return Ok(()),
            _ = ended.recv() => return Ok(()),
        }
    }
}

/// Heeds interrupts for as long as it lives: from then on they end no program by themselves.
pub(crate) struct Interrupts {
    runtime: tokio::runtime::Runtime,
    signals: [Signal; 2],
}

impl Interrupts {
    /// From now on.
    pub(crate) fn heed() -> Result<Self, Error> {
        let unheard = |error: io::Error| Error::wrap(Code::OTHER, "cannot wait for signals", &error);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(unheard)?;
        let signals = {
            let _inside = runtime.enter();
            [signal(SignalKind::interrupt()).map_err(unheard)?, signal(SignalKind::terminate()).map_err(unheard)?]
        };
        Ok(Self { runtime, signals })
    }

    /// Whether one has come that nobody has asked about.
    pub(crate) fn came(&mut self) -> bool {
        let [interrupted, ended] = &mut self.signals;
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                _ = interrupted.recv() => true,
                _ = ended.recv() => true,
                // One turn of the runtime, in which what has arrived is heard.
                () = tokio::task::yield_now() => false,
            }
        })
    }
}

/// Whether what is printed can still arrive.
fn somebody_reads() -> bool {
    let stdout = io::stdout();
    let mut wanted = [PollFd::new(&stdout, PollFlags::empty())];
    let ready = poll(&mut wanted, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }));
    ready.is_err() || !wanted[0].revents().intersects(PollFlags::ERR | PollFlags::HUP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interrupt_is_heard_once() {
        let mut interrupts = Interrupts::heed().unwrap();
        assert!(!interrupts.came());
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::INT).unwrap();
        // The kernel may hand it to another thread, which is a moment later.
        assert!((0..1_000_000).any(|_| interrupts.came()));
        assert!(!interrupts.came());
    }
}
