//! Configurations that are refused, each with the field that is wrong and no secret.

use ao_plugin_notify::{CommandNotifier, FileNotifier};
use ao_plugin_sdk::prelude::*;

use crate::plugin;

fn refused<P: Plugin>(config: &Value, field: &str) {
    let Err(error) = plugin::<P>(config.clone()) else { panic!("{config} is taken") };
    assert_eq!((error.code.clone(), error.field.as_deref()), (Code::INVALID_INPUT, Some(field)), "{config}: {error}");
    assert!(!error.to_string().contains("s3cr3t"), "{error}");
}

#[test]
fn what_is_wrong_is_named() {
    refused::<FileNotifier>(&json!({"path": "notes.ndjson"}), "path");
    refused::<FileNotifier>(&json!({"path": "/"}), "path");
    refused::<FileNotifier>(&json!({"path": "/n", "maxBytes": 1}), "maxBytes");
    refused::<FileNotifier>(&json!({"path": "/n", "keep": 0}), "keep");
    refused::<CommandNotifier>(&json!({"argv": []}), "argv");
    refused::<CommandNotifier>(&json!({"argv": [" "]}), "argv");
    refused::<CommandNotifier>(&json!({"argv": ["./tell"]}), "argv[0]");
    refused::<CommandNotifier>(&json!({"argv": ["tell", "a\0b"]}), "argv[1]");
    refused::<CommandNotifier>(&json!({"argv": ["tell"], "env": {"A=B": "s3cr3t"}}), "env.A=B");
    refused::<CommandNotifier>(&json!({"argv": ["tell"], "timeoutSeconds": 30}), "timeoutSeconds");
}

/// The schema and the constructor must not contradict each other.
#[test]
fn the_schema_has_the_constructors_limits() {
    let schema = ao_plugin_sdk::schemars::schema_for!(ao_plugin_notify::file::Config);
    let size = schema.get("properties").unwrap()["maxBytes"].clone();
    let (least, most) = (size["minimum"].as_u64().unwrap(), size["maximum"].as_u64().unwrap());
    for (bytes, taken) in [(least, true), (least - 1, false), (most, true), (most + 1, false)] {
        assert_eq!(plugin::<FileNotifier>(json!({"path": "/n", "maxBytes": bytes})).is_ok(), taken, "{bytes}");
    }
}
