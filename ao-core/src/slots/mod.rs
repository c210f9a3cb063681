//! The seven slots: everything outside of `ao` is behind one of these traits.
//!
//! One file a slot, with the requests and replies that only it uses. Reading a declaration:
//! `[call 30s once] create(request: CreateRuntime) -> Result<RuntimeHandle>;` is a call with a deadline of 30 s and an
//! effect that must happen once; the deadline of an `open` ends when the stream is open; a block in place of the `;` is the default for a plugin that has no opinion.

mod define;

pub mod agent;
pub mod common;
pub mod notifier;
pub mod runtime;
pub mod scm;
pub mod terminal;
pub mod tracker;
pub mod workspace;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use agent::Agent;
pub use notifier::Notifier;
pub use runtime::Runtime;
pub use scm::Scm;
pub use terminal::Terminal;
pub use tracker::Tracker;
pub use workspace::Workspace;

use crate::plugin::{CallPolicy, Dispatch, Method, Transport};

macro_rules! slot_table {
    ($($(#[$doc:meta])* $Slot:ident $module:ident;)*) => {
        /// The places that a plugin can fill.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum Slot {
            $($(#[$doc])* $Slot,)*
        }

        impl Slot {
            /// All seven.
            pub const ALL: &'static [Slot] = &[$(Slot::$Slot),*];

            /// The slot's name, as in the configuration.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Slot::$Slot => stringify!($module),)* }
            }

            /// The slot's methods.
            #[must_use]
            pub const fn methods(self) -> &'static [Method] {
                match self { $(Slot::$Slot => $module::boundary::METHODS,)* }
            }
        }

        /// An instance of a plugin, as its slot's trait.
        #[derive(Clone)]
        pub enum Instance {
            $($(#[$doc])* $Slot(Arc<dyn $Slot>),)*
        }

        impl Instance {
            /// An instance that lives behind a transport.
            #[must_use]
            pub fn remote(slot: Slot, transport: Arc<dyn Transport>) -> Self {
                match slot { $(Slot::$Slot => Self::$Slot(Arc::new($module::boundary::Remote(transport))),)* }
            }

            /// The same instance under a policy.
            #[must_use]
            pub fn guarded(self, policy: Arc<dyn CallPolicy>) -> Self {
                match self {
                    $(Self::$Slot(inner) => Self::$Slot(Arc::new($module::boundary::Guarded { inner, policy })),)*
                }
            }

            /// The plugin's end of the boundary.
            #[must_use]
            pub fn dispatcher(self) -> Box<dyn Dispatch> {
                match self { $(Self::$Slot(inner) => Box::new($module::boundary::Dispatcher(inner)),)* }
            }

            /// Which slot it fills.
            #[must_use]
            pub const fn slot(&self) -> Slot {
                match self { $(Self::$Slot(_) => Slot::$Slot,)* }
            }

            $(
                /// The instance as this slot's trait, if it is of this slot.
                #[must_use]
                pub fn $module(&self) -> Option<Arc<dyn $Slot>> {
                    match self {
                        Self::$Slot(inner) => Some(Arc::clone(inner)),
                        #[allow(unreachable_patterns, reason = "the table may have one row")]
                        _ => None,
                    }
                }
            )*
        }

        $(
            impl<T: $Slot> IntoInstance<$module::boundary::Marker> for T {
                fn into_instance(self: Arc<Self>) -> Instance {
                    Instance::$Slot(self)
                }
            }
        )*
    };
}

slot_table! {
    /// Where an agent's process lives.
    Runtime runtime;
    /// Which program the agent is, and how to talk to it.
    Agent agent;
    /// An isolated copy of the project for one session.
    Workspace workspace;
    /// Where issues come from.
    Tracker tracker;
    /// Pull requests, checks and reviews.
    Scm scm;
    /// How a human is told.
    Notifier notifier;
    /// Where a human sees a session.
    Terminal terminal;
}

/// Turns a plugin's type into an [`Instance`] of the slot that `Marker` names.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is exported for a slot whose trait it does not implement",
    label = "this type does not implement the slot's trait",
    note = "export it for the slot that it implements, or write the slot's `impl`: `impl Tracker for {Self}` for `tracker`"
)]
pub trait IntoInstance<Marker> {
    /// The instance.
    fn into_instance(self: Arc<Self>) -> Instance;
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Instance({})", self.slot())
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Slot {
    type Err = crate::Error;

    fn from_str(text: &str) -> Result<Self, crate::Error> {
        let found = Slot::ALL.iter().find(|slot| slot.as_str() == text);
        found.copied().ok_or_else(|| {
            let names: Vec<_> = Slot::ALL.iter().map(|slot| slot.as_str()).collect();
            crate::Error::invalid_input(format!("`{text}` is not a slot; the slots are {}", names.join(", ")))
        })
    }
}
