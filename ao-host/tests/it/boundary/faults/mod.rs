//! What a bad library does to its host: each fault happens in a host of its own (`plugin-fault` of this crate's test
//! program) with real trust, a real vault and the real registry, and afterwards the other plugins answer.

mod calls;
mod files;
mod process;
mod rig;
mod wire;
