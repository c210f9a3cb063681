//! The configuration, and what is left of it once every contradiction has been refused.

use std::collections::BTreeMap;
use std::time::Duration;

use ao_plugin_sdk::agent::settings::{Permissions, Settings as Shared};
use ao_plugin_sdk::prelude::*;

/// What stands under an agent with `plugin: opencode`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {
    /// The program: a name that is looked for on the PATH, or a path.
    #[serde(default = "opencode")]
    #[schemars(length(min = 1))]
    binary: String,
    /// More arguments, behind those of `ao`.
    #[serde(default)]
    args: Vec<String>,
    /// Variables for the program, such as `OPENCODE_CONFIG`.
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// What it may do without asking, where the session does not say.
    #[serde(default)]
    permissions: Permissions,
    /// The model, as `provider/model`, where the session does not say.
    model: Option<String>,
    /// Which server a session's conversation is held by.
    #[serde(default)]
    server: Server,
    /// OpenCode's own agent.
    #[serde(default = "build")]
    #[schemars(length(min = 1))]
    agent: String,
    /// How long a turn may take, in minutes, before it is aborted; without, as long as it takes.
    #[schemars(range(min = 1))]
    turn_minutes: Option<u32>,
}

/// Which server a session's conversation is held by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Server {
    /// One of its own.
    #[default]
    Own,
    /// One for all sessions of the project that are launched alike.
    Shared,
    /// None but that of OpenCode's own interface, which runs in the session's terminal.
    None,
}

fn opencode() -> String {
    "opencode".to_owned()
}

fn build() -> String {
    "build".to_owned()
}

/// Options that a launch sets itself, and what to use in their place.
const OURS: [(&str, &str); 9] = [
    ("--port", "every server listens where it is free"),
    ("--hostname", "every server listens on this machine alone"),
    ("--mdns", "every server listens on this machine alone"),
    ("--session", "use `ao session restore`"),
    ("-s", "use `ao session restore`"),
    ("--continue", "use `ao session restore`"),
    ("-c", "use `ao session restore`"),
    ("--model", "use `model`"),
    ("-m", "use `model`"),
];

/// Why an argument is none for users.
fn misplaced(argument: &str) -> Option<String> {
    let name = argument.split_once('=').map_or(argument, |(name, _)| name);
    let is_short = |ours: &str| ours.len() == 2 && argument.starts_with(ours) && !argument.starts_with("--");
    let (ours, instead) = OURS.iter().find(|(ours, _)| *ours == name || is_short(ours))?;
    Some(format!("`{ours}` is not for `args`: {instead}"))
}

/// A configuration without contradictions.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// What other agents have, too.
    pub(crate) shared: Shared,
    pub(crate) server: Server,
    pub(crate) agent: String,
    pub(crate) turn_limit: Option<Duration>,
}

/// A model, by its provider and its name there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Model {
    pub(crate) provider: String,
    pub(crate) name: String,
}

impl Model {
    /// From `provider/model`; the name may hold further slashes.
    pub(crate) fn of(text: &str) -> Result<Self> {
        match text.trim().split_once('/') {
            Some((provider, name)) if !provider.is_empty() && !name.is_empty() => {
                Ok(Self { provider: provider.to_owned(), name: name.to_owned() })
            }
            _ => Err(Error::invalid_input(format!(
                "`{text}` is no model of OpenCode's: it is written `provider/model`, as `opencode models` lists them"
            ))),
        }
    }
}

impl Config {
    pub(crate) fn check(self) -> Result<Settings> {
        let wrong = |message: &str, field: String| Err(Error::invalid_input(message).at_field(field));
        let Self { binary, args, env, permissions, model, server, agent, turn_minutes } = self;
        let shared = Shared { binary, args, env, permissions: permissions.into(), model }.checked()?;
        shared.refuse_args(misplaced)?;
        for name in ["OPENCODE_SERVER_PASSWORD", "OPENCODE_SERVER_USERNAME"] {
            if shared.env.contains_key(name) {
                return wrong("`ao` makes this up for every server", format!("env.{name}"));
            }
        }
        if agent.trim().is_empty() {
            return wrong("it is empty; leave it out for `build`", "agent".to_owned());
        }
        if turn_minutes == Some(0) {
            return wrong("it is 0; leave it out for turns of any length", "turnMinutes".to_owned());
        }
        shared.model.as_deref().map(Model::of).transpose().map_err(|error| error.at_field("model"))?;
        let turn_limit = turn_minutes.map(|minutes| Duration::from_secs(60 * u64::from(minutes)));
        Ok(Settings { shared, server, agent, turn_limit })
    }
}
