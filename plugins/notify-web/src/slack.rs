//! The notifier `slack`: an incoming webhook, with blocks within Slack's limits.
//!
//! Texts of others are shown as they are: `&`, `<` and `>` are written as Slack wants them, so that nothing in them
//! becomes a mention or a link.

use ao_notification_text::{self as text, Link, LinkKind, escaped};
use ao_plugin_sdk::prelude::*;

use crate::http::{Address, Post, Receiver, Scheme, limit, ten};

/// Slack's limits, in characters as they are written.
const HEADER: usize = 150;
const SECTION: usize = 3_000;
/// Of the text for lists of notifications; a longer one is cut by Slack.
const FALLBACK: usize = 4_000;

/// What stands under a notifier with `plugin: slack`.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {
    /// The URL of the incoming webhook. Whoever knows it can post, so take it from a variable or a file.
    #[schemars(length(min = 1))]
    url: String,
    /// How long Slack has for its answer, in seconds.
    #[serde(default = "ten")]
    #[schemars(range(min = 1, max = 25))]
    timeout_seconds: u16,
}

/// A channel of Slack.
#[derive(Debug)]
pub struct SlackNotifier {
    receiver: Receiver,
}

impl Plugin for SlackNotifier {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        let address = Address::parse(&config.url, Scheme::Https)?;
        Ok(Self { receiver: Receiver::new(address, limit(config.timeout_seconds)?) })
    }
}

#[async_trait]
impl Notifier for SlackNotifier {
    async fn notify(&self, request: Notification) -> Result<Notified> {
        let body = message(&request).to_string().into_bytes();
        let headers = vec![("content-type".to_owned(), "application/json; charset=utf-8".to_owned())];
        self.receiver.post(|| Ok(Post { headers: headers.clone(), body: body.clone() })).await?;
        Ok(Notified::new())
    }

    async fn doctor(&self, _request: Doctor) -> Result<Vec<Finding>> {
        let message = "posts to an incoming webhook there; nothing is sent to see whether it answers";
        Ok(vec![Finding::new(FindingLevel::Ok, self.receiver.shown(), message)])
    }
}

/// The notification as Slack shows it: a header, the body, the links, the priority.
fn message(request: &Notification) -> Value {
    let title = text::title(request);
    let mut blocks = vec![json!({
        "type": "header",
        "text": {"type": "plain_text", "text": escaped(&title, HEADER, entity), "emoji": false},
    })];
    let body = escaped(&text::body(request, SECTION), SECTION, entity);
    if !body.is_empty() {
        blocks.push(section(&body));
    }
    let links = lines(text::links(request).map(|link| link_text(&link)), SECTION);
    if !links.is_empty() {
        blocks.push(section(&links));
    }
    let priority = text::priority(request.priority);
    blocks.push(json!({"type": "context", "elements": [markdown(priority)]}));
    let fallback = escaped(&format!("{priority}: {title}"), FALLBACK, entity);
    json!({"text": fallback, "blocks": blocks})
}

fn section(text: &str) -> Value {
    json!({"type": "section", "text": markdown(text)})
}

/// `verbatim`: addresses and names in it stay texts.
fn markdown(text: &str) -> Value {
    json!({"type": "mrkdwn", "text": text, "verbatim": true})
}

fn link_text(link: &Link) -> String {
    let name = escaped(&link.name, SECTION, |character| match character {
        // It would end the address.
        '|' => Some("/"),
        other => entity(other),
    });
    let target = escaped(&link.target, SECTION, entity);
    match link.kind {
        LinkKind::Web => format!("<{target}|{name}>"),
        LinkKind::Other => format!("{name}: {target}"),
    }
}

/// As many of the lines as fit.
fn lines(lines: impl Iterator<Item = String>, most: usize) -> String {
    lines.fold(String::new(), |text, line| {
        let longer = if text.is_empty() { line } else { format!("{text}\n{line}") };
        if text::units(&longer) <= most { longer } else { text }
    })
}

/// What Slack takes for markup, as it wants it written.
fn entity(character: char) -> Option<&'static str> {
    match character {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_others_becomes_markup() {
        let mut request = Notification::new("1", Priority::Action, "<!channel> a & b");
        request.body = "see <https://evil.example|here>".to_owned();
        request.links.insert("a|b>".to_owned(), "https://example.org/?a=1&b=2".to_owned());
        request.links.insert("try".to_owned(), "ao attach <x>".to_owned());
        let message = message(&request);
        assert_eq!(message["text"], "Action: &lt;!channel&gt; a &amp; b");
        assert_eq!(message["blocks"][0]["text"]["text"], "&lt;!channel&gt; a &amp; b");
        assert_eq!(message["blocks"][1]["text"]["text"], "see &lt;https://evil.example|here&gt;");
        let links = "<https://example.org/?a=1&amp;b=2|a/b&gt;>\ntry: ao attach &lt;x&gt;";
        assert_eq!(message["blocks"][2]["text"]["text"], links);
    }
}
