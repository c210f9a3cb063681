//! What a configuration may say.

use ao_plugin_sdk::prelude::*;

use super::agent;

#[test]
fn what_contradicts_a_launch_is_refused() {
    for (config, field) in [
        (json!({"binary": " "}), "binary"),
        (json!({"args": ["--verbose", "--session-id=x"]}), "args[1]"),
        (json!({"args": ["--dangerously-skip-permissions"]}), "args[0]"),
        (json!({"args": ["--verbose", "-c"]}), "args[1]"),
        (json!({"args": ["-pv"]}), "args[0]"),
        (json!({"args": ["-r212c6f67-fd8e-40d3-8d84-8e46956b9c31"]}), "args[0]"),
        (json!({"env": {"A=B": "c"}}), "env.A=B"),
        (json!({"model": ""}), "model"),
    ] {
        let error = agent(config.clone()).expect_err("refused");
        assert_eq!(error.field.as_deref(), Some(field), "{config}");
    }
    agent(json!({"args": ["-d", "--add-dir", "/src"]})).expect("these are for users");
    for config in [json!({"permissions": "everything"}), json!({"argv": []})] {
        assert_eq!(agent(config).expect_err("refused").code, Code::INVALID_INPUT);
    }
}
