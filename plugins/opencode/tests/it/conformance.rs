//! The plugin keeps the contract of its slot.

use ao_plugin_opencode::OpenCode;
use ao_plugin_sdk::conformance;
use ao_plugin_sdk::prelude::*;

#[test]
fn with_little_said() {
    conformance::agent::<OpenCode>(json!({"binary": "true"})).check();
}

#[test]
fn with_all_said() {
    let config = json!({
        "binary": "cat", "args": ["--print-logs"], "env": {"LANG": "C"}, "permissions": "auto-edit", "model": "a/b/c",
        "server": "shared", "agent": "plan", "turnMinutes": 60,
    });
    conformance::agent::<OpenCode>(config).check();
}
