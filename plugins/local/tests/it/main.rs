//! The plugins against real git, in repositories of their own and an environment built from nothing.

mod environment;
mod scm;
mod tracker;
mod tracker_hostile;
mod tracker_support;
