//! What is known of a session: durable facts, never conclusions. The status is derived from them
//! (`lifecycle::status`) and stored nowhere.

use camino::Utf8PathBuf;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{BranchName, DeliveryLevel, ExitStatus, PluginName, ProcessId, ProjectName, SessionId, Timestamp};
use crate::record::record;
use crate::slots::agent::{Activity, Ask, Role};
use crate::slots::runtime::{Liveness, RuntimeHandle};

record! {
    /// One session.
    #[derive(JsonSchema)]
    pub struct Session {
        required {
            /// Its id; never used again for another.
            id: SessionId,
            /// The project's key in the configuration.
            project: ProjectName,
            /// The project's directory.
            #[schemars(with = "String")]
            project_path: Utf8PathBuf,
            /// When it was asked for.
            created_at: Timestamp,
        }
        optional {
            /// Counts the changes of the row; a change is made only on the version that was read.
            row_version: u64,
            /// The configuration file that it was spawned with.
            #[schemars(with = "Option<String>")]
            config_file: Option<Utf8PathBuf>,
            /// What it is for.
            role: Role,
            /// What is being done to it, by whom.
            op: Option<Operation>,
            /// Why nothing is decided about it for now.
            hold: Option<Hold>,
            /// The tracker's id of the issue that it works on.
            issue: Option<String>,
            /// What that issue was called when the session was spawned.
            issue_facts: Option<IssueFacts>,
            /// What it was told to do.
            prompt: Option<PromptFacts>,
            /// The plugins that were chosen for it.
            plugins: Option<ChosenPlugins>,
            /// What stands at its identity ref in the repository; written down before it is put there.
            identity: Option<String>,
            /// Its workspace.
            workspace: Option<WorkspaceFacts>,
            /// Its agent.
            agent: Option<AgentFacts>,
            /// Its runtime.
            runtime: Option<RuntimeFacts>,
            /// Why its spawn was undone.
            failure: Option<Failure>,
            /// How it ended.
            end: Option<End>,
        }
    }

    /// A change in progress: a session's lock and the place to go on from after a crash.
    #[derive(Eq, JsonSchema)]
    pub struct Operation {
        required {
            /// What is being done.
            kind: OperationKind,
            /// The step that was begun last.
            step: String,
            /// The process that does it.
            owner: ProcessId,
            /// When it began.
            since: Timestamp,
        }
    }

    /// Why nothing is decided about a session.
    #[derive(Eq, JsonSchema)]
    pub struct Hold {
        required {
            /// In one word.
            reason: HoldReason,
            /// Since when.
            at: Timestamp,
        }
    }

    /// The issue that a session works on, as its tracker told it. One line each, without control characters.
    #[derive(Eq, JsonSchema)]
    pub struct IssueFacts {
        required {
            /// The tracker plugin.
            tracker: PluginName,
            /// Its short name for lists, such as `#12`.
            label: String,
            /// Its title.
            title: String,
        }
        optional {
            /// Where a human reads it.
            url: Option<String>,
        }
    }

    /// What a session was told to do.
    #[derive(Eq, JsonSchema)]
    pub struct PromptFacts {
        required {
            /// The file with the text.
            #[schemars(with = "String")]
            file: Utf8PathBuf,
            /// Its SHA-256, in hexadecimal.
            sha256: String,
            /// How far it got to the agent.
            delivery: DeliveryLevel,
        }
    }

    /// The plugins that were chosen for a session, before any of them did anything.
    #[derive(Eq, JsonSchema)]
    pub struct ChosenPlugins {
        required {
            /// The runtime plugin.
            runtime: PluginName,
            /// The workspace plugin.
            workspace: PluginName,
        }
    }

    /// A session's workspace.
    #[derive(Eq, JsonSchema)]
    pub struct WorkspaceFacts {
        required {
            /// The workspace plugin.
            plugin: PluginName,
            /// Its directory.
            #[schemars(with = "String")]
            path: Utf8PathBuf,
            /// The session's branch.
            branch: BranchName,
        }
        optional {
            /// Whether the spawn made the branch.
            branch_created: bool,
            /// What it was started from, as configured, such as `main`.
            base_ref: String,
            /// The commit that this was. Known once the copy is made.
            base: Option<String>,
            /// What the copy links to instead of having its own.
            #[schemars(with = "Vec<String>")]
            symlinks: Vec<Utf8PathBuf>,
        }
    }

    /// A session's agent.
    #[derive(JsonSchema)]
    pub struct AgentFacts {
        required {
            /// The agent plugin.
            plugin: PluginName,
            /// The instance's name in the configuration, or the plugin's.
            name: PluginName,
        }
        optional {
            /// What an exit with code 0 means.
            exit_meaning: ExitMeaning,
            /// What it was last seen doing.
            activity: Option<Activity>,
            /// When that was seen.
            observed_at: Option<Timestamp>,
            /// What it waits for.
            ask: Option<Ask>,
            /// The agent's own id for the conversation.
            agent_session: Option<String>,
            /// For the agent plugin's next look.
            cursor: Option<Value>,
        }
    }

    /// A session's runtime.
    #[derive(JsonSchema)]
    pub struct RuntimeFacts {
        required {
            /// The session's own directory, with its records and logs.
            #[schemars(with = "String")]
            directory: Utf8PathBuf,
            /// How the runtime plugin finds it.
            handle: RuntimeHandle,
            /// When the agent was last launched.
            launched_at: Timestamp,
        }
        optional {
            /// Counts launches and restores, from 1.
            launch: u32,
            /// The holder's process.
            holder: Option<ProcessId>,
            /// The agent's process.
            child: Option<ProcessId>,
            /// How the agent ended, as the holder wrote it down.
            exit: Option<ExitFacts>,
            /// What the process table says of holder and agent.
            process: Option<Probe>,
            /// What the runtime plugin says.
            plugin: Option<Probe>,
            /// Since when the two leave it open whether the agent lives.
            doubt: Option<Doubt>,
        }
    }

    /// How an agent ended.
    #[derive(Eq, JsonSchema)]
    pub struct ExitFacts {
        required {
            /// How.
            status: ExitStatus,
            /// When.
            at: Timestamp,
        }
    }

    /// One look at whether an agent lives.
    #[derive(Eq, JsonSchema)]
    pub struct Probe {
        required {
            /// What was seen.
            liveness: Liveness,
            /// When.
            at: Timestamp,
        }
    }

    /// An open question whether an agent lives.
    #[derive(Eq, JsonSchema)]
    pub struct Doubt {
        required {
            /// Since when.
            since: Timestamp,
            /// How many looks left it open.
            probes: u32,
        }
    }

    /// Why a spawn was undone.
    #[derive(Eq, JsonSchema)]
    pub struct Failure {
        required {
            /// The step that failed.
            step: String,
            /// What went wrong, and what to do.
            message: String,
            /// When.
            at: Timestamp,
        }
        optional {
            /// What the step printed, its end.
            output: String,
            /// What could not be taken back, and where it is.
            kept: Option<String>,
        }
    }

    /// How a session ended.
    #[derive(Eq, JsonSchema)]
    pub struct End {
        required {
            /// In one word.
            kind: EndKind,
            /// When.
            at: Timestamp,
        }
        optional {
            /// By whom, and why.
            reason: String,
        }
    }
}

impl IssueFacts {
    /// The name of the work in one line: label and title.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{} {}", self.label, self.title).trim().to_owned()
    }
}

/// What is being done to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OperationKind {
    /// It is being started.
    Spawn,
    /// A message is being delivered.
    Send,
    /// Its processes are being ended.
    Kill,
    /// One that this version does not know.
    #[serde(other)]
    Unknown,
}

/// Why nothing is decided about a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum HoldReason {
    /// A human paused it.
    Paused,
    /// It was found again after the state was lost, and nothing is verified yet.
    Rebuild,
    /// One that this version does not know.
    #[serde(other)]
    Unknown,
}

/// What an agent's exit with code 0 means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ExitMeaning {
    /// An agent that should have stayed is gone.
    #[default]
    Death,
    /// It did what it was told.
    Completion,
    /// One that this version does not know.
    #[serde(other)]
    Unknown,
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EndKind {
    /// A human or a rule ended it.
    Killed,
    /// Its pull request was merged.
    Merged,
    /// It did what it was told.
    Done,
    /// One that this version does not know.
    #[serde(other)]
    Unknown,
}
