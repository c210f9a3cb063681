//! Plugins that show what reached them: their settings, the call's deadline, what the host answers. Some ids and frames
//! make them misbehave.

mod config;
mod echo;
mod tracker;

pub use config::Config;
pub(crate) use echo::Echo;
pub use tracker::ProbeTracker;
