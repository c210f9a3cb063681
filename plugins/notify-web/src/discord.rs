//! The notifier `discord`: a channel's webhook, with one embed within Discord's limits, which mentions nobody.

use ao_notification_text::{self as text, Link, LinkKind, escaped};
use ao_plugin_sdk::prelude::*;

use crate::http::{Address, Post, Receiver, Scheme, limit, ten};

/// Discord's limits, in characters as they are written.
const TITLE: usize = 256;
const DESCRIPTION: usize = 4_096;
const NAME: usize = 256;
const VALUE: usize = 1_024;
/// Of all texts of a message's embeds together.
const TOTAL: usize = 6_000;

/// What stands under a notifier with `plugin: discord`.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {
    /// The URL of the channel's webhook. Whoever knows it can post, so take it from a variable or a file.
    #[schemars(length(min = 1))]
    url: String,
    /// How long Discord has for its answer, in seconds.
    #[serde(default = "ten")]
    #[schemars(range(min = 1, max = 25))]
    timeout_seconds: u16,
}

/// A channel of Discord.
#[derive(Debug)]
pub struct DiscordNotifier {
    receiver: Receiver,
}

impl Plugin for DiscordNotifier {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        // Without `wait`, Discord answers before it has looked at the message.
        let address = Address::parse(&config.url, Scheme::Https)?.with_query("wait=true")?;
        Ok(Self { receiver: Receiver::new(address, limit(config.timeout_seconds)?) })
    }
}

#[async_trait]
impl Notifier for DiscordNotifier {
    async fn notify(&self, request: Notification) -> Result<Notified> {
        let body = message(&request).to_string().into_bytes();
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        let answer = self.receiver.post(|| Ok(Post { headers: headers.clone(), body: body.clone() })).await?;
        let mut notified = Notified::new();
        let message: Option<Value> = serde_json::from_slice(&answer.body).ok();
        notified.reference = message.and_then(|message| Some(message.get("id")?.as_str()?.to_owned()));
        Ok(notified)
    }

    async fn doctor(&self, _request: Doctor) -> Result<Vec<Finding>> {
        let message = "posts to a channel's webhook there; nothing is sent to see whether it answers";
        Ok(vec![Finding::new(FindingLevel::Ok, self.receiver.shown(), message)])
    }
}

/// The notification as an embed.
fn message(request: &Notification) -> Value {
    let title = escaped(&text::title(request), TITLE, backslash);
    let footer = text::priority(request.priority);
    let mut room = TOTAL - text::units(&title) - text::units(footer);
    let description = escaped(&text::body(request, DESCRIPTION), DESCRIPTION.min(room), backslash);
    room -= text::units(&description);
    let mut fields = Vec::new();
    for (name, value) in text::links(request).filter_map(|link| field(&link)) {
        let length = text::units(&name) + text::units(&value);
        if length > room {
            break;
        }
        room -= length;
        fields.push(json!({"name": name, "value": value}));
    }
    let mut embed = json!({
        "title": title,
        "color": color(request.priority),
        "footer": {"text": footer},
        "fields": fields,
    });
    if !description.is_empty() {
        embed["description"] = description.into();
    }
    json!({"embeds": [embed], "allowed_mentions": {"parse": []}})
}

/// A link's name and target. An address is written as it is, so that it can be clicked on; one that is too long would not
/// lead anywhere when cut.
fn field(link: &Link) -> Option<(String, String)> {
    let value = match link.kind {
        LinkKind::Web => Some(link.target.clone()).filter(|target| text::units(target) <= VALUE)?,
        LinkKind::Other => escaped(&link.target, VALUE, backslash),
    };
    Some((escaped(&link.name, NAME, backslash), value))
}

fn color(priority: Priority) -> u32 {
    match priority {
        Priority::Urgent => 0x00d3_2f2f,
        Priority::Action => 0x00f5_7c00,
        Priority::Warning => 0x00fb_c02d,
        _ => 0x0090_a4ae,
    }
}

/// What Discord takes for markup, as it wants it written.
fn backslash(character: char) -> Option<&'static str> {
    match character {
        '\\' => Some("\\\\"),
        '*' => Some("\\*"),
        '_' => Some("\\_"),
        '~' => Some("\\~"),
        '`' => Some("\\`"),
        '|' => Some("\\|"),
        '[' => Some("\\["),
        ']' => Some("\\]"),
        '<' => Some("\\<"),
        '>' => Some("\\>"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_others_becomes_markup_and_nobody_is_mentioned() {
        let mut request = Notification::new("1", Priority::Urgent, "@everyone **now**");
        request.body = "[safe](https://evil.example)".to_owned();
        request.links.insert("pull_request".to_owned(), "https://example.org/a_b".to_owned());
        let message = message(&request);
        assert_eq!(message["allowed_mentions"], json!({"parse": []}));
        let embed = &message["embeds"][0];
        assert_eq!(embed["title"], "@everyone \\*\\*now\\*\\*");
        assert_eq!(embed["description"], "\\[safe\\](https://evil.example)");
        assert_eq!(embed["fields"], json!([{"name": "pull\\_request", "value": "https://example.org/a_b"}]));
    }

    #[test]
    fn a_message_stays_within_the_limit_of_all_texts() {
        let mut request = Notification::new("1", Priority::Info, "t*".repeat(200));
        request.body = "b*".repeat(5_000);
        for number in 0..10 {
            request.links.insert(format!("link {number}"), "x".repeat(900));
        }
        let embed = &message(&request)["embeds"][0];
        let fields = embed["fields"].as_array().expect("fields");
        let texts = fields.iter().flat_map(|field| [&field["name"], &field["value"]]);
        let texts = texts.chain([&embed["title"], &embed["description"], &embed["footer"]["text"]]);
        let total: usize = texts.map(|text| text::units(text.as_str().expect("a text"))).sum();
        assert!(total <= TOTAL && !fields.is_empty(), "{total}");
    }
}
