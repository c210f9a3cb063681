//! The time, as receivers are told it.

#![expect(clippy::disallowed_methods, reason = "a plugin is handed no clock; nothing is decided by this one")]

use std::time::SystemTime;

use ao_plugin_sdk::prelude::*;

/// Now.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
