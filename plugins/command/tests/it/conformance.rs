//! The plugin keeps the contract of its slot, however its template carries the prompt.

use ao_plugin_command::CommandAgent;
use ao_plugin_sdk::conformance;
use ao_plugin_sdk::prelude::*;

#[test]
fn a_prompt_as_an_argument() {
    conformance::agent::<CommandAgent>(json!({"argv": ["cat", "--", "{prompt}"]})).effects().check();
}

#[test]
fn a_prompt_in_a_file() {
    conformance::agent::<CommandAgent>(json!({"argv": ["cat", "{prompt_file}"]})).effects().check();
}

#[test]
fn a_prompt_that_is_sent() {
    let config = json!({"argv": ["cat"], "env": {"LANG": "C"}, "envRemove": ["TERM"], "ready": "^> "});
    conformance::agent::<CommandAgent>(config).effects().check();
}

#[test]
fn a_program_with_a_composer_and_a_record() {
    let transcript = json!({"path": "{directory}/transcript.jsonl"});
    let config = json!({"argv": ["cat"], "draft": "^> ?(.*)", "ask": "Proceed\\?", "transcript": transcript});
    conformance::agent::<CommandAgent>(config).effects().check();
}
