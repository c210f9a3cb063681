//! .

pub mod holder;
