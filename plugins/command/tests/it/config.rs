//! Every contradiction in a configuration is refused, by the key that holds it.

use ao_plugin_sdk::prelude::*;

use crate::agent;

#[test]
fn contradictions_are_named() {
    let table = [
        (json!({ "argv": [] }), "argv", "is empty"),
        (json!({ "argv": [""] }), "argv[0]", "names no program"),
        (json!({ "argv": ["a\0b"] }), "argv[0]", "NUL"),
        (json!({ "argv": ["x", "{nope}"] }), "argv[1]", "`{nope}`; known are `{prompt}`"),
        (json!({ "argv": ["x", "{"] }), "argv[1]", "`{{` for a brace"),
        (json!({ "argv": ["x"], "prompt": "argument" }), "prompt", "needs `{prompt}`"),
        (json!({ "argv": ["x", "{prompt_file}"], "prompt": "argument" }), "prompt", "needs `{prompt}`"),
        (json!({ "argv": ["x", "{prompt}"], "prompt": "file" }), "prompt", "needs `{prompt_file}`"),
        (json!({ "argv": ["x", "{prompt}"], "prompt": "send" }), "prompt", "remove one"),
        (json!({ "argv": ["x", "{prompt_file}"], "prompt": "send" }), "prompt", "remove one"),
        (json!({ "argv": ["x"], "env": { "A=B": "" } }), "env.A=B", "cannot name a variable"),
        (json!({ "argv": ["x"], "env": { "": "" } }), "env.", "cannot name a variable"),
        (json!({ "argv": ["x"], "env": { "A": "\0" } }), "env.A", "NUL"),
        (json!({ "argv": ["x"], "envRemove": ["B", ""] }), "envRemove[1]", "cannot name a variable"),
        (json!({ "argv": ["x"], "env": { "A": "" }, "envRemove": ["A"] }), "envRemove[0]", "keep one"),
        (json!({ "argv": ["x"], "ready": "(" }), "ready", "unclosed group"),
        (json!({ "argv": ["x"], "draft": "(" }), "draft", "unclosed group"),
        (json!({ "argv": ["x"], "transcript": { "path": "" } }), "transcript.path", "names no file"),
        (json!({ "argv": ["x"], "transcript": { "path": "{nope}" } }), "transcript.path", "`{nope}`"),
        (json!({ "argv": ["x"], "transcript": { "path": "{model}.jsonl" } }), "transcript.path", "`{model}`"),
        (json!({ "argv": ["x"], "transcript": { "path": "a", "text": "text" } }), "transcript.text", "JSON pointer"),
    ];
    for (config, field, part) in table {
        let error = agent(config.clone()).expect_err("a contradiction");
        assert_eq!(
            (error.code.clone(), error.field.as_deref()),
            (Code::INVALID_INPUT, Some(field)),
            "{config}: {error}"
        );
        assert!(error.to_string().contains(part), "{config}: {error}");
    }
}

#[test]
fn unknown_keys_and_kinds_are_refused() {
    for config in [
        json!({}),
        json!({ "argv": "x -y" }),
        json!({ "argv": ["x"], "promt": "file" }),
        json!({ "argv": ["x"], "env_remove": [] }),
        json!({ "argv": ["x"], "prompt": "stdin" }),
        json!({ "argv": ["x"], "transcript": "a" }),
        json!({ "argv": ["x"], "transcript": { "path": "a", "pointer": "/text" } }),
    ] {
        assert!(agent(config.clone()).is_err(), "{config}");
    }
}

#[test]
fn what_agrees_is_accepted() {
    for config in [
        json!({ "argv": ["x"] }),
        json!({ "argv": ["x"], "prompt": "send", "ready": "^> $" }),
        json!({ "argv": ["x"], "draft": "^> ?(.*)", "transcript": { "path": "{directory}/said.jsonl" } }),
        json!({ "argv": ["x", "{prompt}", "{prompt_file}"], "prompt": "file" }),
        json!({ "argv": ["x", "{{literal}}", ""], "env": { "A": "=" }, "envRemove": ["B"] }),
    ] {
        agent(config.clone()).unwrap_or_else(|error| panic!("{config}: {error}"));
    }
}
