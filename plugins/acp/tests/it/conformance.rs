//! The plugin keeps the contract of its slot.

use ao_plugin_acp::AcpAgent;
use ao_plugin_sdk::conformance;
use ao_plugin_sdk::prelude::*;

#[test]
fn with_little_said() {
    conformance::agent::<AcpAgent>(json!({"argv": [super::PROGRAM, "agent"]})).check();
}

#[test]
fn with_all_said() {
    let config = json!({
        "argv": ["cat"], "env": {"LANG": "C"}, "envRemove": ["TERM"], "permissions": "auto-edit", "model": "m", "mode": "plan",
    });
    conformance::agent::<AcpAgent>(config).check();
}
