//! Discord's webhooks, as far as their rules are published: embeds, lengths, mentions, five messages in two seconds. Not
//! Discord itself.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ao_plugin_notify_web::DiscordNotifier;
use ao_plugin_sdk::conformance;
use ao_plugin_sdk::prelude::*;

use crate::server::{Rate, Reply, Seen, Server, answer};
use crate::{full, plugin};

const PATH: &str = "/api/webhooks/1234567890/s3cr3t-token";

fn check(seen: &Seen) -> Result<(), (u16, Value)> {
    if seen.target.split('?').next() != Some(PATH) {
        return Err((404, json!({"message": "Unknown Webhook", "code": 10015})));
    }
    let invalid = |what: &str| Err((400, json!({"message": "Invalid Form Body", "code": 50035, "errors": what})));
    if seen.header("user-agent").is_empty() || seen.header("content-type") != "application/json" {
        return invalid("headers");
    }
    let Ok(message) = seen.json() else { return invalid("json") };
    if message["allowed_mentions"] != json!({"parse": []}) {
        return invalid("somebody could be mentioned");
    }
    let embeds = message["embeds"].as_array().cloned().unwrap_or_default();
    if !(1..=10).contains(&embeds.len()) {
        return invalid("embeds");
    }
    let mut total = 0;
    for embed in &embeds {
        match length(embed) {
            Some(length) => total += length,
            None => return invalid("embed"),
        }
    }
    if total > 6_000 { invalid("the embeds together") } else { Ok(()) }
}

/// How long an embed's texts are together; none where one is empty, too long or of another type.
fn length(embed: &Value) -> Option<usize> {
    const KEYS: [&str; 5] = ["title", "description", "color", "footer", "fields"];
    if !embed.as_object()?.keys().all(|key| KEYS.contains(&key.as_str())) || embed["color"].as_u64()? > 0x00ff_ffff {
        return None;
    }
    let text = |text: &Value, most: usize| {
        let length = text.as_str()?.trim().encode_utf16().count();
        (1..=most).contains(&length).then_some(length)
    };
    let optional = |value: &Value, most| if value.is_null() { Some(0) } else { text(value, most) };
    let mut total = text(&embed["title"], 256)? + optional(&embed["description"], 4_096)?;
    total += optional(&embed["footer"]["text"], 2_048)?;
    let fields = embed["fields"].as_array()?;
    for field in fields {
        total += text(&field["name"], 256)? + text(&field["value"], 1_024)?;
    }
    (fields.len() <= 25).then_some(total)
}

fn discord(most: usize, window: Duration) -> Server {
    let (rate, next) = (Rate::new(most, window), AtomicU64::new(1000));
    Server::start(move |seen| {
        if let Err((status, why)) = check(seen) {
            return answer(status, why.to_string());
        }
        if let Err(left) = rate.take() {
            let why =
                json!({"message": "You are being rate limited.", "retry_after": left.as_secs_f64(), "global": false});
            let seconds = (left.as_secs() + 1).to_string();
            return Reply::Answer(429, vec![("retry-after", seconds)], why.to_string());
        }
        if seen.target.ends_with("?wait=true") {
            let id = next.fetch_add(1, Ordering::SeqCst).to_string();
            return answer(200, json!({"id": id, "type": 0}).to_string());
        }
        answer(204, "")
    })
}

#[test]
fn it_keeps_the_contract() {
    let server = discord(5, Duration::from_millis(200));
    conformance::notifier::<DiscordNotifier>(json!({"url": server.url(PATH)})).effects().check();
}

#[tokio::test]
async fn the_reference_is_the_message() {
    let server = discord(5, Duration::from_secs(2));
    let notifier: DiscordNotifier = plugin(json!({"url": server.url(PATH)})).unwrap();
    let told = notifier.notify(full("ntf_1")).await.unwrap();
    assert_eq!(told.reference.as_deref(), Some("1000"));
    let embed = &server.seen()[0].json().unwrap()["embeds"][0];
    assert_eq!(embed["title"], "web-3 asks: \"merge?\" & \\<now\\>");
    assert_eq!(embed["description"], "It has finished.\n\\*All\\* checks are green.");
    assert_eq!(embed["footer"]["text"], "Action");
    let fields = json!([
        {"name": "look", "value": "ao attach web-3"},
        {"name": "pull request", "value": "https://example.org/pulls/3"},
    ]);
    assert_eq!(embed["fields"], fields);
}

#[tokio::test]
async fn what_is_too_long_is_cut_and_still_taken() {
    let server = discord(99, Duration::from_secs(2));
    let notifier: DiscordNotifier = plugin(json!({"url": server.url(PATH)})).unwrap();
    for text in ["*_".repeat(20_000), "🦀".repeat(20_000), "x".repeat(255), "x".repeat(256), "x".repeat(257)] {
        let mut request = Notification::new("ntf_1", Priority::Urgent, text.clone());
        request.body = text.clone();
        for number in 0..60 {
            request.links.insert(format!("{number} {text}"), format!("https://example.org/{}", "y".repeat(900)));
        }
        notifier.notify(request).await.unwrap();
    }
}

#[tokio::test]
async fn five_in_two_seconds_are_kept_to() {
    let server = discord(5, Duration::from_secs(2));
    let notifier: DiscordNotifier = plugin(json!({"url": server.url(PATH)})).unwrap();
    let ids: Vec<_> = (0..7).map(|number| format!("ntf_{number}")).collect();
    let told = futures_util::future::join_all(ids.iter().map(|id| notifier.notify(full(id)))).await;
    let mut references: Vec<_> = told.into_iter().map(|told| told.unwrap().reference.unwrap()).collect();
    references.sort();
    assert_eq!(references, ["1000", "1001", "1002", "1003", "1004", "1005", "1006"]);
}

#[tokio::test]
async fn a_pause_beyond_the_call_is_told_to_the_millisecond() {
    let server = Server::start(|_| answer(429, json!({"retry_after": 64.57, "global": true}).to_string()));
    let notifier: DiscordNotifier = plugin(json!({"url": server.url(PATH)})).unwrap();
    let error = notifier.notify(full("ntf_1")).await.unwrap_err();
    assert_eq!(error.code, Code::RATE_LIMITED);
    assert!((64_000..=64_570).contains(&error.retry_after_ms.unwrap()), "{error:?}");
    assert!(!error.to_string().contains("s3cr3t"), "{error}");
}
