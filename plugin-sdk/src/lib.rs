//! What the author of an `ao` plugin depends on.
//!
//! A plugin is a type with a configuration, an implementation of one slot's trait, and one line that exports it:
//!
//! ```
//! use ao_plugin_sdk::prelude::*;
//!
//! #[derive(Deserialize, JsonSchema)]
//! #[serde(crate = "ao_plugin_sdk::serde", deny_unknown_fields)]
//! #[schemars(crate = "ao_plugin_sdk::schemars")]
//! pub struct Config {
//!     /// Who is told.
//!     channel: String,
//! }
//!
//! pub struct Shout(Config);
//!
//! impl Plugin for Shout {
//!     type Config = Config;
//!
//!     fn new(config: Config) -> Result<Self> {
//!         Ok(Self(config))
//!     }
//! }
//!
//! #[async_trait]
//! impl Notifier for Shout {
//!     async fn notify(&self, request: Notification) -> Result<Notified> {
//!         tracing::info!(channel = %self.0.channel, "{}", request.title.to_uppercase());
//!         Ok(Notified::new())
//!     }
//! }
//!
//! export_plugin! { notifier "shout" => Shout }
//! # fn main() {}
//! ```
//!
//! The same crate works linked into a host and as a library of its own (`crate-type = ["rlib", "cdylib"]`). A library
//! runs its calls on a tokio runtime of its own, so anything that needs a reactor works, and a call that blocks its
//! thread delays only other calls of the same library; put such work into [`blocking`].

pub mod agent;
mod command;
#[cfg(feature = "conformance")]
pub mod conformance;
mod contained;
mod context;
mod export;
mod exported;
pub mod files;
pub mod holder;
pub mod host;
pub mod keys;
mod library;
mod logging;
mod open_stream;
pub mod paste;
mod plugin;
pub mod prelude;

pub use ao_core as core;
pub use async_trait;
pub use camino;
pub use inventory;
pub use schemars;
pub use serde;
pub use serde_json;
pub use tracing;

pub use command::{Command, CommandOutput, command};
pub use context::{blocking, deadline};
pub use plugin::Plugin;

/// What `export_plugin!` expands to; not for authors.
#[doc(hidden)]
pub mod glue {
    pub use crate::exported::{has_twins, is_plugin_name};
    pub use crate::library::{LibHeader, Library, header};
    pub use crate::plugin::{config_schema, create};
}
