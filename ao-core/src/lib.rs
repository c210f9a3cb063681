//! The contract and the pure decisions of `ao`.
//!
//! No I/O, no terminal, no environment, no clock of its own: everything here is data and functions over data.

pub mod error;
pub mod lifecycle;
pub mod model;
pub mod plugin;
mod record;
pub mod slots;
pub mod text;

#[cfg(feature = "config")]
pub mod cases;
#[cfg(feature = "config")]
pub mod config;
#[cfg(feature = "config")]
pub mod prices;

pub use error::{Code, Error, Result};
