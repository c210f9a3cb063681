//! Plugin libraries out of process: the same library, hosted by a child of this program, over the same JSON and frames.
//!
//! ```text
//! proxy -> IsolatedTransport (parent) -> Outbox -> socket -> child: serve -> loader -> library
//! ```
//!
//! One child a library. It starts with the first call; when it ends, by whatever the library did, the calls in flight
//! are lost, the next one finds a new child, and nothing else is touched. What is lost with it is what the plugin had
//! in memory. Whether a library is hosted like this is the user's word in the configuration; its author does nothing.

mod backoff;
mod child;
mod convert;
mod host_calls;
mod lines;
mod outbox;
mod parent;
mod process;
mod stream;
mod upward;
mod wire;

use ao_core::config::Isolation;
use camino::Utf8PathBuf;

pub use child::serve;
pub use parent::IsolatedLibrary;

/// The hidden command of the program that hosts a library; our copy of the library follows it.
pub const LIBRARY_COMMAND: &str = "__library";

/// Where the code of a library runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Hosting {
    /// In this process.
    #[default]
    InProcess,
    /// In a process of its own.
    Process {
        /// The program that hosts it: this one, as a rule. It answers to [`LIBRARY_COMMAND`].
        program: Utf8PathBuf,
    },
}

impl Hosting {
    /// The user's word for it.
    #[must_use]
    pub const fn isolation(&self) -> Isolation {
        match self {
            Self::InProcess => Isolation::InProcess,
            Self::Process { .. } => Isolation::Process,
        }
    }
}
