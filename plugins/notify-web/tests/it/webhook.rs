//! The webhook against a receiver that checks what Standard Webhooks and `CloudEvents` demand.

#![expect(clippy::disallowed_methods, reason = "a receiver compares the time of a post with its own")]

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::SystemTime;

use ao_plugin_notify_web::WebhookNotifier;
use ao_plugin_sdk::conformance;
use ao_plugin_sdk::prelude::*;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::server::{Reply, Seen, Server, answer};
use crate::{full, plugin};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OTHER: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// What a receiver refuses: 401 for a signature, 400 for an event, 413 for its size.
fn check(seen: &Seen) -> Result<(), (u16, String)> {
    let forged = |why: &str| (401, why.to_owned());
    let (id, timestamp) = (seen.header("webhook-id"), seen.header("webhook-timestamp"));
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let sent: u64 = timestamp.parse().map_err(|_| forged("no timestamp"))?;
    if now.abs_diff(sent) > 300 {
        return Err(forged("too old"));
    }
    if id.is_empty() || id.contains('.') {
        return Err(forged("no id"));
    }
    let signature = seen.header("webhook-signature").strip_prefix("v1,").ok_or_else(|| forged("no signature"))?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&STANDARD.decode(&SECRET[6..]).unwrap()).unwrap();
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(&seen.body);
    mac.verify_slice(&STANDARD.decode(signature).unwrap()).map_err(|_| forged("forged"))?;

    let bad = |why: &str| (400, why.to_owned());
    if seen.body.len() > 64 * 1024 {
        return Err((413, "too large".to_owned()));
    }
    if !seen.header("content-type").starts_with("application/cloudevents+json") {
        return Err(bad("not an event by its type"));
    }
    let event = seen.json().map_err(|why| bad(&why))?;
    let has =
        |name: &str| event[name].as_str().is_some_and(|text| !text.is_empty() && text.chars().all(|c| !c.is_control()));
    if event["specversion"] != "1.0" || !["id", "source", "type"].into_iter().all(has) || event["id"] != id {
        return Err(bad("not an event"));
    }
    let extensible = |name: &String| name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    if !event.as_object().unwrap().keys().all(extensible) {
        return Err(bad("an attribute's name"));
    }
    Ok(())
}

fn receiver() -> Server {
    let known = Mutex::new(BTreeMap::new());
    Server::start(move |seen| {
        if let Err((status, why)) = check(seen) {
            return answer(status, why);
        }
        // The same id is the same event.
        let id = seen.header("webhook-id").to_owned();
        let first = known.lock().unwrap().entry(id).or_insert_with(|| seen.body.clone()).clone();
        if first == seen.body { answer(204, "") } else { answer(409, "another event of this id") }
    })
}

#[test]
fn it_keeps_the_contract() {
    let server = receiver();
    conformance::notifier::<WebhookNotifier>(json!({"url": server.url("/ao"), "secret": SECRET})).effects().check();
}

#[tokio::test]
async fn a_receiver_finds_everything_and_the_same_event_when_it_comes_again() {
    let server = receiver();
    let config = json!({"url": server.url("/ao?x=1"), "secret": SECRET, "source": "https://example.org/ao",
        "headers": {"Authorization": "Bearer abc"}});
    let notifier: WebhookNotifier = plugin(config).unwrap();
    for _ in 0..2 {
        let told = notifier.notify(full("ntf_1")).await.unwrap();
        assert_eq!(told.reference.as_deref(), Some("ntf_1"));
    }
    let seen = server.seen();
    assert_eq!((seen[0].method.as_str(), seen[0].target.as_str()), ("POST", "/ao?x=1"));
    assert_eq!(seen[0].header("authorization"), "Bearer abc");
    assert_eq!(seen[0].body, seen[1].body);
    let event = seen[0].json().unwrap();
    assert_eq!(event["source"], "https://example.org/ao");
    let data = json!({
        "id": "ntf_1",
        "priority": "action",
        "title": "web-3 asks: \"merge?\" & <now>",
        "body": "It has finished.\n*All* checks are green.",
        "links": {"pull request": "https://example.org/pulls/3", "look": "ao attach web-3"},
    });
    assert_eq!(event["data"], data);
}

#[tokio::test]
async fn what_is_too_long_is_cut_and_still_taken() {
    let server = receiver();
    let notifier: WebhookNotifier = plugin(json!({"url": server.url("/"), "secret": SECRET})).unwrap();
    // What takes the most bytes: in UTF-8, and as JSON.
    for text in ["行".repeat(30_000), "\"\\".repeat(30_000), "🦀".repeat(30_000)] {
        let mut request = Notification::new(text.clone(), Priority::Urgent, text.clone());
        request.body.clone_from(&text);
        for number in 0..60 {
            let target = text.chars().take(1_500 / text.chars().next().unwrap().len_utf8()).collect();
            request.links.insert(format!("{number} {text}"), target);
        }
        notifier.notify(request).await.unwrap();
        let event = server.seen().pop().unwrap().json().unwrap();
        assert_eq!(event["data"]["links"].as_object().unwrap().len(), 10);
    }
}

#[tokio::test]
async fn another_secret_is_unauthorized() {
    let server = receiver();
    for config in [json!({"url": server.url("/"), "secret": OTHER}), json!({"url": server.url("/")})] {
        let error = plugin::<WebhookNotifier>(config).unwrap().notify(full("ntf_1")).await.unwrap_err();
        assert_eq!(error.code, Code::UNAUTHORIZED, "{error}");
    }
}

#[tokio::test]
async fn a_receiver_that_rests_is_unavailable_for_as_long() {
    let server = Server::start(|_| Reply::Answer(503, vec![("retry-after", "120".to_owned())], String::new()));
    let notifier: WebhookNotifier = plugin(json!({"url": server.url("/")})).unwrap();
    let error = notifier.notify(full("ntf_1")).await.unwrap_err();
    assert_eq!((error.code, error.retry_after_ms), (Code::UNAVAILABLE, Some(120_000)));
    assert_eq!(server.seen().len(), 1, "a service that is down is asked again by whoever delivers, not here");
}
