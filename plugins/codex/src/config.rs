//! The configuration, and what is left of it once every contradiction has been refused.

use std::collections::BTreeMap;

use ao_plugin_sdk::prelude::*;

/// What stands under an agent with `plugin: codex`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {
    /// The program: a name that is looked for on the PATH, or a path.
    #[serde(default = "codex")]
    #[schemars(length(min = 1))]
    binary: String,
    /// More arguments, behind those of `ao`.
    #[serde(default)]
    args: Vec<String>,
    /// Variables for the program, such as `CODEX_HOME`.
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// What it may do without asking, where the session does not say.
    #[serde(default)]
    permissions: Permissions,
    /// The model, where the session does not say.
    model: Option<String>,
    /// Whether every worktree is trusted, whatever its branch holds. Codex then runs what the branch's own `.codex/config.toml`
    /// names, outside of its sandbox. Without it, a worktree is trusted where you have trusted its repository.
    #[serde(default)]
    trust_worktrees: bool,
}

/// What Codex may do without asking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Permissions {
    /// Everything.
    Permissionless,
    /// Edits, and commands in its sandbox.
    AutoEdit,
    /// What its own settings say.
    #[default]
    Default,
    /// Nothing.
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

fn codex() -> String {
    "codex".to_owned()
}

/// A configuration without contradictions.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) binary: String,
    pub(crate) args: Vec<String>,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) permissions: PermissionMode,
    pub(crate) model: Option<String>,
    pub(crate) trust_worktrees: bool,
}

impl Config {
    pub(crate) fn check(self) -> Result<Settings> {
        let wrong = |message: &str, field: String| Err(Error::invalid_input(message).at_field(field));
        if self.binary.trim().is_empty() || self.binary.contains('\0') {
            return wrong("`binary` names no program", "binary".to_owned());
        }
        for (index, argument) in self.args.iter().enumerate() {
            let field = format!("args[{index}]");
            if argument.contains('\0') {
                return wrong("the argument holds a NUL character", field);
            }
            let before = index.checked_sub(1).and_then(|before| self.args.get(before));
            if let Some(why) = misplaced(argument, before.map(String::as_str)) {
                return wrong(&why, field);
            }
        }
        for (name, value) in &self.env {
            let field = format!("env.{name}");
            if name.is_empty() || name.contains(['=', '\0']) {
                return wrong("this cannot name a variable: it is empty, or holds `=` or NUL", field);
            }
            if value.contains('\0') {
                return wrong("the value holds a NUL character", field);
            }
        }
        if self.model.as_ref().is_some_and(|model| model.trim().is_empty() || model.contains('\0')) {
            return wrong("`model` names no model", "model".to_owned());
        }
        let Self { binary, args, env, permissions, model, trust_worktrees } = self;
        Ok(Settings { binary, args, env, permissions: permissions.into(), model, trust_worktrees })
    }
}
