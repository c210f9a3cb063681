//! Integration tests of the host, in one binary.

mod loader;
mod support;
