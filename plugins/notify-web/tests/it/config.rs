//! Configurations that are refused, each with the field that is wrong and no secret.

use ao_plugin_notify_web::{DiscordNotifier, SlackNotifier, WebhookNotifier};
use ao_plugin_sdk::prelude::*;

use crate::plugin;

fn refused<P: Plugin>(config: &Value, field: &str) {
    let Err(error) = plugin::<P>(config.clone()) else { panic!("{config} is taken") };
    assert_eq!((error.code.clone(), error.field.as_deref()), (Code::INVALID_INPUT, Some(field)), "{config}: {error}");
    assert!(!error.to_string().contains("s3cr3t"), "{error}");
}

#[test]
fn what_is_wrong_is_named() {
    let url = "https://example.org/s3cr3t-path";
    refused::<WebhookNotifier>(&json!({"url": "example.org/s3cr3t-path"}), "url");
    refused::<WebhookNotifier>(&json!({"url": url, "secret": "s3cr3t"}), "secret");
    refused::<WebhookNotifier>(&json!({"url": url, "secret": ""}), "secret");
    refused::<WebhookNotifier>(&json!({"url": url, "source": "two words"}), "source");
    refused::<WebhookNotifier>(&json!({"url": url, "timeoutSeconds": 0}), "timeoutSeconds");
    refused::<WebhookNotifier>(&json!({"url": url, "headers": {"Host": "s3cr3t"}}), "headers.Host");
    refused::<SlackNotifier>(&json!({"url": ""}), "url");
    refused::<SlackNotifier>(&json!({"url": "http://hooks.example.org/s3cr3t"}), "url");
    refused::<SlackNotifier>(&json!({"url": url, "timeoutSeconds": 26}), "timeoutSeconds");
    refused::<DiscordNotifier>(&json!({"url": "ftp://example.org/s3cr3t"}), "url");
}
