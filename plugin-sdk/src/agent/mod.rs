//! What plugins of the slot `agent` have in common: what users configure, whether the program is there, the record that it
//! writes, its hooks, its launch. Each part is of use alone.
//!
//! | part | for |
//! |---|---|
//! | [`settings`] | the keys that agents share, checked, and what a session says instead |
//! | [`program`] | where a program is, as the system itself would find it |
//! | [`availability`] | whether it is installed and new enough, for `detect` and `doctor` |
//! | [`record`] | a growing file of lines, read on from the last look in bounded memory; a message found in it |
//! | [`life`] | what follows from a dead or doubtful process, and since when a state is so |
//! | [`launch`] | the first message of a session, and our hook in an agent's own settings |
//!
//! ```
//! use std::time::Duration;
//!
//! use ao_plugin_sdk::agent::availability::{Known, finding, version_in};
//! use ao_plugin_sdk::agent::settings::{Config, Settings};
//! use ao_plugin_sdk::prelude::*;
//!
//! struct Parrot(Settings);
//!
//! const PARROT: Known = Known {
//!     name: "Parrot",
//!     says: version_in,
//!     oldest: &[2, 1],
//!     install: "install it with `cargo install parrot`",
//!     update: "update it with `cargo install parrot`",
//!     within: Duration::from_secs(5),
//! };
//!
//! impl Plugin for Parrot {
//!     type Config = Config;
//!
//!     fn new(config: Config) -> Result<Self> {
//!         Ok(Self(config.check("parrot")?))
//!     }
//! }
//!
//! impl Parrot {
//!     async fn look(&self) -> AgentAvailability {
//!         match PARROT.look(&self.0, None).await {
//!             Ok(present) => present.is(AvailabilityState::Usable, format!("Parrot {}", present.version)),
//!             Err(found) => found,
//!         }
//!     }
//!
//!     async fn doctor(&self) -> Vec<Finding> {
//!         vec![finding(&self.0.binary, &self.look().await)]
//!     }
//! }
//! # fn main() {}
//! ```

pub mod availability;
pub mod launch;
pub mod life;
pub mod program;
pub mod record;
pub mod settings;
