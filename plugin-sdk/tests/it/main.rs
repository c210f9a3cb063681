//! Integration tests of the SDK.

mod mistakes;
