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
    permissions: PermissionMode,
    /// The model, where the session does not say.
    model: Option<String>,
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
            if argument == "--" {
                return wrong("what stands behind `--` would be a prompt; sessions are given theirs by `ao`", field);
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
        let Self { binary, args, env, permissions, model } = self;
        Ok(Settings { binary, args, env, permissions, model })
    }
}
