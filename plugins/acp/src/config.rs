//! The configuration.

use std::collections::BTreeMap;

use ao_plugin_sdk::prelude::*;

/// What stands under an agent with `plugin: acp`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {
    /// The program that speaks the protocol, and its arguments, such as `[gemini, --acp]`.
    #[schemars(length(min = 1))]
    argv: Vec<String>,
    /// Variables for the program.
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// Variables of the session that the program must not see.
    #[serde(default)]
    env_remove: Vec<String>,
    /// What it may do without asking, where the session does not say.
    permissions: Option<Permissions>,
    /// Its model, by the id that it offers, where the session does not say.
    model: Option<String>,
    /// Its own mode, by the id that it offers, such as `plan`.
    mode: Option<String>,
}

/// What an agent may do without asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Permissions {
    /// Everything.
    Permissionless,
    /// Edits of the worktree.
    AutoEdit,
    /// What its own settings say; what it asks, a human answers.
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

/// A configuration without contradictions.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Never empty.
    pub(crate) argv: Vec<String>,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) env_remove: Vec<String>,
    pub(crate) permissions: PermissionMode,
    pub(crate) model: Option<String>,
    pub(crate) mode: Option<String>,
}

impl Settings {
    /// The program.
    pub(crate) fn program(&self) -> &str {
        self.argv.first().map_or("", String::as_str)
    }
}

impl Config {
    pub(crate) fn check(self) -> Result<Settings> {
        let wrong = |message: &str, field: String| Err(Error::invalid_input(message).at_field(field));
        if self.argv.first().is_none_or(|program| program.trim().is_empty()) {
            return wrong(
                "`argv` names no program; its first element is one that speaks the protocol",
                "argv".to_owned(),
            );
        }
        if let Some(index) = self.argv.iter().position(|argument| argument.contains('\0')) {
            return wrong("the argument holds a NUL character", format!("argv[{index}]"));
        }
        let is_name = |name: &String| !name.is_empty() && !name.contains(['=', '\0']);
        for (name, value) in &self.env {
            if !is_name(name) || value.contains('\0') {
                return wrong("no variable has such a name or value", format!("env.{name}"));
            }
        }
        if let Some(index) = self.env_remove.iter().position(|name| !is_name(name) || self.env.contains_key(name)) {
            return wrong("it names no variable, or one that `env` sets", format!("envRemove[{index}]"));
        }
        for (field, value) in [("model", &self.model), ("mode", &self.mode)] {
            if value.as_ref().is_some_and(|value| value.trim().is_empty()) {
                return wrong("it is empty; leave it out for the agent's own", field.to_owned());
            }
        }
        Ok(Settings {
            argv: self.argv,
            env: self.env,
            env_remove: self.env_remove,
            permissions: self.permissions.map_or(PermissionMode::Default, PermissionMode::from),
            model: self.model,
            mode: self.mode,
        })
    }
}
