//! Calls into a loaded library, and calls back from it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use ao_abi::{Bytes, ComponentBox, FfiFuture, FutureExt, Meta, RErr, RNone, ROk, RSome, RStr, Reply, StreamBox};
use ao_core::plugin::{BoxStream, CallContext, Frame, Host, Stream, Transport, capture};
use ao_core::{Code, Error, Result};
use async_trait::async_trait;

/// The largest request or reply, in bytes.
const MAX_PAYLOAD: usize = 64 * 1024 * 1024;

/// Something of a library's that is dropped on a thread of its own: its destructor is the author's, and may never end.
/// The thread is not waited for, so that whoever lets go of it goes on; it ends with the process at the latest.
struct Elsewhere<T: Send + 'static>(Option<T>);

impl<T: Send + 'static> Elsewhere<T> {
    fn new(inner: T) -> Self {
        Self(Some(inner))
    }

    fn inner(&self) -> &T {
        let Some(inner) = &self.0 else { unreachable!("only `drop` takes it") };
        inner
    }
}

impl<T: Send + 'static> Drop for Elsewhere<T> {
    fn drop(&mut self) {
        let inner = self.0.take();
        let spawned = std::thread::Builder::new().name("plugin drop".to_owned()).spawn(move || drop(inner));
        if let Err(error) = spawned {
            tracing::debug!("there was no thread to drop something of a plugin on: {error}");
        }
    }
}

/// An instance of a library, as the proxy's transport.
pub(super) struct ComponentTransport {
    component: Elsewhere<ComponentBox>,
    methods: BTreeSet<String>,
}

impl ComponentTransport {
    pub(super) fn new(component: ComponentBox, methods: BTreeSet<String>) -> Self {
        Self { component: Elsewhere::new(component), methods }
    }
}

/// The context as it crosses: the time that is left, as the two sides share no clock.
#[expect(clippy::disallowed_methods, reason = "the deadline is a point on this process's own monotonic clock")]
pub(crate) fn meta(context: CallContext) -> Meta {
    let left = context.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()).as_millis());
    // 0 means without limit, so an expired deadline is one millisecond.
    Meta { id: context.id, deadline_ms: left.map_or(0, |left| u64::try_from(left).unwrap_or(u64::MAX).max(1)) }
}

/// Refuses a payload that is too large.
pub(crate) fn bounded(method: &str, length: usize) -> Result<()> {
    if length > MAX_PAYLOAD {
        let limit = MAX_PAYLOAD / 1024 / 1024;
        return Err(Error::invalid_input(format!("`{method}`: {length} bytes are more than {limit} MiB")));
    }
    Ok(())
}

/// A frame of either kind is bounded: a control message is small.
fn bounded_frame(code: Code, length: usize) -> Result<()> {
    if length > Frame::MAX_DATA {
        let limit = Frame::MAX_DATA;
        return Err(Error::new(code, format!("a frame has {length} bytes; at most {limit} are allowed")));
    }
    Ok(())
}

/// The largest error, in bytes: it is masked, kept and shown. An honest one may quote what it was asked for.
const MAX_ERROR: usize = 256 * 1024;

/// The error that a library answered. One that is too large breaks the protocol.
pub(crate) fn error_in(bytes: &[u8]) -> Error {
    if bytes.len() > MAX_ERROR {
        let (length, limit) = (bytes.len(), MAX_ERROR / 1024);
        return Error::new(
            Code::PROTOCOL,
            format!("the plugin failed with an error of {length} bytes; at most {limit} KiB are read"),
        );
    }
    serde_json::from_slice(bytes)
        .unwrap_or_else(|error| Error::wrap(Code::PROTOCOL, "the plugin failed with an unreadable error", &error))
}

#[async_trait]
impl Transport for ComponentTransport {
    fn has(&self, method: &str) -> bool {
        self.methods.contains(method)
    }

    async fn call(&self, context: CallContext, method: &'static str, payload: Vec<u8>) -> Result<Vec<u8>> {
        bounded(method, payload.len())?;
        let call = ao_abi::Component::call(self.component.inner(), meta(context), method.into(), payload.into());
        match call.await {
            ROk(reply) => {
                // Of a reply it is the plugin that is wrong, and the call may have had its effect.
                bounded(method, reply.len()).map_err(|error| Error::new(Code::PROTOCOL, error.message))?;
                Ok(reply.into_vec())
            }
            RErr(error) => Err(error_in(&error)),
        }
    }

    async fn open(&self, context: CallContext, method: &'static str, payload: Vec<u8>) -> Result<BoxStream> {
        bounded(method, payload.len())?;
        let open = ao_abi::Component::open(self.component.inner(), meta(context), method.into(), payload.into());
        match open.await {
            ROk(stream) => Ok(Box::new(OpenStream(Elsewhere::new(stream)))),
            RErr(error) => Err(error_in(&error)),
        }
    }
}

/// A stream that a library opened.
struct OpenStream(Elsewhere<StreamBox>);

#[async_trait]
impl Stream for OpenStream {
    async fn next(&self) -> Result<Option<Frame>> {
        loop {
            let frame = match ao_abi::Stream::next(self.0.inner()).await {
                ROk(RSome(frame)) => frame,
                ROk(RNone) => return Ok(None),
                RErr(error) => return Err(error_in(&error)),
            };
            bounded_frame(Code::PROTOCOL, frame.bytes.len())?;
            match frame.kind {
                ao_abi::Frame::DATA => return Ok(Some(Frame::Data(frame.bytes.into_vec()))),
                ao_abi::Frame::CONTROL => {
                    return ao_core::plugin::decode("stream", &frame.bytes).map(|value| Some(Frame::Control(value)));
                }
                // A kind that a newer library may send.
                _ => {}
            }
        }
    }

    async fn send(&self, frame: Frame) -> Result<()> {
        let (kind, bytes) = match frame {
            Frame::Data(bytes) => (ao_abi::Frame::DATA, bytes),
            Frame::Control(value) => (ao_abi::Frame::CONTROL, ao_core::plugin::encode("stream", &value)?),
            _ => return Err(Error::unsupported("a frame of a kind that libraries do not know")),
        };
        bounded_frame(Code::INVALID_INPUT, bytes.len())?;
        match ao_abi::Stream::send(self.0.inner(), ao_abi::Frame { kind, bytes: bytes.into() }).await {
            ROk(()) => Ok(()),
            RErr(error) => Err(error_in(&error)),
        }
    }
}

/// The host, as an instance of a library sees it.
pub(super) struct HostObject(pub(super) Arc<dyn Host>);

/// Its destructor makes this thread's end visible.
struct Here;

impl Drop for Here {
    fn drop(&mut self) {}
}

thread_local! {
    static HERE: Here = const { Here };
}

/// Whether our thread-locals on this thread are gone: a library's may be dropped after them, and log. What subscribers
/// do with a line would panic then, and end the process.
fn thread_is_ending() -> bool {
    HERE.try_with(|_| ()).is_err()
}

impl ao_abi::Host for HostObject {
    fn log_enabled(&self, level: u8, target: RStr<'_>) -> bool {
        !thread_is_ending() && self.0.log_enabled(level, target.as_str())
    }

    fn log(&self, call: u64, level: u8, target: RStr<'_>, message: RStr<'_>) {
        if !thread_is_ending() {
            self.0.log(call, level, target.as_str(), message.as_str());
        }
    }

    fn call(&self, method: RStr<'_>, payload: Bytes) -> FfiFuture<Reply> {
        let (host, method) = (Arc::clone(&self.0), method.as_str().to_owned());
        async move {
            let answer = async {
                bounded(&method, payload.len())?;
                host.call(&method, payload.into_vec()).await
            };
            match capture(&method, answer).await {
                Ok(reply) => ROk(reply.into()),
                Err(error) => RErr(serde_json::to_vec(&error).unwrap_or_default().into()),
            }
        }
        .into_ffi()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_that_is_too_large_is_not_read() {
        let error = |length: usize| serde_json::to_vec(&Error::not_found("x".repeat(length))).unwrap_or_default();
        assert_eq!(error_in(&error(200_000)).code, Code::NOT_FOUND);
        let refused = error_in(&error(300_000));
        assert_eq!(refused.code, Code::PROTOCOL);
        assert!(refused.message.len() < 200, "{refused}");
    }
}
