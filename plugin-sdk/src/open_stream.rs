//! An open stream of a library: no frame is lost when the host stops waiting for one.

use std::sync::Arc;

use ao_abi::{Bytes, FfiFuture, FutureExt, RNone, ROption, RResult, RSome};
use ao_core::plugin::{BoxStream, CallContext, Frame, Host, capture, encode, scope, scope_host};
use ao_core::{Code, Error, Result};
use tokio::runtime::Runtime;
use tokio::sync::Mutex;

use crate::contained::Contained;
use crate::library::{AbortOnDrop, ended, reply, spawned};

/// The plugin's work on a frame.
type NextFrame = AbortOnDrop<Result<ROption<ao_abi::Frame>>>;

/// An open stream, as the island's.
pub(crate) struct OpenStream {
    stream: Arc<Contained<BoxStream>>,
    /// The plugin's work on the next frame. It goes on when the host stops waiting, and the next to ask gets its frame;
    /// there is at most one, so a plugin whose frames nobody takes waits.
    pending: Arc<Mutex<Option<NextFrame>>>,
    context: CallContext,
    host: Arc<dyn Host>,
    runtime: &'static Runtime,
}

impl OpenStream {
    /// A stream that the call of this context opened.
    pub(crate) fn new(stream: BoxStream, id: u64, host: Arc<dyn Host>, runtime: &'static Runtime) -> Self {
        let stream = Arc::new(Contained::new(stream, Arc::clone(&host), runtime));
        Self { stream, pending: Arc::default(), context: CallContext { id, deadline: None }, host, runtime }
    }

    fn guarded<T, F: Future<Output = Result<T>>>(&self, step: F) -> impl Future<Output = Result<T>> + use<T, F> {
        let (host, context) = (Arc::clone(&self.host), self.context);
        async move { scope(context, scope_host(Some(host), capture("stream", step))).await }
    }
}

impl ao_abi::Stream for OpenStream {
    fn next(&self) -> FfiFuture<RResult<ROption<ao_abi::Frame>, Bytes>> {
        let stream = Arc::clone(&self.stream);
        let step = self.guarded(async move {
            match stream.next().await? {
                Some(frame) => Ok(RSome(frame_out(frame)?)),
                None => Ok(RNone),
            }
        });
        let (pending, runtime) = (Arc::clone(&self.pending), self.runtime);
        async move {
            let mut pending = pending.lock().await;
            let task = pending.get_or_insert_with(|| AbortOnDrop(runtime.spawn(step)));
            let frame = ended((&mut task.0).await);
            // Nothing is awaited from here on: who takes the frame out hands it over.
            *pending = None;
            reply(frame)
        }
        .into_ffi()
    }

    fn send(&self, frame: ao_abi::Frame) -> FfiFuture<RResult<(), Bytes>> {
        let stream = Arc::clone(&self.stream);
        let step = self.guarded(async move {
            match frame_in(&frame)? {
                Some(frame) => stream.send(frame).await,
                None => Ok(()),
            }
        });
        spawned(self.runtime, step)
    }
}

fn frame_out(frame: Frame) -> Result<ao_abi::Frame> {
    match frame.bounded(Code::PROTOCOL)? {
        Frame::Data(bytes) => Ok(ao_abi::Frame { kind: ao_abi::Frame::DATA, bytes: bytes.into() }),
        Frame::Control(value) => {
            Ok(ao_abi::Frame { kind: ao_abi::Frame::CONTROL, bytes: encode("stream", &value)?.into() })
        }
        _ => Err(Error::unsupported("a frame of a kind that this SDK cannot send")),
    }
}

/// A frame from the host; none for a kind that a newer host may send.
fn frame_in(frame: &ao_abi::Frame) -> Result<Option<Frame>> {
    match frame.kind {
        ao_abi::Frame::DATA => Frame::Data(frame.bytes.to_vec()).bounded(Code::INVALID_INPUT).map(Some),
        ao_abi::Frame::CONTROL => {
            ao_core::plugin::decode("stream", &frame.bytes).map(|value| Some(Frame::Control(value)))
        }
        _ => Ok(None),
    }
}
