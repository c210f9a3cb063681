//! Notifiers: how a human is told, on the desktop, in a file, by a program of theirs, or by a web service.
//!
//! ```yaml
//! notifiers:
//!   desk: desktop
//!   log:  { plugin: file, path: "${HOME}/.local/state/ao/notifications.ndjson" }
//!   hook: { plugin: webhook, url: "https://example.org/hooks/ao", secret: "${WEBHOOK_SECRET}" }
//!   team: { plugin: slack, url: "${SLACK_WEBHOOK_URL}" }
//! ```
//!
//! None of them starts a shell, follows a redirect, or writes a secret or the path of a receiver's URL into an error.

mod clock;
pub mod command;
pub mod desktop;
pub mod discord;
pub mod file;
mod http;
pub mod slack;
mod text;
pub mod webhook;

use ao_plugin_sdk::export_plugin;

pub use command::CommandNotifier;
pub use desktop::DesktopNotifier;
pub use discord::DiscordNotifier;
pub use file::FileNotifier;
pub use slack::SlackNotifier;
pub use webhook::WebhookNotifier;

export_plugin! {
    /// Any program, with the notification on its standard input.
    notifier "command" => CommandNotifier,
    /// The desktop's own notifications.
    notifier "desktop" => DesktopNotifier,
    /// A Discord channel, by an incoming webhook.
    notifier "discord" => DiscordNotifier,
    /// A file, a line of JSON each.
    notifier "file" => FileNotifier,
    /// A Slack channel, by an incoming webhook.
    notifier "slack" => SlackNotifier,
    /// A URL, signed as Standard Webhooks says, with a `CloudEvent`.
    notifier "webhook" => WebhookNotifier,
}
