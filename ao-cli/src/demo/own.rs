//! An agent of the user's that plays in the demo: which it is, whether it is there, and what it may do.

use ao_core::config::{Config, Secrets, SlotConfig};
use ao_core::model::PluginName;
use ao_core::slots::agent::{AgentAvailability, AvailabilityState, DetectAgent};
use ao_core::slots::{Instance, Slot};
use ao_core::{Code, Error};
use ao_host::setup::Setup;
use ao_plugin_opencode::auto_edit_and_run;
use camino::Utf8Path;
use serde_json::{Map, Value, json};

use super::terms::Terms;
use crate::edge::{Edge, block_on};
use crate::failure::Failure;

/// What the issues need to be run. Whatever else an agent wants to run, it asks about, where it is one that asks.
const COMMANDS: [&str; 12] = [
    "sh tests.sh",
    "sh textstat.sh",
    "git add",
    "git checkout",
    "git commit",
    "git diff",
    "git log",
    "git rebase",
    "git show",
    "git status",
    "mkdir",
    "ao pr",
];

/// How an agent is kept to its worktree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// Claude Code: a list of commands that it runs without asking.
    Claude,
    /// Codex: a sandbox of its own.
    Codex,
    /// OpenCode: rules of its own.
    OpenCode,
    /// Another one that speaks ACP: it asks.
    Acp,
    /// As the user has configured it.
    Configured,
}

/// The user's agent.
#[derive(Clone, Debug)]
pub(crate) struct Own {
    /// Its name in the configuration, or its plugin's.
    pub(super) name: PluginName,
    /// As the demo's configuration has it, but for what depends on the place.
    settings: Value,
    manner: Manner,
    plugin: PluginName,
    /// What its plugin says of it.
    said: String,
    /// What it is held to.
    pub(super) terms: Terms,
}

impl Own {
    /// The agent of this name: the configured one, else the plugin's with its defaults. One that cannot be used is an error that
    /// says what to do.
    pub(crate) fn find(edge: &Edge, name: &PluginName, terms: Terms) -> Result<Self, Failure> {
        let setup = edge.setup_of(edge.config_files_if_any())?;
        setup.require_trust()?;
        let (settings, instance) = match setup.loaded.config.agents().get(name) {
            Some(configured) => (written(configured), setup.instance(Slot::Agent, configured)?.1),
            None => unconfigured(&setup, name)?,
        };
        let found = look(instance)?;
        let refuse = |code| Err(Error::new(code, format!("`{name}` cannot work here: {}", found.message)).into());
        match found.state {
            AvailabilityState::LoggedOut => return refuse(Code::UNAUTHORIZED),
            AvailabilityState::Missing | AvailabilityState::TooOld => return refuse(Code::INCOMPATIBLE),
            _ => {}
        }
        let plugin: PluginName = settings["plugin"]
            .as_str()
            .and_then(|plugin| plugin.parse().ok())
            .ok_or_else(|| Error::other("an agent has no plugin"))?;
        let mut own =
            Self { name: name.clone(), settings, manner: Manner::Configured, plugin, said: found.message, terms };
        own.confine();
        Ok(own)
    }

    /// Has it do without asking what the issues need. Where the user's configuration says what it may, that holds.
    fn confine(&mut self) {
        let Some(settings) = self.settings.as_object_mut() else { return };
        let manner = manner(self.plugin.as_str(), settings);
        if manner == Manner::Configured || settings.contains_key("permissions") {
            return;
        }
        settings.insert("permissions".to_owned(), "auto-edit".into());
        self.manner = manner;
        match manner {
            Manner::Claude => {
                let rules: Vec<_> = COMMANDS.iter().map(|command| format!("Bash({command}:*)")).collect();
                append(settings, ["--allowedTools".to_owned(), rules.join(",")]);
            }
            Manner::OpenCode => {
                let env = settings.entry("env").or_insert_with(|| json!({}));
                if let Some(env) = env.as_object_mut() {
                    env.entry("OPENCODE_PERMISSION").or_insert_with(|| auto_edit_and_run(&COMMANDS).into());
                }
            }
            Manner::Codex | Manner::Acp | Manner::Configured => {}
        }
    }

    /// Its settings in the demo's configuration, whose things are all below `root`.
    pub(super) fn settings(&self, root: &Utf8Path) -> Value {
        let mut settings = self.settings.clone();
        if let (Manner::Codex, Some(settings)) = (self.manner, settings.as_object_mut()) {
            // `ao pr` writes beside the worktree: into the demo's repository, and its state. And it is found where this
            // program is, which a login shell's profile does not know.
            let arguments = ["--add-dir", root.as_str(), "-c", "allow_login_shell=false"];
            append(settings, arguments.map(str::to_owned));
            // Every branch is the demo's own.
            settings.entry("trustWorktrees").or_insert_with(|| true.into());
        }
        settings
    }

    /// What is known of it.
    pub(super) fn about(&self) -> String {
        let Self { name, plugin, said, .. } = self;
        if name == plugin { said.clone() } else { format!("{said} (as you have configured it, plugin `{plugin}`)") }
    }

    /// What it may do, for who is to agree to it.
    pub(super) fn may(&self) -> String {
        let asks = format!("change its worktree, and run these: {}; it asks before anything else", COMMANDS.join(", "));
        match self.manner {
            Manner::Claude | Manner::OpenCode => asks,
            Manner::Codex => {
                "do anything in its own sandbox, which writes to the demo's directory and the one for temporary \
                              files alone; it asks before it leaves that"
                    .to_owned()
            }
            Manner::Acp => "change its worktree; it asks before it runs anything, where it is one that asks".to_owned(),
            Manner::Configured => match self.settings.get("permissions").and_then(Value::as_str) {
                Some(permissions) => format!("do what `permissions: {permissions}` says, as you have configured it"),
                None => "do whatever you have configured it for: nothing keeps it to its worktree".to_owned(),
            },
        }
    }

    /// Whether it draws screens, which make no sense as lines.
    pub(super) fn draws(&self) -> bool {
        ["claude-code", "codex"].contains(&self.plugin.as_str())
    }

    /// Whether it says what it uses.
    pub(super) fn tells_usage(&self) -> bool {
        ["claude-code", "codex", "opencode", "acp"].contains(&self.plugin.as_str())
    }

    /// What is worth knowing besides.
    pub(super) fn hint(&self) -> Option<String> {
        (self.plugin.as_str() == "claude-code").then(|| {
            "Claude Code asks whether it may trust a directory that is new to it; `--directory` names one that it trusts already, \
             in which the demo is made"
                .to_owned()
        })
    }
}

fn manner(plugin: &str, settings: &Map<String, Value>) -> Manner {
    let program = settings.get("argv").and_then(|argv| argv[0].as_str());
    let is_opencode = program.and_then(|program| Utf8Path::new(program).file_name()) == Some("opencode");
    match plugin {
        "claude-code" => Manner::Claude,
        "codex" => Manner::Codex,
        "opencode" => Manner::OpenCode,
        "acp" if is_opencode => Manner::OpenCode,
        "acp" => Manner::Acp,
        _ => Manner::Configured,
    }
}

fn append<const N: usize>(settings: &mut Map<String, Value>, arguments: [String; N]) {
    let args = settings.entry("args").or_insert_with(|| json!([]));
    if let Some(args) = args.as_array_mut() {
        args.extend(arguments.map(Value::from));
    }
}

fn written(configured: &SlotConfig) -> Value {
    let mut settings = configured.to_json();
    settings["plugin"] = Value::from(configured.plugin.as_str());
    settings
}

/// An agent of which no configuration speaks.
fn unconfigured(setup: &Setup, name: &PluginName) -> Result<(Value, Instance), Failure> {
    if setup.registry.entry(Slot::Agent, name).is_err() {
        let known = known(&setup.loaded.config, setup);
        let message = format!("there is no agent `{name}`, neither configured nor a plugin's; there are: {known}");
        return Err(Error::invalid_input(message).into());
    }
    let instance = setup.registry.instance(Slot::Agent, name, &json!({}), &Secrets::default())?;
    Ok((json!({ "plugin": name.as_str() }), instance))
}

fn known(config: &Config, setup: &Setup) -> String {
    let plugins = setup.registry.entries().filter(|entry| entry.component.slot == Slot::Agent);
    let mut names: Vec<_> = config.agents().keys().map(ToString::to_string).collect();
    names.extend(plugins.map(|entry| entry.component.name.to_string()));
    names.sort();
    names.dedup();
    names.join(", ")
}

fn look(instance: Instance) -> Result<AgentAvailability, Failure> {
    let Instance::Agent(agent) = instance else { return Err(Error::other("its plugin is no agent").into()) };
    let unknown = |error: Error| {
        AgentAvailability::new(AvailabilityState::Unknown, format!("whether it is usable cannot be told: {error}"))
    };
    Ok(block_on(agent.detect(DetectAgent::new()))?.unwrap_or_else(unknown))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[arg(long)]
        agent: Option<String>,
        #[command(flatten)]
        terms: Terms,
    }

    fn own(plugin: &str, settings: Value) -> Own {
        let line = Line::parse_from(["demo"]);
        assert_eq!(line.agent, None);
        let plugin: PluginName = plugin.parse().unwrap();
        let mut own = Own {
            name: "mine".parse().unwrap(),
            settings,
            manner: Manner::Configured,
            plugin,
            said: "there".to_owned(),
            terms: line.terms,
        };
        own.confine();
        own
    }

    #[test]
    fn each_is_kept_to_its_worktree_in_its_own_way() {
        let root = Utf8Path::new("/demo");
        let claude = own("claude-code", json!({ "args": ["--verbose"] })).settings(root);
        assert_eq!(claude["permissions"], "auto-edit");
        let args = claude["args"].as_array().unwrap();
        assert_eq!((&args[0], &args[1], args.len()), (&json!("--verbose"), &json!("--allowedTools"), 3));
        assert!(args[2].as_str().unwrap().contains("Bash(git commit:*),"), "{args:?}");
        let codex = own("codex", json!({}));
        assert_eq!(codex.settings(root)["permissions"], "auto-edit");
        assert_eq!(codex.settings(root)["args"][1], "/demo");
        assert_eq!(codex.settings(root)["trustWorktrees"], true);
        for (plugin, mut settings) in [("opencode", json!({})), ("acp", json!({ "argv": ["/bin/opencode", "acp"] }))] {
            settings["env"] = json!({ "A": "b" });
            let opencode = own(plugin, settings).settings(root);
            let rules: Value = serde_json::from_str(opencode["env"]["OPENCODE_PERMISSION"].as_str().unwrap()).unwrap();
            assert_eq!((&rules["bash"]["*"], &rules["bash"]["git commit *"]), (&json!("ask"), &json!("allow")));
            assert_eq!(
                (&rules["*"], &rules["read"], &rules["edit"]["*.git"]),
                (&json!("ask"), &json!("allow"), &json!("ask"))
            );
            assert_eq!((&opencode["env"]["A"], &opencode["permissions"]), (&json!("b"), &json!("auto-edit")));
        }
        let gemini = own("acp", json!({ "argv": ["gemini", "--acp"] })).settings(root);
        assert_eq!(gemini, json!({ "argv": ["gemini", "--acp"], "permissions": "auto-edit" }));
    }

    #[test]
    fn what_a_user_has_configured_holds_and_is_said() {
        let mine = own("claude-code", json!({ "permissions": "permissionless" }));
        assert_eq!(mine.settings(Utf8Path::new("/demo")), json!({ "permissions": "permissionless" }));
        assert!(mine.may().contains("permissions: permissionless"), "{}", mine.may());
        let other = own("command", json!({ "argv": ["x"] }));
        assert_eq!(other.settings(Utf8Path::new("/demo")), json!({ "argv": ["x"] }));
        assert!(other.may().contains("nothing keeps it") && !other.tells_usage(), "{}", other.may());
    }
}
