//! The configuration: the keys that agents share, less the arguments that a launch sets itself, and one of Codex's own.

use std::collections::BTreeMap;

use ao_plugin_sdk::agent::settings::{self, Permissions};
use ao_plugin_sdk::prelude::*;

/// What stands under an agent with `plugin: codex`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Config {
    /// The program: a name that is looked for on the PATH, or a path. Without it, `codex`.
    #[schemars(length(min = 1))]
    binary: Option<String>,
    /// More arguments, behind those of `ao`.
    args: Vec<String>,
    /// Variables for the program, such as `CODEX_HOME`.
    env: BTreeMap<String, String>,
    /// What it may do without asking, where the session does not say.
    permissions: Permissions,
    /// The model, where the session does not say.
    #[schemars(length(min = 1))]
    model: Option<String>,
    /// Whether every worktree is trusted, whatever its branch holds. Codex then runs what the branch's own `.codex/config.toml`
    /// names, outside of its sandbox. Without it, a worktree is trusted where you have trusted its repository.
    trust_worktrees: bool,
}

/// Options that a launch sets itself, or that take the session elsewhere, and what to use in their place.
const OURS: [(&str, &str); 15] = [
    ("--model", "use `model`"),
    ("-m", "use `model`"),
    ("--sandbox", "use `permissions`"),
    ("-s", "use `permissions`"),
    ("--ask-for-approval", "use `permissions`"),
    ("-a", "use `permissions`"),
    ("--approve-for-me", "use `permissions`"),
    ("--dangerously-bypass-approvals-and-sandbox", "use `permissions: permissionless`"),
    ("--yolo", "use `permissions: permissionless`"),
    ("--no-daemon", "ao sets it always"),
    ("--remote", "ao needs a Codex of its own"),
    ("--cd", "a session works in its worktree"),
    ("-C", "a session works in its worktree"),
    ("--worktree", "a session has its worktree"),
    ("--last", "use `ao session restore`"),
];

/// Why an argument is none for users. `before` is the one before it.
fn misplaced(argument: &str, before: Option<&str>) -> Option<String> {
    let is_option = |word: &str| word.starts_with('-');
    if argument == "--" || !(is_option(argument) || before.is_some_and(is_option)) {
        let shown = argument.escape_debug();
        return Some(format!("`{shown}` would be a command or a prompt; sessions are given theirs by `ao`"));
    }
    let name = argument.split_once('=').map_or(argument, |(name, _)| name);
    // A value may stand directly behind a letter.
    let is_short = |ours: &str| ours.len() == 2 && argument.starts_with(ours) && !argument.starts_with("--");
    let (ours, instead) = OURS.iter().find(|(ours, _)| *ours == name || is_short(ours))?;
    Some(format!("`{ours}` is not for `args`: {instead}"))
}

/// A configuration without contradictions.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// What agents share.
    pub(crate) shared: settings::Settings,
    pub(crate) trust_worktrees: bool,
}

impl Config {
    pub(crate) fn check(self) -> Result<Settings> {
        let Self { binary, args, env, permissions, model, trust_worktrees } = self;
        let shared = settings::Config { binary, args, env, permissions, model }.check("codex")?;
        let mut before = None;
        shared.refuse_args(|argument| misplaced(argument, before.replace(argument)))?;
        Ok(Settings { shared, trust_worktrees })
    }
}
