//! What time it is.

#![expect(clippy::disallowed_methods, reason = "the one place of the tracker that reads the clock")]

use std::time::SystemTime;

use ao_plugin_sdk::prelude::*;

/// Now, for the times that stand in an issue.
pub(super) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
