//! The notifier `webhook`: a POST to a URL, with the headers of Standard Webhooks and a `CloudEvent` as its body.
//!
//! The body is the same however often a notification is sent, and so is `webhook-id`, by which a receiver drops what it
//! has; `webhook-timestamp` and the signature are of the attempt.

mod sign;

use std::collections::BTreeMap;

use ao_notification_text::{self as text, now};
use ao_plugin_sdk::prelude::*;
use sha2::{Digest, Sha256};
use ureq::http::{HeaderName, HeaderValue};

use crate::http::{Address, Post, Receiver, Scheme, limit, ten};
use sign::Secret;

/// How much of a body is sent, in characters: whatever is in the texts, the event stays below 64 KiB, which every receiver
/// of `CloudEvents` takes.
const BODY: usize = 8_000;

/// Headers that are ours to write, or HTTP's.
const OURS: [&str; 7] = ["connection", "content-length", "content-type", "host", "te", "transfer-encoding", "upgrade"];

/// What stands under a notifier with `plugin: webhook`.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {
    /// Where to post, `https:` or `http:`.
    #[schemars(length(min = 1))]
    url: String,
    /// What the posts are signed with: `whsec_` and 24 to 64 bytes in base64. Without it, they are not signed.
    secret: Option<String>,
    /// More headers, such as `Authorization`.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Says which `ao` it is: the event's `source`, a URI.
    #[serde(default = "source")]
    #[schemars(length(min = 1))]
    source: String,
    /// How long the receiver has for its answer, in seconds.
    #[serde(default = "ten")]
    #[schemars(range(min = 1, max = 25))]
    timeout_seconds: u16,
}

fn source() -> String {
    "urn:ao".to_owned()
}

/// A signed POST.
#[derive(Debug)]
pub struct WebhookNotifier {
    receiver: Receiver,
    secret: Option<Secret>,
    headers: BTreeMap<String, String>,
    source: String,
}

impl Plugin for WebhookNotifier {
    type Config = Config;

    /// A receiver drops a `webhook-id` that it has.
    const EFFECT: EffectClass = EffectClass::Keyed;

    fn new(config: Config) -> Result<Self> {
        let mut address = Address::parse(&config.url, Scheme::Any)?;
        config.headers.iter().try_for_each(|(name, value)| check_header(name, value))?;
        let is_uri = !config.source.is_empty() && config.source.chars().all(|c| c.is_ascii_graphic());
        if !is_uri {
            let message = "`source` is no URI, such as `urn:ao` or `https://example.org/builds`";
            return Err(Error::invalid_input(message).at_field("source"));
        }
        let secret = config.secret.as_deref().map(Secret::parse).transpose()?;
        // Of `Bearer TOKEN` also the token alone.
        let words = config.headers.values().flat_map(|value| value.split_whitespace().chain([value.as_str()]));
        address.hide_also(words.map(str::to_owned).chain(config.secret).collect());
        let receiver = Receiver::new(address, limit(config.timeout_seconds)?);
        Ok(Self { receiver, secret, headers: config.headers, source: config.source })
    }
}

#[async_trait]
impl Notifier for WebhookNotifier {
    async fn notify(&self, request: Notification) -> Result<Notified> {
        let id = message_id(&request.id);
        let body = event(&id, &self.source, &request).to_string().into_bytes();
        self.receiver.post(|| Ok(self.attempt(&id, &body))).await?;
        let mut notified = Notified::new();
        notified.reference = Some(id);
        Ok(notified)
    }

    async fn doctor(&self, _request: Doctor) -> Result<Vec<Finding>> {
        let signed = if self.secret.is_some() { "signed" } else { "not signed" };
        let message = format!("posts to it, {signed}; nothing is sent to see whether it answers");
        Ok(vec![Finding::new(FindingLevel::Ok, self.receiver.shown(), message)])
    }
}

impl WebhookNotifier {
    fn attempt(&self, id: &str, body: &[u8]) -> Post {
        let timestamp = (now().as_millis() / 1000).to_string();
        let mut headers = vec![
            ("content-type".to_owned(), "application/cloudevents+json; charset=utf-8".to_owned()),
            ("webhook-id".to_owned(), id.to_owned()),
        ];
        if let Some(secret) = &self.secret {
            headers.push(("webhook-signature".to_owned(), secret.sign(id, &timestamp, body)));
        }
        headers.push(("webhook-timestamp".to_owned(), timestamp));
        headers.extend(self.headers.clone());
        Post { headers, body: body.to_vec() }
    }
}

/// The notification as a `CloudEvent` 1.0 in its structured form. It has no `time`, as nobody says when its cause occurred.
fn event(id: &str, source: &str, request: &Notification) -> Value {
    let links: BTreeMap<String, String> = text::links(request).map(|link| (link.name, link.target)).collect();
    json!({
        "specversion": "1.0",
        "id": id,
        "source": source,
        "type": "dev.ao.notification.v1",
        "datacontenttype": "application/json",
        "data": {
            "id": text::id(&request.id),
            "priority": text::priority(request.priority).to_lowercase(),
            "title": text::title(request),
            "body": text::body(request, BODY),
            "links": links,
        },
    })
}

/// The notification's id as a header can hold it; without full stops, as they separate what is signed.
fn message_id(id: &str) -> String {
    const LONGEST: usize = 128;
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
    if (1..=LONGEST).contains(&id.len()) && id.chars().all(plain) {
        return id.to_owned();
    }
    let digest = Sha256::digest(id.as_bytes());
    digest[..16].iter().fold("msg_".to_owned(), |name, byte| name + &format!("{byte:02x}"))
}

fn check_header(name: &str, value: &str) -> Result<()> {
    let wrong = |message: &str| {
        let name = name.escape_debug();
        Err(Error::invalid_input(format!("the header `{name}` {message}")).at_field(format!("headers.{name}")))
    };
    let lower = name.to_ascii_lowercase();
    if HeaderName::from_bytes(name.as_bytes()).is_err() {
        return wrong("has no name that HTTP allows: letters, digits and `-`");
    }
    if OURS.contains(&lower.as_str()) || lower.starts_with("webhook-") {
        return wrong("is written by the notifier itself; remove it");
    }
    if HeaderValue::from_str(value).is_err() {
        return wrong("holds a line end or another character that no header can hold");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_no_header_can_hold_is_named_otherwise() {
        assert_eq!(message_id("ntf_01J-x"), "ntf_01J-x");
        for id in ["", "a.b", "a b", "ü", "a\r\nx: y", "x".repeat(129).as_str()] {
            let named = message_id(id);
            assert!(named.starts_with("msg_") && named.len() == 36, "{named}");
        }
        assert_ne!(message_id("a.b"), message_id("a b"));
    }

    #[test]
    fn headers_that_are_ours_are_refused() {
        for (name, value, part) in [
            ("Host", "x", "itself"),
            ("Webhook-Id", "x", "itself"),
            ("a b", "x", "no name"),
            ("", "x", "no name"),
            ("X-Key", "s3cr3t\r\nx: y", "line end"),
        ] {
            let error = check_header(name, value).unwrap_err();
            assert!(error.message.contains(part), "{error}");
            assert!(!error.message.contains("s3cr3t"), "{error}");
            assert!(error.field.expect("a field").starts_with("headers."));
        }
        check_header("Authorization", "Bearer x").expect("a header");
    }
}
