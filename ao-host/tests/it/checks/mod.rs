//! Checks that the host runs itself: a real engine and store, real git, real processes; only the pull requests are told by
//! a file.

mod bad;
mod killed;
mod many;
mod rig;
mod runs;
