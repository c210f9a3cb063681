//! Slack's incoming webhooks, as far as their rules are published: blocks, escapes, lengths, one message a second with
//! short bursts. Not Slack itself.

use std::time::Duration;

use ao_plugin_notify_web::SlackNotifier;
use ao_plugin_sdk::conformance;
use ao_plugin_sdk::prelude::*;

use crate::server::{Rate, Reply, Seen, Server, answer};
use crate::{full, plugin};

const PATH: &str = "/services/T00000000/B00000000/s3cr3t";

fn check(seen: &Seen) -> Result<(), (u16, &'static str)> {
    if seen.target != PATH {
        return Err((404, "no_service"));
    }
    let invalid = Err((400, "invalid_payload"));
    let Ok(message) = seen.json() else { return invalid };
    if seen.method != "POST" || !seen.header("content-type").starts_with("application/json") {
        return invalid;
    }
    if !message["text"].as_str().is_some_and(|text| fits(text, 4_000)) {
        return Err((400, "no_text"));
    }
    let Some(blocks) = message["blocks"].as_array().filter(|blocks| (1..=50).contains(&blocks.len())) else {
        return invalid;
    };
    if blocks.iter().all(is_block) { Ok(()) } else { Err((400, "invalid_blocks")) }
}

fn is_block(block: &Value) -> bool {
    let text = |object: &Value, kind: &str, most| {
        object["type"] == kind && object["text"].as_str().is_some_and(|text| fits(text, most))
    };
    match block["type"].as_str() {
        Some("header") => text(&block["text"], "plain_text", 150),
        Some("section") => text(&block["text"], "mrkdwn", 3_000),
        Some("context") => {
            let elements = block["elements"].as_array().unwrap();
            (1..=10).contains(&elements.len()) && elements.iter().all(|element| text(element, "mrkdwn", 3_000))
        }
        _ => false,
    }
}

/// Neither empty nor too long, and every `&`, `<` and `>` either escaped or part of a link of ours.
fn fits(text: &str, most: usize) -> bool {
    let mut rest = text;
    while let Some(at) = rest.find(['&', '<', '>']) {
        let from = &rest[at..];
        let known = ["&amp;", "&lt;", "&gt;"].into_iter().find(|entity| from.starts_with(entity));
        let link = from.strip_prefix("<http").and_then(|_| from.find('>'));
        let length = match (known, link) {
            (Some(entity), _) => entity.len(),
            (None, Some(end)) if from[..end].matches('|').count() == 1 => end + 1,
            _ => return false,
        };
        rest = &from[length..];
    }
    !text.trim().is_empty() && text.chars().count() <= most
}

/// A second of Slack's is shorter here, so that its rule and not the time is what is tried; `Retry-After` is whole seconds.
fn slack(most: usize, window: Duration) -> Server {
    let rate = Rate::new(most, window);
    Server::start(move |seen| {
        if let Err((status, why)) = check(seen) {
            return answer(status, why);
        }
        match rate.take() {
            Ok(()) => answer(200, "ok"),
            Err(left) => {
                let seconds = left.as_secs() + 1;
                Reply::Answer(429, vec![("retry-after", seconds.to_string())], "rate_limited".to_owned())
            }
        }
    })
}

#[test]
fn it_keeps_the_contract() {
    let server = slack(25, Duration::from_secs(1));
    conformance::notifier::<SlackNotifier>(json!({"url": server.url(PATH)})).effects().check();
}

#[tokio::test]
async fn a_message_has_everything() {
    let server = slack(9, Duration::from_secs(1));
    let notifier: SlackNotifier = plugin(json!({"url": server.url(PATH)})).unwrap();
    notifier.notify(full("ntf_1")).await.unwrap();
    let message = server.seen()[0].json().unwrap();
    let section = |text: &str| json!({"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": true}});
    let expected = json!({
        "text": "Action: web-3 asks: \"merge?\" &amp; &lt;now&gt;",
        "blocks": [
            {"type": "header", "text": {"type": "plain_text", "text": "web-3 asks: \"merge?\" &amp; &lt;now&gt;", "emoji": false}},
            section("It has finished.\n*All* checks are green."),
            section("look: ao attach web-3\n<https://example.org/pulls/3|pull request>"),
            {"type": "context", "elements": [{"type": "mrkdwn", "text": "Action", "verbatim": true}]},
        ],
    });
    assert_eq!(message, expected);
}

#[tokio::test]
async fn what_is_too_long_is_cut_and_still_taken() {
    let server = slack(99, Duration::from_secs(1));
    let notifier: SlackNotifier = plugin(json!({"url": server.url(PATH)})).unwrap();
    for text in ["<&>".repeat(20_000), "🦀".repeat(20_000), "x".repeat(149), "x".repeat(150), "x".repeat(151)] {
        let mut request = Notification::new("ntf_1", Priority::Urgent, text.clone());
        request.body = text.clone();
        for number in 0..60 {
            request.links.insert(format!("{number} {text}"), format!("https://example.org/{}", "y".repeat(1_400)));
        }
        notifier.notify(request).await.unwrap();
    }
}

#[tokio::test]
async fn a_pause_is_made_and_nothing_is_lost() {
    let server = slack(1, Duration::from_secs(5));
    let notifier: SlackNotifier = plugin(json!({"url": server.url(PATH)})).unwrap();
    let (first, second) = tokio::join!(notifier.notify(full("ntf_1")), notifier.notify(full("ntf_2")));
    first.and(second).unwrap();
    assert!(server.seen().len() > 2, "one of them was put off: {}", server.seen().len());
}

#[tokio::test]
async fn a_webhook_that_was_removed_is_told_as_such() {
    let server = slack(1, Duration::from_secs(1));
    let notifier: SlackNotifier = plugin(json!({"url": server.url("/services/T00000000/other")})).unwrap();
    let error = notifier.notify(full("ntf_1")).await.unwrap_err();
    assert_eq!(error.code, Code::NOT_FOUND);
    assert!(error.to_string().contains("no_service") && !error.to_string().contains("T00000000"), "{error}");
}
