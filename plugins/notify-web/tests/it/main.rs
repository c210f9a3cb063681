//! The notifiers through their slot, against services that keep the published rules.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

mod config;
mod discord;
mod http;
mod server;
mod slack;
mod tls;
mod webhook;

use ao_plugin_sdk::prelude::*;

/// The plugin with this configuration.
fn plugin<P: Plugin>(config: Value) -> Result<P> {
    let config = serde_json::from_value(config).map_err(|error| Error::invalid_input(error.to_string()))?;
    P::new(config)
}

/// A notification with everything.
fn full(id: &str) -> Notification {
    let mut request = Notification::new(id, Priority::Action, "web-3 asks: \"merge?\" & <now>");
    request.body = "It has finished.\n*All* checks are green.".into();
    request.links.insert("pull request".to_owned(), "https://example.org/pulls/3".to_owned());
    request.links.insert("look".to_owned(), "ao attach web-3".to_owned());
    request
}
