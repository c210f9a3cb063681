//! What git sees in these tests.

use std::collections::BTreeMap;

use ao_plugin_sdk::prelude::*;

/// The whole environment of git in a test.
pub(crate) fn environment(root: &Utf8Path) -> BTreeMap<String, String> {
    let pairs = [
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
        ("HOME", root.join("home").as_str()),
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_AUTHOR_NAME", "Test"),
        ("GIT_AUTHOR_EMAIL", "test@example.com"),
        ("GIT_COMMITTER_NAME", "Test"),
        ("GIT_COMMITTER_EMAIL", "test@example.com"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    pairs.into_iter().collect()
}
