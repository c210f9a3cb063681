//! The plugin against real git, in repositories of its own and an environment built from nothing.

mod check_out;
mod clone;
mod concurrency;
mod conformance;
mod create;
mod discard;
mod environment;
mod identify;
mod identities;
mod interrupted;
mod links;
mod look;
mod preserve;
mod support;
