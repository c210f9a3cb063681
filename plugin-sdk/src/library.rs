//! A library's root: what the host finds behind the exported symbol.

#![expect(unsafe_code, clippy::disallowed_methods, reason = "the island's header; the library's own runtime and clock")]

use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use ao_abi::{Bytes, ComponentBox, FfiFuture, FutureExt, HostBox, Meta, RErr, RNone, ROk, RSome, RStr, StreamBox};
use ao_abi::{RResult, Reply, Root};
use ao_core::plugin::{
    BoxStream, CallContext, Dispatch, Frame, Host, LibraryManifest, Manifest, Registration, WIRE_VERSION, capture,
    encode, panicked, registrations, scope,
};
use ao_core::slots::Slot;
use ao_core::{Code, Error, Result};
use async_trait::async_trait;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

pub use ao_abi::LibHeader;

use crate::logging;

/// Which library this is; implemented by `export_plugin!`.
pub trait Library: 'static {
    /// `CARGO_CRATE_NAME` of the library.
    const CRATE_NAME: &'static str;
    /// Its version.
    const CRATE_VERSION: &'static str;
}

/// The header that `export_plugin!` exports.
#[must_use]
pub const fn header<L: Library>() -> LibHeader {
    // SAFETY: `construct` yields the `RootRef` that `ao_abi::root` makes.
    unsafe { ao_abi::header(construct::<L>) }
}

extern "C" fn construct<L: Library>() -> ao_abi::RootModuleResult {
    ao_abi::root(Root { manifest: manifest::<L>, create: create::<L> })
}

/// The plugins of this library, without those of libraries that it is built from.
fn own<L: Library>() -> impl Iterator<Item = &'static Registration> {
    registrations().filter(|registration| registration.crate_name == L::CRATE_NAME)
}

/// The manifest as JSON; empty when it cannot be made, which the host reports.
extern "C" fn manifest<L: Library>() -> Bytes {
    let made = catch_unwind(|| {
        let mut components = own::<L>().map(Registration::manifest).collect::<Result<Vec<_>>>()?;
        components.sort_by(|left, right| (left.slot, &left.name).cmp(&(right.slot, &right.name)));
        let library = LibraryManifest::new(L::CRATE_NAME, L::CRATE_VERSION, env!("CARGO_PKG_VERSION"));
        encode("manifest", &Manifest::new(WIRE_VERSION, library, components))
    });
    made.unwrap_or_else(|panic| Err(panicked("manifest", &*panic))).unwrap_or_default().into()
}

extern "C" fn create<L: Library>(
    slot: RStr<'_>,
    name: RStr<'_>,
    config: Bytes,
    host: HostBox,
) -> RResult<ComponentBox, Bytes> {
    let made = catch_unwind(AssertUnwindSafe(|| {
        let slot: Slot = slot.parse()?;
        let registration = own::<L>()
            .find(|registration| registration.slot == slot && registration.name == name.as_str())
            .ok_or_else(|| Error::not_found(format!("the library has no {slot} plugin `{name}`")))?;
        let config = serde_json::from_slice(&config)
            .map_err(|error| Error::wrap(Code::INVALID_INPUT, "the configuration is not JSON", &error))?;
        let host: Arc<dyn Host> = Arc::new(RemoteHost(host));
        logging::install(&host);
        // Constructors of HTTP clients and the like want to find a runtime.
        let _inside = runtime::<L>()?.enter();
        let instance = logging::with_host(&host, || (registration.create)(config))?;
        let dispatch = Arc::new(Contained::new(instance.dispatcher()));
        Ok(Component { dispatch, host, runtime: runtime::<L>()? })
    }));
    match made.unwrap_or_else(|panic| Err(panicked("constructor", &*panic))) {
        Ok(component) => ROk(ComponentBox::from_value(component, ao_abi::abi_stable::sabi_trait::TD_Opaque)),
        Err(error) => RErr(error_bytes(&error)),
    }
}

/// The library's own runtime: tokio's statics are one set per image, so the host's cannot be used here.
fn runtime<L: Library>() -> Result<&'static Runtime> {
    // One a library: an image has one `export_plugin!`, but its dependencies may be plugins too.
    static RUNTIME: OnceLock<std::io::Result<Runtime>> = OnceLock::new();
    let made = RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .max_blocking_threads(16)
            .thread_name(L::CRATE_NAME)
            .enable_all()
            .build()
    });
    made.as_ref().map_err(|error| Error::wrap(Code::UNAVAILABLE, "the library cannot start its threads", error))
}

fn error_bytes(error: &Error) -> Bytes {
    serde_json::to_vec(error).unwrap_or_default().into()
}

/// What an author made. A panic while it is dropped ends here: the island's own drop would end the process with it.
struct Contained<T>(ManuallyDrop<T>);

impl<T> Contained<T> {
    fn new(made: T) -> Self {
        Self(ManuallyDrop::new(made))
    }
}

impl<T> std::ops::Deref for Contained<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> Drop for Contained<T> {
    fn drop(&mut self) {
        // The panic hook has told the host of it.
        let _ = catch_unwind(AssertUnwindSafe(|| {
            // SAFETY: dropped here, and nothing reaches the field after its owner's `drop`.
            unsafe { ManuallyDrop::drop(&mut self.0) }
        }));
    }
}

/// One instance, as the island's component.
struct Component {
    dispatch: Arc<Contained<Box<dyn Dispatch>>>,
    host: Arc<dyn Host>,
    runtime: &'static Runtime,
}

impl Component {
    /// Runs a call: on the library's runtime, or where it is polled if the method does no I/O.
    fn run<T: Send + 'static>(
        &self,
        meta: Meta,
        method: &str,
        call: impl Future<Output = Result<T>> + Send + 'static,
    ) -> FfiFuture<RResult<T, Bytes>> {
        let deadline = (meta.deadline_ms > 0).then(|| Instant::now() + Duration::from_millis(meta.deadline_ms));
        let context = CallContext { id: meta.id, deadline };
        let (host, name) = (Arc::clone(&self.host), method.to_owned());
        let call = async move { capture(&name, logging::scoped(host, scope(context, call))).await };
        if self.dispatch.is_pure(method) {
            return async move { reply(call.await) }.into_ffi();
        }
        spawned(self.runtime, call)
    }
}

fn reply<T>(result: Result<T>) -> RResult<T, Bytes> {
    match result {
        Ok(value) => ROk(value),
        Err(error) => RErr(error_bytes(&error)),
    }
}

/// A task of the library's runtime that ends when the host drops the future.
fn spawned<T: Send + 'static>(
    runtime: &'static Runtime,
    call: impl Future<Output = Result<T>> + Send + 'static,
) -> FfiFuture<RResult<T, Bytes>> {
    struct AbortOnDrop<T>(JoinHandle<T>);
    impl<T> Drop for AbortOnDrop<T> {
        fn drop(&mut self) {
            self.0.abort();
        }
    }
    let mut task = AbortOnDrop(runtime.spawn(call));
    async move {
        let ended = (&mut task.0).await;
        reply(ended.unwrap_or_else(|_| Err(Error::new(Code::CANCELLED, "the call was cancelled"))))
    }
    .into_ffi()
}

impl ao_abi::Component for Component {
    fn call(&self, meta: Meta, method: RStr<'_>, payload: Bytes) -> FfiFuture<Reply> {
        let (dispatch, name) = (Arc::clone(&self.dispatch), method.as_str().to_owned());
        self.run(meta, method.as_str(), async move { dispatch.call(&name, &payload).await.map(Bytes::from) })
    }

    fn open(&self, meta: Meta, method: RStr<'_>, payload: Bytes) -> FfiFuture<RResult<StreamBox, Bytes>> {
        let (dispatch, name) = (Arc::clone(&self.dispatch), method.as_str().to_owned());
        let (host, runtime) = (Arc::clone(&self.host), self.runtime);
        self.run(meta, method.as_str(), async move {
            let stream = Arc::new(Contained::new(dispatch.open(&name, &payload).await?));
            Ok(StreamBox::from_value(OpenStream { stream, host, runtime }, ao_abi::abi_stable::sabi_trait::TD_Opaque))
        })
    }
}

/// An open stream, as the island's.
struct OpenStream {
    stream: Arc<Contained<BoxStream>>,
    host: Arc<dyn Host>,
    runtime: &'static Runtime,
}

impl OpenStream {
    fn run<T: Send + 'static>(
        &self,
        step: impl Future<Output = Result<T>> + Send + 'static,
    ) -> FfiFuture<RResult<T, Bytes>> {
        let host = Arc::clone(&self.host);
        spawned(self.runtime, async move { capture("stream", logging::scoped(host, step)).await })
    }
}

impl ao_abi::Stream for OpenStream {
    fn next(&self) -> FfiFuture<RResult<ao_abi::ROption<ao_abi::Frame>, Bytes>> {
        let stream = Arc::clone(&self.stream);
        self.run(async move {
            match stream.next().await? {
                Some(frame) => Ok(RSome(frame_out(frame)?)),
                None => Ok(RNone),
            }
        })
    }

    fn send(&self, frame: ao_abi::Frame) -> FfiFuture<RResult<(), Bytes>> {
        let stream = Arc::clone(&self.stream);
        self.run(async move {
            match frame_in(&frame)? {
                Some(frame) => stream.send(frame).await,
                None => Ok(()),
            }
        })
    }
}

fn frame_out(frame: Frame) -> Result<ao_abi::Frame> {
    match frame {
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
        ao_abi::Frame::DATA => Ok(Some(Frame::Data(frame.bytes.to_vec()))),
        ao_abi::Frame::CONTROL => {
            ao_core::plugin::decode("stream", &frame.bytes).map(|value| Some(Frame::Control(value)))
        }
        _ => Ok(None),
    }
}

/// The host, behind the island.
struct RemoteHost(HostBox);

#[async_trait]
impl Host for RemoteHost {
    fn log_enabled(&self, level: u8, target: &str) -> bool {
        ao_abi::Host::log_enabled(&self.0, level, target.into())
    }

    fn log(&self, call: u64, level: u8, target: &str, message: &str) {
        ao_abi::Host::log(&self.0, call, level, target.into(), message.into());
    }

    async fn call(&self, method: &str, payload: Vec<u8>) -> Result<Vec<u8>> {
        let reply = ao_abi::Host::call(&self.0, method.into(), payload.into()).await;
        match reply {
            ROk(bytes) => Ok(bytes.into_vec()),
            RErr(error) => {
                Err(serde_json::from_slice(&error).unwrap_or_else(|_| Error::other("the host's error is unreadable")))
            }
        }
    }
}
