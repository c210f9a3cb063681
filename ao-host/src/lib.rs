//! The lifecycle host as a library: it loads plugins, keeps the facts, and acts on sessions.
//!
//! Commands open it directly; no daemon is needed. What it takes from outside (clock, chance, processes, places) is
//! injected, and it never prints.

pub mod checks;
pub mod failpoint;
pub mod hash;
pub mod holder;
pub mod host;
pub mod installed;
pub mod isolation;
pub mod loader;
mod reactions;
pub mod registry;
pub mod sessions;
pub mod setup;
pub mod store;
pub mod trash;
pub mod trust;
pub mod verify;
pub mod world;
