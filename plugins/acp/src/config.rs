//! The configuration.

use std::collections::BTreeMap;

use ao_plugin_sdk::agent::settings::{Permissions, check_env, check_env_remove, check_name};
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
        check_env(&self.env)?;
        check_env_remove(&self.env_remove, &self.env)?;
        for (field, value) in [("model", &self.model), ("mode", &self.mode)] {
            value.as_ref().map_or(Ok(()), |value| check_name(field, value))?;
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
