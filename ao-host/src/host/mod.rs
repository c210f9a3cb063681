//! The long-running host: the one process of a state directory that keeps looking at its sessions.
//!
//! What is here is the process around the engine: who may be the host ([`HostLock`]), whether one runs ([`look`]), how
//! one is ended ([`stop`]), how one is asked to look ([`ask_for_look`]), what a service manager is told ([`Notifier`]),
//! and where a host without a terminal writes ([`RotatingLog`]). The engine is handed a [`HostContext`] and the lock, hears [`Control`], and tells [`Told`].

mod ending;
mod engine;
mod lock;
mod log;
mod notify;
pub(crate) mod process;
mod record;
mod request;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ao_core::model::SessionId;
use ao_core::model::event::Event;
use ao_core::plugin::Registration;

use crate::sessions::Sessions;
use crate::setup::{ConfigFiles, Environment};
use crate::world::Places;

pub use ending::{Patience, Stopped, stop};
pub use engine::{once, serve};
pub use lock::{Claimant, HostLock, Refusal, Taken};
pub use log::{Limits, RotatingLog};
pub use notify::{MANAGER_VARIABLES, Notifier, Pulse};
pub use record::{HOST_VERSION, HostRecord, HostState, look};
pub use request::{Answer, ask_for_look};

/// What the engine works with.
pub struct HostContext {
    /// The session manager.
    pub sessions: Arc<Sessions>,
    /// What the process took from outside, without what a service manager left there for it.
    pub environment: Environment,
    /// Where everything stands.
    pub places: Places,
    /// The configuration that the host was started with. It serves the sessions of every other one, too.
    pub files: ConfigFiles,
    /// The plugins that are linked into the program.
    pub linked: fn() -> Box<dyn Iterator<Item = &'static Registration>>,
}

impl fmt::Debug for HostContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostContext").field("files", &self.files).finish_non_exhaustive()
    }
}

/// What the engine is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Read the configurations again, and tell [`Told::Ready`] when that is done. A bad one leaves the old in force.
    Reload,
    /// End what is under way, and return. Agents stay.
    Stop,
}

/// What becomes of checks that the host runs itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CheckMode {
    /// They are run as they are wanted. One pass runs them to their end.
    #[default]
    Run,
    /// None is begun, and none is ended; what those that run have found is taken in.
    Leave,
}

/// What the engine tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// It has looked at every session once, or has read the configurations again.
    Ready,
    /// Something was written into the log of events.
    Event(Event),
    /// Something that is worth a line and is no event.
    Note(String),
}

/// How far the engine has come: what a watchdog looks at.
#[derive(Debug, Default)]
pub struct Progress(AtomicU64);

impl Progress {
    /// One more step was made: a tick ended, a session was looked at. An engine that waits makes one at least each
    /// second.
    pub fn made(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// How many steps there were.
    pub fn steps(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What one pass left for others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OnceReport {
    /// Sessions that wait for a human.
    pub needs_human: Vec<SessionId>,
    /// What could not be asked, a line each: a plugin, and why.
    pub unavailable: Vec<String>,
    /// Checks that something is still to come of, a line each.
    pub checks: Vec<String>,
}
