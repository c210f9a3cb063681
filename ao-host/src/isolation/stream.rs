//! An open stream of an isolated library. Each frame is asked for, so that nothing piles up on either side.

use std::sync::Arc;

use ao_core::Result;
use ao_core::plugin::{Frame, Stream};
use async_trait::async_trait;
use tokio::sync::Mutex;

use super::convert::{frame_in, frame_out};
use super::parent::{IsolatedLibrary, done};
use super::process::{Process, Request};
use super::wire::{Answer, ToChild};
use crate::loader::bounded;

/// The stream.
pub(super) struct IsolatedStream {
    /// The frame that was asked for. It stays asked for when whoever waits for it goes away, as in a `select!`: the
    /// plugin may have handed it over by then, and it would be lost.
    asked: Mutex<Option<Request>>,
    process: Arc<Process>,
    number: u64,
    /// Keeps the process.
    _library: Arc<IsolatedLibrary>,
}

impl IsolatedStream {
    pub(super) fn new(library: Arc<IsolatedLibrary>, process: Arc<Process>, number: u64) -> Self {
        Self { asked: Mutex::default(), process, number, _library: library }
    }
}

#[async_trait]
impl Stream for IsolatedStream {
    async fn next(&self) -> Result<Option<Frame>> {
        let mut asked = self.asked.lock().await;
        let request = if let Some(request) = asked.as_mut() {
            request
        } else {
            let stream = self.number;
            asked.insert(self.process.ask(|request| ToChild::Next { request, stream }).await?)
        };
        let answer = request.answer().await;
        *asked = None;
        match answer? {
            Answer::Frame { kind, bytes } => frame_in(kind, bytes).map(Some),
            Answer::End => Ok(None),
            other => done(other).map(|_| None),
        }
    }

    async fn send(&self, frame: Frame) -> Result<()> {
        let stream = self.number;
        let (kind, bytes) = frame_out(frame)?;
        bounded("stream", bytes.len())?;
        let mut request = self.process.ask(|request| ToChild::Send { request, stream, kind, bytes }).await?;
        done(request.answer().await?).map(|_| ())
    }
}

impl Drop for IsolatedStream {
    fn drop(&mut self) {
        self.process.tell(&ToChild::Cancel { request: self.number });
    }
}
