//! The host's parts at work on real things.

mod runtimes;
