//! The plugin boundary as data and traits: what a library says of itself, how a slot's methods are called through it,
//! and what guards every call. Nothing here loads code; that is the host's.

mod call;
mod current;
mod dispatch;
mod effect;
mod host;
mod life;
mod manifest;
mod method;
mod registration;
mod stream;

pub use call::{Admission, CallPolicy, Outcome, StreamEvent, capture, guard, guard_open, panicked};
pub use current::{CallContext, current, current_host, enter, enter_host, scope, scope_host};
pub use dispatch::{Dispatch, RemoteLife, Transport, decode, encode, remote_call, remote_open};
pub(crate) use dispatch::{lacking, unknown_method};
pub use effect::EffectClass;
pub use host::{GetState, ReadSecret, RemoveState, SecretValue, SetState, StateChanged, StateValue, WakeHost, Woken};
pub use host::{Host, NoHost, SECRET, STATE_GET, STATE_REMOVE, STATE_SET, WAKE, no_such_call};
pub use life::{Created, HEALTH, Health, HealthState, Life, PING, SHUTDOWN, answered_or_older};
pub use manifest::{ComponentManifest, LibraryManifest, Manifest, WIRE_VERSION};
pub use method::{Class, Kind, Method};
pub use registration::{Registration, registrations};
pub use stream::{BoxStream, Frame, Stream};
