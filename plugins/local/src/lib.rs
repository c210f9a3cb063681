//! The local forge: issues and pull requests that live in a git repository, with nothing installed but git.

mod clock;
mod lock;
pub mod scm;
pub mod tracker;

use ao_plugin_sdk::export_plugin;

pub use scm::LocalScm;
pub use tracker::LocalTracker;

export_plugin! {
    /// Issues that live in the repository.
    tracker "local" => LocalTracker,
    /// Pull requests that live in the repository.
    scm "local" => LocalScm,
}
