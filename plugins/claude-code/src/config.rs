//! The configuration, and what is left of it once every contradiction has been refused.

use std::collections::BTreeMap;

use ao_plugin_sdk::prelude::*;

/// What stands under an agent with `plugin: claude-code`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Config {
    /// The program; `claude` without it.
    #[schemars(length(min = 1))]
    binary: Option<String>,
    /// Arguments behind those that a launch needs.
    args: Vec<String>,
    /// Variables for the program.
    env: BTreeMap<String, String>,
    /// What it may do without asking, where a session says nothing else.
    permissions: Option<Permissions>,
    /// The model, as `claude --model` takes it, where a session names no other.
    #[schemars(length(min = 1))]
    model: Option<String>,
}

/// What Claude Code may do without asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Permissions {
    /// Everything: `--dangerously-skip-permissions`.
    Permissionless,
    /// Edits, but not commands: the mode `acceptEdits`.
    AutoEdit,
    /// What its own settings say.
    Default,
    /// Nothing: the mode `plan`.
    Suggest,
}

impl From<Permissions> for PermissionMode {
    fn from(permissions: Permissions) -> Self {
        match permissions {
            Permissions::Permissionless => Self::Permissionless,
            Permissions::AutoEdit => Self::AutoEdit,
            Permissions::Default => Self::Default,
            Permissions::Suggest => Self::Suggest,
        }
    }
}

/// A configuration without contradictions.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Never empty.
    pub(crate) binary: String,
    pub(crate) args: Vec<String>,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) permissions: PermissionMode,
    pub(crate) model: Option<String>,
}

impl Config {
    pub(crate) fn check(self) -> Result<Settings> {
        let binary = self.binary.unwrap_or_else(|| "claude".to_owned());
        check_text(&binary).map_err(|error| error.at_field("binary"))?;
        for (index, argument) in self.args.iter().enumerate() {
            check_argument(argument).map_err(|error| error.at_field(format!("args[{index}]")))?;
        }
        for (name, value) in &self.env {
            check_variable(name, value).map_err(|error| error.at_field(format!("env.{name}")))?;
        }
        if let Some(model) = &self.model {
            check_text(model).map_err(|error| error.at_field("model"))?;
        }
        let permissions = self.permissions.map_or(PermissionMode::Default, PermissionMode::from);
        Ok(Settings { binary, args: self.args, env: self.env, permissions, model: self.model })
    }
}

/// Options that a launch sets itself, and what to use in their place.
const OURS: [(&str, &str); 9] = [
    ("--session-id", "ao names the conversation"),
    ("--resume", "use `ao session restore`"),
    ("--continue", "use `ao session restore`"),
    ("--settings", "settings of your own belong into `~/.claude/settings.json` or `.claude/settings.local.json`"),
    ("--model", "use `model`"),
    ("--permission-mode", "use `permissions`"),
    ("--dangerously-skip-permissions", "use `permissions: permissionless`"),
    ("--print", "ao needs the terminal interface"),
    ("--fork-session", "ao names the conversation"),
];

/// The same, as letters: several may stand behind one hyphen, and a value behind the last.
const SHORT: [(char, &str); 3] = [('r', "--resume"), ('c', "--continue"), ('p', "--print")];

fn check_argument(argument: &str) -> Result<()> {
    if argument.contains('\0') {
        return Err(Error::invalid_input("it holds a NUL character"));
    }
    let name = argument.split_once('=').map_or(argument, |(name, _)| name);
    let letter = name.strip_prefix('-').and_then(|letters| letters.chars().next());
    let name = SHORT.iter().find(|(short, _)| letter == Some(*short)).map_or(name, |(_, long)| long);
    match OURS.iter().find(|(ours, _)| *ours == name) {
        Some((ours, instead)) => Err(Error::invalid_input(format!("`{ours}` is not for `args`: {instead}"))),
        None => Ok(()),
    }
}

pub(crate) fn check_text(text: &str) -> Result<()> {
    if text.trim().is_empty() || text.contains('\0') {
        return Err(Error::invalid_input("it is empty, or holds a NUL character"));
    }
    Ok(())
}

fn check_variable(name: &str, value: &str) -> Result<()> {
    if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
        return Err(Error::invalid_input(format!(
            "`{}` cannot be a variable: its name is empty or holds `=`, or there is a NUL character",
            name.escape_debug()
        )));
    }
    Ok(())
}
