//! What a user sees: the real `ao`, with real git, in a scratch home.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

mod author;
mod certify;
mod completion;
mod concurrency;
mod config;
mod config_keys;
mod crash;
mod demo;
mod doctor;
mod events;
mod help;
mod host;
mod host_detach;
mod hostile;
mod init;
mod libraries;
mod messages;
mod plugin;
mod plugin_install;
mod pty_attach;
mod reference;
mod removal;
mod search_order;
mod sessions;
mod spawn_issue;
mod start_target;
mod studio;
mod support;
mod tmux_attach;
mod trust;
