//! What runtimes share: starting an agent through the holder (`ao __hold`), looking at it, and ending its whole tree.
//!
//! A runtime's `create` writes the files ([`prepare`]), starts the returned argument vector in whatever it manages (a
//! pane, a service, a plain process: [`start_detached`]) and waits for the agent ([`wait_started`]). From then on the
//! session's directory says who runs ([`read_record`]), whether it lives ([`liveness`]) and how it ended
//! ([`read_exit`]); no runtime has to guess from a screen.
//!
//! These functions touch the file system and `/proc`, so an asynchronous method calls them through
//! [`blocking`](crate::blocking); those that wait are asynchronous themselves or say so.

mod card;
mod launch;
mod liveness;
mod member;
mod processes;
mod records;
mod tree;

pub use card::{Card, cards, marker, outside_marker};
pub use launch::{prepare, start_detached, wait_started};
pub use liveness::liveness;
pub use processes::{doctor, same_boot};
pub use records::{read_card, read_exit, read_record};
pub use tree::{end_offspring, end_tree};
