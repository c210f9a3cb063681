//! The frozen island: the only types that cross between the host and a plugin library as machine layout.
//!
//! Everything that may ever change travels inside [`Bytes`] as JSON. The layout checker refuses a library whose types
//! differ from the host's in any way, appended fields included, so nothing here is edited after version 1 freezes: a
//! change is a new root type under a new symbol beside this one. `tests/layout.rs` holds the layout.
//!
//! A library exports one static [`LibHeader`] under the name [`SYMBOL_PREFIX`] + its crate name. The host finds it
//! in the export table, checks it, and gets a [`RootRef`].

// The derive macros of `abi_stable` and `async-ffi` expand to unsafe code and to names in their own style.
#![expect(unsafe_code, reason = "the expansion of `StableAbi` and `sabi_trait` is unsafe code")]
#![allow(
    non_local_definitions,
    non_camel_case_types,
    missing_docs,
    clippy::used_underscore_binding,
    clippy::expl_impl_clone_on_copy,
    reason = "the expansion of `StableAbi` and `sabi_trait`"
)]

pub use abi_stable;
pub use abi_stable::library::{AbiHeaderRef, LibHeader, LibraryError, RootModule, RootModuleResult};
pub use abi_stable::std_types::{RBox, RErr, RNone, ROk, ROption, RResult, RSome, RStr, RVec};
pub use async_ffi::{self, FfiFuture, FutureExt};

use abi_stable::library::CheckTypeLayout;
use abi_stable::prefix_type::{PrefixRefTrait, PrefixTypeTrait};
use abi_stable::sabi_types::VersionStrings;
use abi_stable::{StableAbi, declare_root_module_statics, package_version_strings, sabi_trait};

/// What the exported symbol of a library begins with; the crate's name (`CARGO_CRATE_NAME`) follows.
pub const SYMBOL_PREFIX: &str = "__ao_plugin_v1_";

/// An owned buffer. JSON wherever no other meaning is stated.
pub type Bytes = RVec<u8>;

/// The answer to a call: a JSON result, or an `ao_core::Error` as JSON.
pub type Reply = RResult<Bytes, Bytes>;

/// What travels beside the payload of a call.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, StableAbi)]
pub struct Meta {
    /// The host's number for this call; log lines written during it carry it back.
    pub id: u64,
    /// How long the host will wait from now, in milliseconds. 0 means without limit.
    pub deadline_ms: u64,
}

/// One piece of a stream.
#[repr(C)]
#[derive(Clone, Debug, PartialEq, Eq, StableAbi)]
pub struct Frame {
    /// [`Frame::DATA`] or [`Frame::CONTROL`]; a reader skips kinds that it does not know.
    pub kind: u32,
    /// The raw data, or the JSON of a control message.
    pub bytes: Bytes,
}

impl Frame {
    /// The bytes are data as they are.
    pub const DATA: u32 = 0;
    /// The bytes are a JSON control message, such as a terminal's resize.
    pub const CONTROL: u32 = 1;
}

/// A two-way stream that a plugin opened. Dropping it closes it.
#[sabi_trait]
pub trait Stream: Send + Sync {
    /// The next frame from the plugin, or none at the end.
    fn next(&self) -> FfiFuture<RResult<ROption<Frame>, Bytes>>;

    /// Sends a frame to the plugin; ends when the plugin has taken it.
    #[sabi(last_prefix_field)]
    fn send(&self, frame: Frame) -> FfiFuture<RResult<(), Bytes>>;
}

/// An owned stream.
pub type StreamBox = Stream_TO<'static, RBox<()>>;

/// One instance of one plugin: a slot's methods behind two doors.
#[sabi_trait]
pub trait Component: Send + Sync {
    /// Calls `method` with a JSON object; dropping the future cancels the call.
    fn call(&self, meta: Meta, method: RStr<'_>, payload: Bytes) -> FfiFuture<Reply>;

    /// Opens the stream `method` with a JSON object.
    #[sabi(last_prefix_field)]
    fn open(&self, meta: Meta, method: RStr<'_>, payload: Bytes) -> FfiFuture<RResult<StreamBox, Bytes>>;
}

/// An owned component. Dropping it ends the instance.
pub type ComponentBox = Component_TO<'static, RBox<()>>;

/// What an instance may ask of its host. Each instance gets one of its own.
#[sabi_trait]
pub trait Host: Send + Sync {
    /// Whether a line of this level would be kept. Levels are 1 error, 2 warn, 3 info, 4 debug, 5 trace.
    fn log_enabled(&self, level: u8, target: RStr<'_>) -> bool;

    /// Hands over a line. Never blocks: the host may drop it. `call` is the [`Meta::id`] it belongs to, or 0.
    fn log(&self, call: u64, level: u8, target: RStr<'_>, message: RStr<'_>);

    /// Calls a method of the host with a JSON object.
    #[sabi(last_prefix_field)]
    fn call(&self, method: RStr<'_>, payload: Bytes) -> FfiFuture<Reply>;
}

/// An owned host object.
pub type HostBox = Host_TO<'static, RBox<()>>;

/// What a library exports.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = RootRef)))]
pub struct Root {
    /// The library's manifest (`ao_core::plugin::Manifest` as JSON). No I/O.
    pub manifest: extern "C" fn() -> Bytes,

    /// Makes an instance of the plugin `name` in `slot` from its configuration. No I/O.
    #[sabi(last_prefix_field)]
    pub create:
        extern "C" fn(slot: RStr<'_>, name: RStr<'_>, config: Bytes, host: HostBox) -> RResult<ComponentBox, Bytes>,
}

impl RootModule for RootRef {
    declare_root_module_statics! {RootRef}
    const BASE_NAME: &'static str = "ao_plugin";
    const NAME: &'static str = "ao_plugin";
    const VERSION_STRINGS: VersionStrings = package_version_strings!();
}

/// Makes the [`Root`] of a library, once.
pub type RootConstructor = extern "C" fn() -> RootModuleResult;

/// The header that a library exports under its symbol.
///
/// # Safety
///
/// `constructor` must yield a [`RootRef`]: the layout in the header describes that type and nothing checks the value.
#[must_use]
pub const unsafe fn header(constructor: RootConstructor) -> LibHeader {
    // SAFETY: the caller promises that the constructor yields a `RootRef`.
    unsafe { LibHeader::from_constructor::<RootRef>(constructor, CheckTypeLayout::Yes) }
}

/// Wraps a [`Root`] as what a [`RootConstructor`] returns.
#[must_use]
pub fn root(root: Root) -> RootModuleResult {
    // SAFETY: the fields are erased for the header to hold; the host casts back to `RootRef` after its layout check.
    ROk(unsafe { root.leak_into_prefix().to_prefix_ref().cast() })
}
