//! Pure functions over facts: what a session's status is, and (later) what is to be done about it.

mod status;

pub use status::{Policy, Status, StatusName, status};
