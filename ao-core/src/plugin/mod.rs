//! The plugin boundary as data and traits: what a library says of itself, how a slot's methods are called through it,
//! and what guards every call. Nothing here loads code; that is the host's.

mod call;
mod dispatch;
mod manifest;
mod method;
mod registration;
mod stream;

pub use call::{CallContext, CallPolicy, capture, current, enter, guard, panicked, scope};
pub use dispatch::{Dispatch, Transport, decode, encode, remote_call, remote_open};
pub(crate) use dispatch::{lacking, unknown_method};
pub use manifest::{ComponentManifest, LibraryManifest, Manifest, WIRE_VERSION};
pub use method::{Class, Kind, Method};
pub use registration::{Host, NoHost, Registration, registrations};
pub use stream::{BoxStream, Frame, Stream};
