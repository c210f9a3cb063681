//! Notifiers that need nothing but this machine: its desktop, a file, a program of the user's. They are part of `ao`.
//!
//! ```yaml
//! notifiers:
//!   desk: desktop
//!   log:  { plugin: file, path: "${HOME}/.local/state/ao/notifications.ndjson" }
//!   say:  { plugin: command, argv: [spd-say, --wait, "ao needs you"] }
//! ```
//!
//! None of them starts a shell.

pub mod command;
pub mod desktop;
pub mod file;

use ao_plugin_sdk::export_plugin;

pub use command::CommandNotifier;
pub use desktop::DesktopNotifier;
pub use file::FileNotifier;

export_plugin! {
    /// Any program, with the notification on its standard input.
    notifier "command" => CommandNotifier,
    /// The desktop's own notifications.
    notifier "desktop" => DesktopNotifier,
    /// A file, a line of JSON each.
    notifier "file" => FileNotifier,
}
