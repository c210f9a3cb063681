//! What an instance in the hosting process asks of the host at the other end: calls and log lines.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ao_core::plugin::Host;
use ao_core::{Code, Error, Result};
use async_trait::async_trait;
use tokio::sync::{Semaphore, oneshot};

use super::convert::unsent;
use super::outbox::Outbox;
use super::wire::{Answer, MAX_TEXT, ToHost};
use crate::loader::error_in;

/// Calls of the host at once; more wait.
pub(super) const MAX_HOST_CALLS: usize = 64;

/// The way to the host, for all instances.
pub(super) struct Upward {
    outbox: Outbox,
    waiting: Mutex<BTreeMap<u64, oneshot::Sender<Answer>>>,
    next: AtomicU64,
    room: Semaphore,
    lost_lines: AtomicU64,
}

impl Upward {
    pub(super) fn new(outbox: Outbox) -> Self {
        let (waiting, next, room) = (Mutex::default(), AtomicU64::new(1), Semaphore::new(MAX_HOST_CALLS));
        Self { outbox, waiting, next, room, lost_lines: AtomicU64::new(0) }
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeMap<u64, oneshot::Sender<Answer>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands an answer to whoever waits for it.
    pub(super) fn answered(&self, request: u64, answer: Answer) {
        if let Some(waiting) = self.waiting().remove(&request) {
            // It may have gone away in this moment.
            let _ = waiting.send(answer);
        }
    }

    async fn call(&self, instance: u64, method: &str, payload: Vec<u8>) -> Result<Vec<u8>> {
        let gone = || Error::unavailable("the host is gone");
        let _permit = self.room.acquire().await.map_err(|_| gone())?;
        let request = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = oneshot::channel();
        self.waiting().insert(request, sender);
        let cancel = CancelOnDrop { upward: self, request };
        let message = ToHost::HostCall { request, instance, method: method.to_owned(), payload };
        self.outbox.send(&message).await.map_err(|error| unsent(&error))?;
        let answer = receiver.await.map_err(|_| gone())?;
        drop(cancel);
        match answer {
            Answer::Done(reply) => Ok(reply),
            Answer::Failed(error) => Err(error_in(&error)),
            Answer::Frame { .. } | Answer::End => Err(Error::new(Code::PROTOCOL, "the host answered with a frame")),
        }
    }

    fn log(&self, instance: u64, call: u64, level: u8, target: &str, message: &str) {
        let line = |level, target: &str, message: &str| {
            let clip = |text: &str| text[..text.floor_char_boundary(MAX_TEXT)].to_owned();
            ToHost::Log { instance, call, level, target: clip(target), message: clip(message) }
        };
        let lost = self.lost_lines.load(Ordering::Relaxed);
        if lost > 0 {
            let told = line(2, "ao", &format!("{lost} log lines were dropped: the host did not take them in time"));
            if self.outbox.try_send(&told).is_ok() {
                self.lost_lines.fetch_sub(lost, Ordering::Relaxed);
            }
        }
        if self.outbox.try_send(&line(level, target, message)).is_err() {
            self.lost_lines.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Tells the host when nobody waits for its answer any longer.
struct CancelOnDrop<'a> {
    upward: &'a Upward,
    request: u64,
}

impl Drop for CancelOnDrop<'_> {
    fn drop(&mut self) {
        if self.upward.waiting().remove(&self.request).is_some() {
            self.upward.outbox.send_small(&ToHost::HostCancel { request: self.request });
        }
    }
}

/// The host, as one instance sees it.
pub(super) struct UpwardHost {
    upward: Arc<Upward>,
    instance: u64,
    /// The least important level that the host keeps; each call brings it anew.
    pub(super) level: AtomicU8,
}

impl UpwardHost {
    pub(super) fn new(upward: Arc<Upward>, instance: u64, level: u8) -> Self {
        Self { upward, instance, level: AtomicU8::new(level) }
    }
}

#[async_trait]
impl Host for UpwardHost {
    fn log_enabled(&self, level: u8, _target: &str) -> bool {
        level <= self.level.load(Ordering::Relaxed)
    }

    fn log(&self, call: u64, level: u8, target: &str, message: &str) {
        self.upward.log(self.instance, call, level, target, message);
    }

    async fn call(&self, method: &str, payload: Vec<u8>) -> Result<Vec<u8>> {
        self.upward.call(self.instance, method, payload).await
    }
}
