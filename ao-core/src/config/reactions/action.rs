//! What a rule does: as it is written, and as it is meant.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::json;

use crate::config::model::{Duration, Size};
use crate::config::scalars::{ByteSize, HumanDuration};
use crate::model::{PluginName, ReactionKey};
use crate::record::record;
use crate::slots::agent::Role;

/// How long a program may take when nothing is said.
const RUN_TIMEOUT: HumanDuration = HumanDuration::minutes(10);

/// What is done about a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// The agent is told.
    SendToAgent,
    /// A human is told.
    Notify,
    /// The pull request is merged.
    AutoMerge,
    /// Another session is started.
    Spawn(SpawnAction),
    /// A program is run.
    Run(RunAction),
}

record! {
    /// Another session.
    #[derive(Eq)]
    pub struct SpawnAction {
        required {
            /// What it is for: a reviewer looks at the pull request's branch, a worker follows up on it.
            role: Role,
        }
        optional {
            /// Its agent; the project's own where none is named.
            agent: Option<PluginName>,
        }
    }

    /// A program.
    #[derive(Eq)]
    pub struct RunAction {
        required {
            /// The program and its arguments. No shell reads them.
            argv: Vec<String>,
            /// How long it may take.
            timeout: HumanDuration,
        }
        optional {
            /// The most that is kept of what it prints; 1 MiB unless set.
            max_output: Option<ByteSize>,
        }
    }
}

impl Action {
    /// The words for actions, in the configuration.
    const WORDS: [&'static str; 4] = ["send-to-agent", "notify", "auto-merge", "spawn"];

    /// The word for it, as in the configuration.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::SendToAgent => "send-to-agent",
            Self::Notify => "notify",
            Self::AutoMerge => "auto-merge",
            Self::Spawn(_) => "spawn",
            Self::Run(_) => "run",
        }
    }

    /// Why it makes no sense as an answer to a condition, if it does not.
    pub(super) fn nonsense(&self, key: ReactionKey) -> Option<&'static str> {
        match (self, key) {
            (Self::AutoMerge, ReactionKey::ApprovedAndGreen) => None,
            (Self::AutoMerge, _) => Some("only `approved-and-green` can merge"),
            (Self::SendToAgent, ReactionKey::AgentExited) => Some("an agent that is gone reads nothing"),
            (Self::SendToAgent, ReactionKey::AllComplete) => Some("every agent of the project has ended"),
            (Self::SendToAgent, ReactionKey::AgentNeedsInput | ReactionKey::ReportNeedsInput) => {
                Some("a message would answer the agent's question in place of a human")
            }
            (Self::Spawn(_), ReactionKey::AllComplete) => Some("there is no session that it would follow"),
            _ => None,
        }
    }
}

/// An action as it is written: a word, `{ spawn: {…} }` or `{ run: [program, argument] }`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub(crate) enum WrittenAction {
    /// Only its word.
    Word(ActionWord),
    /// Another session.
    Spawn { spawn: WrittenSpawn },
    /// A program.
    Run {
        run: Vec<String>,
        timeout: Option<HumanDuration>,
        #[serde(rename = "maxOutput")]
        max_output: Option<ByteSize>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ActionWord {
    SendToAgent,
    Notify,
    AutoMerge,
    Spawn,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub(crate) struct WrittenSpawn {
    role: Option<Role>,
    agent: Option<PluginName>,
}

/// Whether a text is an action.
pub(crate) fn check_action(text: &str) -> Result<(), String> {
    if Action::WORDS.contains(&text) {
        return Ok(());
    }
    if text == "run" {
        return Err("names no program; write `{ run: [program, argument] }`".to_owned());
    }
    let words: Vec<_> = Action::WORDS.iter().map(|word| format!("`{word}`")).collect();
    Err(format!("must be one of {}, or a map with `spawn` or `run`", words.join(", ")))
}

impl WrittenAction {
    pub(super) fn resolve(&self) -> Action {
        let spawn = |written: &WrittenSpawn| {
            let mut spawn = SpawnAction::new(written.role.unwrap_or(Role::Reviewer));
            spawn.agent.clone_from(&written.agent);
            Action::Spawn(spawn)
        };
        match self {
            Self::Word(ActionWord::SendToAgent) => Action::SendToAgent,
            Self::Word(ActionWord::Notify) => Action::Notify,
            Self::Word(ActionWord::AutoMerge) => Action::AutoMerge,
            Self::Word(ActionWord::Spawn) => spawn(&WrittenSpawn::default()),
            Self::Spawn { spawn: written } => spawn(written),
            Self::Run { run, timeout, max_output } => {
                let mut program = RunAction::new(run.clone(), timeout.unwrap_or(RUN_TIMEOUT));
                program.max_output = *max_output;
                Action::Run(program)
            }
        }
    }
}

impl JsonSchema for WrittenAction {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Action".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (duration, size) = (generator.subschema_for::<Duration>(), generator.subschema_for::<Size>());
        json_schema!({
            "type": ["string", "object"],
            "format": "ao-action",
            "properties": {
                "run": {
                    "type": "array", "items": json!({ "type": "string" }), "minItems": 1,
                    "description": "A program with its arguments. No shell reads them.",
                },
                "timeout": duration,
                "maxOutput": size,
                "spawn": {
                    "type": "object",
                    "properties": {
                        "role": {
                            "type": "string", "enum": ["reviewer", "worker"],
                            "description": "What the session is for. `reviewer` unless set.",
                        },
                        "agent": {
                            "type": "string", "format": "ao-plugin",
                            "description": "A name under `agents`, or a plugin. The project's agent unless set.",
                        },
                    },
                    "additionalProperties": false,
                },
            },
            "additionalProperties": false,
            "oneOf": [
                { "type": "string" },
                { "type": "object", "required": ["run"], "not": { "required": ["spawn"] } },
                { "type": "object", "required": ["spawn"], "maxProperties": 1 },
            ],
            "errorMessage": "write a word such as `notify`, or a map with either `run` or `spawn`",
        })
    }
}
