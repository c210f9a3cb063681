//! Tests of the contract through its public face.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

mod holder;
mod wire;
