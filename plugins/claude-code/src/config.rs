//! The configuration: the keys that agents share, less the arguments that a launch sets itself.

use ao_plugin_sdk::agent::settings::{Config, Settings};
use ao_plugin_sdk::prelude::*;

/// Options that a launch sets itself, and what to use in their place.
const OURS: [(&str, &str); 10] = [
    ("--session-id", "ao names the conversation"),
    ("--resume", "use `ao session restore`"),
    ("--continue", "use `ao session restore`"),
    ("--settings", "settings of your own belong into `~/.claude/settings.json` or `.claude/settings.local.json`"),
    ("--model", "use `model`"),
    ("--permission-mode", "use `permissions`"),
    ("--dangerously-skip-permissions", "use `permissions: permissionless`"),
    ("--print", "ao needs the terminal interface"),
    ("--append-system-prompt-file", "ao hands its own over by it; `--append-system-prompt` is free"),
    ("--fork-session", "ao names the conversation"),
];

/// The same, as letters: several may stand behind one hyphen, and a value behind the last.
const SHORT: [(char, &str); 3] = [('r', "--resume"), ('c', "--continue"), ('p', "--print")];

pub(crate) fn check(config: Config) -> Result<Settings> {
    let settings = config.check("claude")?;
    settings.refuse_args(|argument| {
        let name = argument.split_once('=').map_or(argument, |(name, _)| name);
        let letter = name.strip_prefix('-').and_then(|letters| letters.chars().next());
        let name = SHORT.iter().find(|(short, _)| letter == Some(*short)).map_or(name, |(_, long)| long);
        let (ours, instead) = OURS.iter().find(|(ours, _)| *ours == name)?;
        Some(format!("`{ours}` is not for `args`: {instead}"))
    })?;
    Ok(settings)
}
