//! The keys that agents share, checked, and what a session says in their place.
//!
//! An agent with no other keys takes [`Config`] as it is; one with more has a struct of its own, makes [`Settings`] of what
//! it shares, and has them checked.

use std::collections::BTreeMap;

use ao_core::slots::agent::{PermissionMode, PlanLaunch};
use ao_core::{Error, Result};
use schemars::JsonSchema;
use serde::Deserialize;

/// What stands under an agent.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Config {
    /// The program: a name that is looked for on the PATH, or a path. Without it, the agent's own name.
    #[schemars(length(min = 1))]
    pub binary: Option<String>,
    /// More arguments, behind those of `ao`.
    pub args: Vec<String>,
    /// Variables for the program.
    pub env: BTreeMap<String, String>,
    /// What it may do without asking, where the session does not say.
    pub permissions: Permissions,
    /// The model, in the agent's own words, where the session does not say.
    #[schemars(length(min = 1))]
    pub model: Option<String>,
}

/// What an agent may do without asking, as users write it: unlike [`PermissionMode`], with no word that means none of these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Permissions {
    /// Everything.
    Permissionless,
    /// Reading and changing files; about the rest it asks, in its own way.
    AutoEdit,
    /// What its own settings say.
    #[default]
    Default,
    /// Reading: it proposes, and changes nothing unasked.
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Never empty.
    pub binary: String,
    /// Behind those that a launch needs.
    pub args: Vec<String>,
    /// Variables for the program.
    pub env: BTreeMap<String, String>,
    /// Where a session says nothing else.
    pub permissions: PermissionMode,
    /// Where a session names no other.
    pub model: Option<String>,
}

impl Config {
    /// The settings; `binary` is the program where none is named.
    pub fn check(self, binary: &str) -> Result<Settings> {
        let Self { args, env, permissions, model, .. } = self;
        let binary = self.binary.unwrap_or_else(|| binary.to_owned());
        Settings { binary, args, env, permissions: permissions.into(), model }.checked()
    }
}

impl Settings {
    /// The same, or what is wrong in them, by its key.
    pub fn checked(self) -> Result<Self> {
        check_name("binary", &self.binary)?;
        self.refuse_args(|_| None)?;
        check_env(&self.env)?;
        if let Some(model) = &self.model {
            check_name("model", model)?;
        }
        Ok(self)
    }

    /// Refuses arguments for which `why`, which is asked in their order, has a reason: those that a launch sets itself. The
    /// reason says what to do instead.
    pub fn refuse_args<'a>(&'a self, mut why: impl FnMut(&'a str) -> Option<String>) -> Result<()> {
        for (index, argument) in self.args.iter().enumerate() {
            let problem = if argument.contains('\0') {
                Some("the argument holds a NUL character".to_owned())
            } else {
                why(argument)
            };
            if let Some(problem) = problem {
                return Err(Error::invalid_input(problem).at_field(format!("args[{index}]")));
            }
        }
        Ok(())
    }

    /// What the session's agent may do: as the session says, else as is configured. A mode that this version does not know is
    /// refused, because whatever took its place could allow more.
    pub fn permissions(&self, request: &PlanLaunch) -> Result<PermissionMode> {
        match request.permissions {
            PermissionMode::Default => Ok(self.permissions),
            PermissionMode::Unknown => {
                let message = "this permission mode; use permissionless, auto-edit, default or suggest";
                Err(Error::unsupported(message).at_field("permissions"))
            }
            asked => Ok(asked),
        }
    }

    /// The session's model, else the one that is configured; none for the agent's own choice.
    pub fn model<'a>(&'a self, request: &'a PlanLaunch) -> Result<Option<&'a str>> {
        let model = request.model.as_deref().or(self.model.as_deref());
        model.map_or(Ok(()), |model| check_name("model", model))?;
        Ok(model)
    }
}

/// Refuses what names nothing: an empty text, or one that no argument can hold.
pub fn check_name(field: &str, text: &str) -> Result<()> {
    if text.trim().is_empty() || text.contains('\0') {
        return Err(Error::invalid_input(format!("`{field}` is empty, or holds a NUL character")).at_field(field));
    }
    Ok(())
}

/// Refuses variables that no environment can hold.
pub fn check_env(env: &BTreeMap<String, String>) -> Result<()> {
    for (name, value) in env {
        let problem = if !is_variable(name) {
            no_variable(name)
        } else if value.contains('\0') {
            "the value holds a NUL character".to_owned()
        } else {
            continue;
        };
        return Err(Error::invalid_input(problem).at_field(format!("env.{name}")));
    }
    Ok(())
}

/// Refuses names that are no variables' among those to take away, and those that `env` sets.
pub fn check_env_remove(names: &[String], env: &BTreeMap<String, String>) -> Result<()> {
    for (index, name) in names.iter().enumerate() {
        let problem = if !is_variable(name) {
            no_variable(name)
        } else if env.contains_key(name) {
            format!("`{name}` is set in `env` and removed here; keep one")
        } else {
            continue;
        };
        return Err(Error::invalid_input(problem).at_field(format!("envRemove[{index}]")));
    }
    Ok(())
}

fn is_variable(name: &str) -> bool {
    !name.is_empty() && !name.contains(['=', '\0'])
}

fn no_variable(name: &str) -> String {
    format!("`{}` cannot name a variable: it is empty, or holds `=` or NUL", name.escape_debug())
}

#[cfg(test)]
mod tests {
    use ao_core::model::SessionId;
    use serde_json::{Value, json};

    use super::*;

    fn settings(config: &Value) -> Result<Settings> {
        Config::deserialize(config).map_err(|error| Error::invalid_input(error.to_string()))?.check("parrot")
    }

    fn request() -> PlanLaunch {
        PlanLaunch::new("app-1".parse::<SessionId>().expect("an id"), "/work", "/session")
    }

    #[test]
    fn what_cannot_be_is_refused_by_its_key() {
        for (config, field) in [
            (json!({"binary": " "}), "binary"),
            (json!({"args": ["--fine", "a\u{0}b"]}), "args[1]"),
            (json!({"env": {"A=B": "c"}}), "env.A=B"),
            (json!({"env": {"": "c"}}), "env."),
            (json!({"env": {"A": "\u{0}"}}), "env.A"),
            (json!({"model": ""}), "model"),
        ] {
            assert_eq!(settings(&config).expect_err("refused").field.as_deref(), Some(field), "{config}");
        }
        for config in [json!({"permissions": "unknown"}), json!({"argv": []})] {
            settings(&config).expect_err("refused");
        }
        let removed = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            check_env_remove(&names, &BTreeMap::from([("SET".to_owned(), String::new())]))
        };
        removed(&["OTHER"]).expect("fine");
        assert_eq!(removed(&["OTHER", "SET"]).expect_err("set").field.as_deref(), Some("envRemove[1]"));
        assert_eq!(removed(&["A=B"]).expect_err("no name").field.as_deref(), Some("envRemove[0]"));
    }

    #[test]
    fn the_session_wins() {
        let all = settings(&json!({"permissions": "auto-edit", "model": "grey"})).expect("settings");
        assert_eq!(all.binary, "parrot");
        let mut session = request();
        assert_eq!(all.permissions(&session).expect("a mode"), PermissionMode::AutoEdit);
        assert_eq!(all.model(&session).expect("a model"), Some("grey"));
        (session.permissions, session.model) = (PermissionMode::Suggest, Some("blue".to_owned()));
        assert_eq!(all.permissions(&session).expect("a mode"), PermissionMode::Suggest);
        assert_eq!(all.model(&session).expect("a model"), Some("blue"));
        (session.permissions, session.model) = (PermissionMode::Unknown, Some(" ".to_owned()));
        all.permissions(&session).expect_err("it could allow more");
        all.model(&session).expect_err("it names none");
    }

    #[test]
    fn arguments_of_our_own_are_refused() {
        let all = settings(&json!({"args": ["--verbose", "--"]})).expect("settings");
        let refused = all.refuse_args(|argument| (argument == "--").then(|| "no prompt".to_owned()));
        assert_eq!(refused.expect_err("refused").field.as_deref(), Some("args[1]"));
    }
}
