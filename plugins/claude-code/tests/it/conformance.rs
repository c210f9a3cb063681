//! The plugin keeps the contract of its slot.

use ao_plugin_claude_code::ClaudeCode;
use ao_plugin_sdk::conformance;
use ao_plugin_sdk::prelude::*;

use super::LONG;

#[test]
fn as_it_comes() {
    conformance::agent::<ClaudeCode>(json!({"binary": "/nonexistent/claude"})).effects().resume(LONG).check();
}

#[test]
fn with_everything_set() {
    let config = json!({
        "binary": "./claude", "args": ["--add-dir", "/srv"], "env": {"IS_SANDBOX": "1"},
        "permissions": "permissionless", "model": "opus",
    });
    conformance::agent::<ClaudeCode>(config).effects().resume(LONG).check();
}
