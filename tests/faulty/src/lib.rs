//! Plugins that misbehave as they are told, for the tests of the host. Not part of the product.
//!
//! What goes wrong is a [`Fault`], where is a [`Place`]; both stand in the configuration. A tracker's call may also name
//! its fault by the id.

mod fault;
pub mod probe;
mod runtime;
mod tracker;

use ao_plugin_sdk::export_plugin;
use ao_plugin_sdk::prelude::*;

pub use fault::Fault;
pub use probe::ProbeTracker;
pub use runtime::FaultyRuntime;
pub use tracker::FaultyTracker;

/// What goes wrong, and where.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Config {
    /// What.
    pub fault: Fault,
    /// Where.
    pub at: Place,
    /// Tells instances apart.
    pub number: u32,
}

/// Where something goes wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// In the constructor.
    Constructor,
    /// In a call.
    #[default]
    Call,
    /// In a stream's `next`.
    Stream,
    /// When the instance or the stream is dropped.
    Drop,
}

export_plugin! {
    /// Terminals that misbehave.
    runtime "faulty" => FaultyRuntime,
    /// Issues that misbehave.
    tracker "faulty" => FaultyTracker,
    /// Terminals that send back what they get.
    runtime "probe" => FaultyRuntime,
    /// Issues that show what reached the plugin.
    tracker "probe" => ProbeTracker,
}
