//! The configuration file as it is written: the keys that exist, their types, and what each is for.
//!
//! The JSON Schema that users see is generated from here, and every file is validated against it. The settings of a
//! plugin are no part of these types: they stay in the spanned tree, and the plugin's own schema says what they may be.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::budgets;
use super::checks;
use super::events::EventLimits;
use super::lifecycle;
use super::limits::Limits;
use super::notifiers::{NotifierName, Routing};
use super::orchestrator::{self, LONGEST_RULES};
use super::reactions::WrittenReactions;
use super::reviewers;
use super::scalars::{HumanDuration, MethodName, RelativePath, RepositoryName, Sha256Hex};
use super::trash::TrashLimits;
use crate::model::{BranchName, PluginName, ProjectName, SessionPrefix};
use crate::prices::Price;

/// The configuration of `ao`: `agent-orchestrator.yaml` at the root of a repository, or the user's own for all of them.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "agent-orchestrator.yaml")]
#[expect(dead_code, reason = "slots and agents are read from the tree, where their settings have positions")]
pub(crate) struct File {
    /// The address of this schema, for editors. Not read by `ao`.
    #[serde(rename = "$schema")]
    schema: Option<String>,
    /// The version of this format. Always 1.
    #[schemars(schema_with = "version")]
    version: u64,
    /// Plugin libraries to load besides those that are built in. Lists of several files are joined.
    #[serde(default)]
    pub(crate) plugins: Vec<Plugin>,
    /// Named agents: a plugin of the `agent` slot with its settings. `defaults.agent` and `projects.<name>.agent` refer to
    /// them by name.
    #[serde(default)]
    #[schemars(extend("propertyNames" = json!({ "format": "ao-plugin" })))]
    agents: BTreeMap<PluginName, Slot>,
    /// Named notifiers: a plugin of the `notifier` slot with its settings. `notificationRouting` and `defaults.notifiers` refer
    /// to them by name.
    #[serde(default)]
    #[schemars(extend("propertyNames" = json!({ "format": "ao-plugin" })))]
    notifiers: BTreeMap<PluginName, Slot>,
    /// Who is told of what, by how much it matters.
    #[serde(default)]
    notification_routing: Routing,
    /// What every project uses unless it says otherwise.
    #[serde(default)]
    defaults: Defaults,
    /// The repositories to work on, by name.
    #[serde(default)]
    #[schemars(extend("propertyNames" = json!({ "format": "ao-project" })))]
    pub(crate) projects: BTreeMap<ProjectName, Project>,
    /// What is done about what happens, in every project.
    #[serde(default)]
    pub(crate) reactions: WrittenReactions,
    /// How much of the event log stays in the database. A host goes by the configuration that it was started with.
    #[serde(default)]
    pub(crate) events: EventLimits,
    /// How long the trash keeps worktrees that were moved away, and how much. It is one for all projects.
    #[serde(default)]
    pub(crate) trash: TrashLimits,
    /// How much may be started.
    #[serde(default)]
    pub(crate) limits: Limits,
    /// What becomes of sessions by themselves, in every project.
    #[serde(default)]
    pub(crate) lifecycle: lifecycle::Written,
    /// How much conversations may use, in every project. A session that has used it up, its own or its project's, is held
    /// and its agent interrupted; one more is not started in a project that has.
    #[serde(default)]
    pub(crate) budgets: budgets::Written,
    /// What models cost, by their names, in US dollars per million tokens, over the public prices that `ao` knows. A name stands
    /// for the model and its dated releases.
    #[serde(default)]
    pub(crate) prices: BTreeMap<String, Price>,
}

/// One plugin library.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Plugin {
    /// The library file. `~/` is the home directory; a relative path starts at this file's directory.
    #[schemars(extend("format" = "ao-path"))]
    pub(crate) path: String,
    /// The SHA-256 of the file. A pin besides `ao plugin trust`, not instead of it.
    #[schemars(with = "Option<String>", extend("format" = "ao-sha256", "pattern" = "^[0-9a-fA-F]{64}$"))]
    pub(crate) sha256: Option<Sha256Hex>,
    /// Whether to load it. `true` unless set.
    pub(crate) enabled: Option<bool>,
    /// Whether this library wins where another one has a plugin of the same slot and name. `false` unless set.
    pub(crate) r#override: Option<bool>,
    /// Where the library's code runs. `in-process` unless set.
    pub(crate) isolation: Option<Isolation>,
    /// Time limits of single methods, such as `tracker.get: 10s`, in place of the contract's.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Duration>", extend("propertyNames" = json!({ "format": "ao-method" })))]
    pub(crate) deadlines: BTreeMap<MethodName, HumanDuration>,
}

/// Where the code of a plugin library runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Isolation {
    /// In the process of `ao`, on the library's own threads.
    #[default]
    InProcess,
    /// In a process of its own: a crash of the library ends the calls in flight and nothing else.
    Process,
}

impl Isolation {
    /// The word for it, as in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InProcess => "in-process",
            Self::Process => "process",
        }
    }
}

impl JsonSchema for Isolation {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Isolation".into()
    }

    // Derived, it would be a `oneOf`, whose errors do not say which words there are.
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "enum": [Self::InProcess.as_str(), Self::Process.as_str()],
            "description": "Where the code of a plugin library runs: in the process of `ao`, on the library's own \
                            threads, or in a process of its own, whose crash ends the calls in flight and nothing else.",
        })
    }
}

/// The plugins that fill the slots of every project.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "slots and agents are read from the tree, where their settings have positions")]
struct Defaults {
    /// Where agents live. `tmux` unless set, or `process` where tmux is missing.
    runtime: Option<Slot>,
    /// Which agent works: a name under `agents`, or a plugin.
    agent: Option<Slot>,
    /// How a session gets its own copy of the repository. `worktree` unless set.
    workspace: Option<Slot>,
    /// Where issues come from. None unless set.
    tracker: Option<Slot>,
    /// Where pull requests are. None unless set.
    scm: Option<Slot>,
    /// Who is told where `notificationRouting` says nothing: names under `notifiers`, or plugins. Nobody unless set.
    #[schemars(with = "Option<Vec<NotifierName>>")]
    notifiers: Option<Vec<PluginName>>,
}

/// One repository to work on.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "slots and agents are read from the tree, where their settings have positions")]
pub(crate) struct Project {
    /// The repository's directory. `~/` is the home directory; a relative path starts at this file's directory.
    #[schemars(with = "Option<String>", extend("format" = "ao-path"))]
    pub(crate) path: Option<String>,
    /// The repository's name where it is hosted: `owner/name`.
    #[schemars(with = "Option<String>", extend("format" = "ao-repository"))]
    pub(crate) repo: Option<RepositoryName>,
    /// The branch that sessions start from. `main` unless set.
    #[schemars(with = "Option<String>", extend("format" = "ao-branch"))]
    pub(crate) default_branch: Option<BranchName>,
    /// The first part of this project's session ids, such as `app` in `app-1`. Derived from the directory's name unless
    /// set. No two projects may share one.
    #[schemars(with = "Option<String>", extend("format" = "ao-prefix"))]
    pub(crate) session_prefix: Option<SessionPrefix>,
    /// Where this project's agents live; see `defaults.runtime`.
    runtime: Option<Slot>,
    /// Which agent works here; see `defaults.agent`.
    agent: Option<Slot>,
    /// Settings on top of those of the agent, whichever it is.
    agent_config: Option<BTreeMap<String, Value>>,
    /// How a session gets its own copy of the repository; see `defaults.workspace`.
    workspace: Option<Slot>,
    /// Where issues come from; see `defaults.tracker`.
    tracker: Option<Slot>,
    /// Where pull requests are; see `defaults.scm`.
    scm: Option<Slot>,
    /// Files and directories of the repository that each workspace gets a symbolic link to, such as `.env`.
    #[serde(default)]
    #[schemars(with = "Vec<RelativeText>")]
    pub(crate) symlinks: Vec<RelativePath>,
    /// Programs that run in each new workspace, one after the other, before the agent starts.
    #[serde(default)]
    pub(crate) post_create: Vec<PostCreate>,
    /// Whether to fetch from the remote before a workspace is created. `false` unless set.
    pub(crate) fetch: Option<bool>,
    /// What is done about what happens here, over the `reactions` of every project.
    #[serde(default)]
    pub(crate) reactions: WrittenReactions,
    /// What becomes of sessions by themselves here, over the `lifecycle` of every project.
    #[serde(default)]
    pub(crate) lifecycle: lifecycle::Written,
    /// How much conversations may use here, over the `budgets` of every project, key by key.
    #[serde(default)]
    pub(crate) budgets: budgets::Written,
    /// What sessions may do that review others' work.
    #[serde(default)]
    pub(crate) reviewers: reviewers::Written,
    /// The session that drives `ao` here, which `ao orchestrator start` starts.
    #[serde(default)]
    orchestrator: orchestrator::Written,
    /// What that session is told besides how to use `ao`: how work is split here, what it may start, when it asks.
    #[schemars(length(max = LONGEST_RULES))]
    pub(crate) orchestrator_rules: Option<String>,
    /// Checks of pull requests that `ao` runs itself. None unless set.
    pub(crate) checks: Option<checks::Written>,
}

/// A slot as it is written: a plugin's name, or a map with it. Whatever else the map holds is the plugin's.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
struct Slot(#[expect(dead_code, reason = "kept for the schema; the tree has the settings with positions")] Value);

impl JsonSchema for Slot {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Slot".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "object"],
            "format": "ao-plugin",
            "properties": {
                "plugin": { "type": "string", "format": "ao-plugin", "description": "The plugin's name." },
                "enabled": {
                    "type": "boolean",
                    "description": "`false` leaves the slot empty, also where a default would fill it. `true` unless set.",
                },
            },
            "additionalProperties": true,
        })
    }
}

/// A program to run in a new workspace: `[npm, ci]`, `{ run: [npm, ci], timeout: 5m }` or `{ sh: "make deps" }`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum PostCreate {
    /// Only the arguments.
    Bare(Vec<String>),
    /// A program with its arguments.
    Run { run: Vec<String>, timeout: Option<HumanDuration> },
    /// A line for `sh -c`.
    Shell { sh: String, timeout: Option<HumanDuration> },
}

impl JsonSchema for PostCreate {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PostCreate".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        command_schema(generator, "[npm, ci]", &json!({}))
    }
}

/// The schema of something to run: a list, or a map with `run` or `sh`, a time limit, and what else such a map may say.
/// `example` is a list as a message shows it.
pub(super) fn command_schema(generator: &mut SchemaGenerator, example: &str, others: &Value) -> Schema {
    let duration = generator.subschema_for::<Duration>();
    let argument = json!({ "type": "string" });
    let mut properties = json!({
        "run": {
            "type": "array", "items": argument, "minItems": 1,
            "description": "A program with its arguments. No shell reads them.",
        },
        "sh": { "type": "string", "minLength": 1, "description": "A line for `sh -c`." },
        "timeout": duration,
    });
    if let (Some(properties), Some(others)) = (properties.as_object_mut(), others.as_object()) {
        properties.extend(others.clone());
    }
    json_schema!({
        "type": ["array", "object"],
        "items": argument,
        "minItems": 1,
        "properties": properties,
        "additionalProperties": false,
        "oneOf": [
            { "type": "array" },
            { "type": "object", "required": ["run"] },
            { "type": "object", "required": ["sh"] },
        ],
        "errorMessage": format!("write a list such as `{example}`, or a map with either `run` or `sh`"),
    })
}

/// The schema of a [`HumanDuration`].
pub(crate) struct Duration;

impl JsonSchema for Duration {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "ao-duration",
            "pattern": "^[0-9]+(ms|s|m|h|d)$",
            "description": "A whole number and a unit, such as `90s`, `15m`, `2h` or `1d`.",
        })
    }
}

/// The schema of a [`ByteSize`](super::scalars::ByteSize).
pub(super) struct Size;

impl JsonSchema for Size {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "ao-size",
            "pattern": "^[0-9]+([KMGT]i?)?B$",
            "description": "A whole number and a unit, such as `500MB` or `10GiB`.",
        })
    }
}

/// The schema of a [`RelativePath`].
pub(super) struct RelativeText;

impl JsonSchema for RelativeText {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RelativePath".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "ao-relative-path" })
    }
}

fn version(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "const": 1 })
}
