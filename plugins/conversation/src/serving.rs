//! What every helper's loop needs: the signals that end it, and those who wait for an answer.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use ao_plugin_sdk::prelude::*;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use crate::control::Reply;

/// What a signal tells a helper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// To end, by the signal of this number.
    End(u8),
    /// To cancel the turn.
    Interrupt,
}

/// The signals that matter.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    hangup: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From here on they are ours.
    pub fn new() -> io::Result<Self> {
        let [terminate, hangup, interrupt] =
            [SignalKind::terminate(), SignalKind::hangup(), SignalKind::interrupt()].map(signal);
        Ok(Self { terminate: terminate?, hangup: hangup?, interrupt: interrupt? })
    }

    /// The next one.
    pub async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.terminate.recv() => Told::End(15),
            _ = self.hangup.recv() => Told::End(1),
            _ = self.interrupt.recv() => Told::Interrupt,
        }
    }
}

/// Those who asked and wait, by a number of their own.
#[derive(Debug, Default)]
pub struct Waiting {
    asking: BTreeMap<u64, oneshot::Sender<Reply>>,
    last: u64,
}

impl Waiting {
    /// Somebody asks, and gets this number.
    pub fn add(&mut self, reply: oneshot::Sender<Reply>) -> u64 {
        self.last += 1;
        self.asking.insert(self.last, reply);
        self.last
    }

    /// Answers somebody. What could not be written down was not taken.
    pub fn reply(&mut self, to: u64, reply: Reply, unwritten: Option<&str>) {
        let reply = match unwritten {
            Some(error) => Reply::refused(Code::UNAVAILABLE, format!("cannot write the journal: {error}")),
            None => reply,
        };
        if let Some(asking) = self.asking.remove(&to) {
            // Who asked may have gone; the key makes asking again harmless.
            let _ = asking.send(reply);
        }
    }
}

/// The code with which a helper ends for its agent: as a shell has it.
#[must_use]
pub fn code_of(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    u8::try_from(code).unwrap_or(1)
}
