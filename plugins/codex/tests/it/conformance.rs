//! The plugin keeps the contract of its slot.

use ao_plugin_codex::Codex;
use ao_plugin_sdk::conformance;
use ao_plugin_sdk::prelude::*;

#[test]
fn it_keeps_the_contract() {
    conformance::agent::<Codex>(json!({"binary": "ao-no-such-codex"})).resume(crate::FINISHED).effects().check();
}

#[test]
fn with_everything_configured() {
    let config = json!({
        "binary": "true", "args": ["--search"], "env": {"CODEX_HOME": "/nonexistent"}, "permissions": "auto-edit",
        "model": "gpt-6-sol"
    });
    conformance::agent::<Codex>(config).resume(crate::FINISHED).effects().check();
}
