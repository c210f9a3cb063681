//! Integration tests of the SDK: what the compiler says to authors' mistakes, and that the kit finds what is broken: each
//! plugin of the other modules breaks the contract in one way, and the check for it must fail.

mod broken;
mod calls;
mod host;
mod mistakes;
mod slots;
mod trackers;
mod wire;
