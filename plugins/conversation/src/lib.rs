//! What agent plugins share whose agents are spoken with by a process that outlives the host, the *helper*.
//!
//! The helper is what a runtime launches. It holds the conversation, writes a [`journal`] of what happens, and is asked at a
//! socket ([`control`]). The plugin, in whichever host or command, reads the journal and asks the helper: that is [`side`],
//! which is the same for every protocol. How an agent is spoken with is the plugin's own.

pub mod choices;
pub mod control;
pub mod desk;
mod former;
pub mod journal;
pub mod launch;
pub mod ledger;
pub mod log;
mod observe;
pub mod outside;
pub mod printer;
pub mod room;
pub mod serving;
pub mod side;
pub mod socket;
pub mod transcript;
pub mod wake;

/// The hook with which a helper wakes the host.
const HOOK: &str = "conversation";
