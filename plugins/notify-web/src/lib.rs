//! Notifiers that are web services: signed webhooks, Slack, Discord. A library beside `ao`: TLS brings C code and more crates
//! than every build and every command should carry.
//!
//! ```yaml
//! notifiers:
//!   hook: { plugin: webhook, url: "https://example.org/hooks/ao", secret: "${WEBHOOK_SECRET}" }
//!   team: { plugin: slack, url: "${SLACK_WEBHOOK_URL}" }
//! ```
//!
//! None of them follows a redirect, or writes a secret or the path of a receiver's URL into an error.

pub mod discord;
mod http;
pub mod slack;
pub mod webhook;

use ao_plugin_sdk::export_plugin;

pub use discord::DiscordNotifier;
pub use slack::SlackNotifier;
pub use webhook::WebhookNotifier;

export_plugin! {
    /// A Discord channel, by an incoming webhook.
    notifier "discord" => DiscordNotifier,
    /// A Slack channel, by an incoming webhook.
    notifier "slack" => SlackNotifier,
    /// A URL, signed as Standard Webhooks says, with a `CloudEvent`.
    notifier "webhook" => WebhookNotifier,
}
