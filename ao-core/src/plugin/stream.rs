//! Two-way streams: terminals and wake-ups; and the guard around an open one.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

use super::{CallContext, CallPolicy, Method, StreamEvent, capture, enter, enter_host, panicked, scope, scope_host};
use crate::{Code, Error, Result};

/// One piece of a stream.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Frame {
    /// Raw bytes, at most [`Frame::MAX_DATA`].
    Data(Vec<u8>),
    /// A control message, such as `{"kind":"resize","columns":80,"rows":24}`.
    Control(Value),
}

impl Frame {
    /// The most bytes that a data frame holds: 64 KiB.
    pub const MAX_DATA: usize = 64 * 1024;

    /// Refuses data that is too long, with this code.
    pub fn bounded(self, code: Code) -> Result<Self> {
        match &self {
            Self::Data(bytes) if bytes.len() > Self::MAX_DATA => {
                let (length, limit) = (bytes.len(), Self::MAX_DATA);
                Err(Error::new(code, format!("a frame has {length} bytes of data; at most {limit} are allowed")))
            }
            _ => Ok(self),
        }
    }
}

/// An open stream. Dropping it closes it.
#[async_trait]
pub trait Stream: Send + Sync {
    /// The next frame from the plugin; `None` at the end. Dropping this before it ends must lose no frame: the next
    /// call yields what this one would have. Of a plugin in a library, the SDK sees to that.
    async fn next(&self) -> Result<Option<Frame>>;

    /// Sends a frame to the plugin; returns when the plugin has taken it. After dropping this it is not known whether
    /// the plugin has taken it.
    async fn send(&self, frame: Frame) -> Result<()>;
}

/// What an `open` method returns.
pub type BoxStream = Box<dyn Stream>;

/// A stream under the policy of the call that opened it.
pub(super) struct GuardedStream {
    /// Taken only by `drop`.
    inner: Option<BoxStream>,
    policy: Arc<dyn CallPolicy>,
    method: &'static Method,
    context: CallContext,
}

impl GuardedStream {
    pub(super) fn new(
        inner: BoxStream,
        policy: Arc<dyn CallPolicy>,
        method: &'static Method,
        context: CallContext,
    ) -> Self {
        policy.stream(method, context, StreamEvent::Opened);
        // The deadline was the opening's.
        Self { inner: Some(inner), policy, method, context: CallContext { deadline: None, ..context } }
    }

    /// Runs one step of the plugin's.
    async fn step<T>(&self, step: impl Future<Output = Result<T>>) -> Result<T> {
        let step = scope(self.context, scope_host(self.policy.host(), capture(self.method.name, step)));
        step.await.map_err(|error| self.failed(error))
    }

    fn failed(&self, mut error: Error) -> Error {
        self.policy.stream(self.method, self.context, StreamEvent::Failed(&mut error));
        error
    }

    fn inner(&self) -> Result<&BoxStream> {
        self.inner.as_ref().ok_or_else(|| Error::new(Code::CANCELLED, "the stream is closed"))
    }
}

#[async_trait]
impl Stream for GuardedStream {
    async fn next(&self) -> Result<Option<Frame>> {
        let inner = self.inner()?;
        self.step(async { inner.next().await?.map(|frame| frame.bounded(Code::PROTOCOL)).transpose() }).await
    }

    async fn send(&self, frame: Frame) -> Result<()> {
        let inner = self.inner()?;
        // The caller's mistake, not the plugin's.
        let frame = frame.bounded(Code::INVALID_INPUT)?;
        self.step(inner.send(frame)).await
    }
}

impl Drop for GuardedStream {
    fn drop(&mut self) {
        let inner = self.inner.take();
        let close = || enter(self.context, || enter_host(self.policy.host(), || drop(inner)));
        if let Err(panic) = catch_unwind(AssertUnwindSafe(close)) {
            self.failed(panicked(self.method.name, &*panic));
        }
        self.policy.stream(self.method, self.context, StreamEvent::Closed);
    }
}
