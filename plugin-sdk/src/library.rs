//! A library's root: what the host finds behind the exported symbol.

#![expect(unsafe_code, clippy::disallowed_methods, reason = "the island's header; the library's own runtime and clock")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use ao_abi::StreamBox;
use ao_abi::{Bytes, ComponentBox, FfiFuture, FutureExt, HostBox, Meta, RErr, ROk, RResult, RStr, Reply, Root};
use ao_core::plugin::{
    CallContext, Dispatch, HEALTH, Host, LibraryManifest, Life, Manifest, PING, Registration, SHUTDOWN, WIRE_VERSION,
    capture, encode, enter_host, panicked, registrations, scope, scope_host,
};
use ao_core::slots::Slot;
use ao_core::{Code, Error, Result};
use async_trait::async_trait;
use tokio::runtime::Runtime;
use tokio::task::{JoinError, JoinHandle};

pub use ao_abi::LibHeader;

use crate::contained::Contained;
use crate::logging;
use crate::open_stream::OpenStream;

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
        let created = enter_host(Some(Arc::clone(&host)), || (registration.create)(config))?;
        let (made, runtime) = (Made { dispatch: created.instance.dispatcher(), life: created.life }, runtime::<L>()?);
        let made = Contained::new(made, Arc::clone(&host), runtime);
        let inner = Arc::new(Inner { made, in_flight: AtomicU64::new(0) });
        Ok(Component { inner, host, runtime })
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

/// One instance, as the island's component.
struct Component {
    inner: Arc<Inner>,
    host: Arc<dyn Host>,
    runtime: &'static Runtime,
}

/// What its calls hold on to.
struct Inner {
    made: Contained<Made>,
    in_flight: AtomicU64,
}

/// The plugin, as its calls reach it.
struct Made {
    dispatch: Box<dyn Dispatch>,
    life: Arc<dyn Life>,
}

/// A call that is being worked on.
struct InFlight(Arc<Inner>);

impl InFlight {
    fn begin(inner: &Arc<Inner>) -> Self {
        inner.in_flight.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(inner))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
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
        let call = async move { capture(&name, scope(context, scope_host(Some(host), call))).await };
        if self.inner.made.dispatch.is_pure(method) {
            let call = Contained::new(Box::pin(call), Arc::clone(&self.host), self.runtime);
            return async move { reply(call.await) }.into_ffi();
        }
        spawned(self.runtime, call)
    }
}

pub(crate) fn reply<T>(result: Result<T>) -> RResult<T, Bytes> {
    match result {
        Ok(value) => ROk(value),
        Err(error) => RErr(error_bytes(&error)),
    }
}

/// A task of the library's runtime that ends with its handle.
pub(crate) struct AbortOnDrop<T>(pub(crate) JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What a task ended with.
pub(crate) fn ended<T>(joined: Result<Result<T>, JoinError>) -> Result<T> {
    joined.unwrap_or_else(|_| Err(Error::new(Code::CANCELLED, "the call was cancelled")))
}

/// A task of the library's runtime that ends when the host drops the future.
pub(crate) fn spawned<T: Send + 'static>(
    runtime: &'static Runtime,
    call: impl Future<Output = Result<T>> + Send + 'static,
) -> FfiFuture<RResult<T, Bytes>> {
    let mut task = AbortOnDrop(runtime.spawn(call));
    async move { reply(ended((&mut task.0).await)) }.into_ffi()
}

impl ao_abi::Component for Component {
    fn call(&self, meta: Meta, method: RStr<'_>, payload: Bytes) -> FfiFuture<Reply> {
        let (inner, name) = (Arc::clone(&self.inner), method.as_str().to_owned());
        self.run(meta, method.as_str(), async move {
            let life = &inner.made.life;
            let answer = match name.as_str() {
                HEALTH => {
                    let mut health = life.health().await?;
                    health.in_flight = inner.in_flight.load(Ordering::Relaxed);
                    encode(HEALTH, &health)?
                }
                // Reaches nothing of the plugin's: that this task runs is the answer.
                PING => b"{}".to_vec(),
                SHUTDOWN => life.shutdown().await.map(|()| b"{}".to_vec())?,
                _ => {
                    let counted = InFlight::begin(&inner);
                    counted.0.made.dispatch.call(&name, &payload).await?
                }
            };
            Ok(Bytes::from(answer))
        })
    }

    fn open(&self, meta: Meta, method: RStr<'_>, payload: Bytes) -> FfiFuture<RResult<StreamBox, Bytes>> {
        let (inner, name) = (Arc::clone(&self.inner), method.as_str().to_owned());
        let (host, runtime) = (Arc::clone(&self.host), self.runtime);
        self.run(meta, method.as_str(), async move {
            let counted = InFlight::begin(&inner);
            let stream = counted.0.made.dispatch.open(&name, &payload).await?;
            let stream = OpenStream::new(stream, meta.id, host, runtime);
            Ok(StreamBox::from_value(stream, ao_abi::abi_stable::sabi_trait::TD_Opaque))
        })
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
