//! The kit finds what is broken: each plugin here breaks the contract in one way, and the check for it must fail.

mod broken;
mod calls;
mod host;
mod slots;
mod trackers;
mod wire;
