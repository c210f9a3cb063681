//! The details of the events that are written by this version.

use schemars::JsonSchema;

use crate::error::Error;
use crate::lifecycle::StatusName;
use crate::model::condition::ConditionState;
use crate::model::facts::ExitFacts;
use crate::model::{DeliveryLevel, PluginName, ProcessId, ProjectName, SessionId, Timestamp};
use crate::record::record;
use crate::slots::Slot;
use crate::slots::agent::ActivityState;
use crate::slots::runtime::Liveness;

record! {
    /// A session was asked for.
    #[derive(Eq, JsonSchema)]
    pub struct SessionRequested {
        required {
            /// Its project.
            project: ProjectName,
            /// Its agent's name in the configuration.
            agent: PluginName,
        }
        optional {
            /// The tracker's id of the issue that it is to work on.
            issue: Option<String>,
        }
    }

    /// An agent was launched.
    #[derive(Eq, JsonSchema)]
    pub struct SessionSpawned {
        required {
            /// The runtime plugin.
            runtime: PluginName,
        }
        optional {
            /// The agent's name in the configuration.
            agent: Option<PluginName>,
            /// Its worktree.
            worktree: Option<String>,
            /// Whether the one who launched it was gone before that could be written down.
            recovered: bool,
        }
    }

    /// A spawn failed.
    #[derive(Eq, JsonSchema)]
    pub struct SessionErrored {
        required {
            /// The step that failed.
            step: String,
            /// Why.
            error: Error,
        }
    }

    /// A status is another one.
    #[derive(Eq, JsonSchema)]
    pub struct StatusChanged {
        required {
            /// What it is now.
            to: StatusName,
            /// Why, in a few words.
            reason: String,
            /// The fact that decided, such as `exit` or `activity`.
            fact: String,
        }
        optional {
            /// What it was; absent for the first one.
            from: Option<StatusName>,
        }
    }

    /// A session was ended.
    #[derive(Eq, JsonSchema)]
    pub struct SessionKilled {
        required {
            /// By whom, and why.
            reason: String,
        }
    }

    /// What a probe says changed.
    #[derive(Eq, JsonSchema)]
    pub struct RuntimeProbeChanged {
        optional {
            /// What it says now; absent where nothing is known any more.
            liveness: Option<Liveness>,
        }
    }

    /// An agent ended.
    #[derive(Eq, JsonSchema)]
    pub struct RuntimeExited {
        required {
            /// How, and when.
            exit: ExitFacts,
        }
    }

    /// What an agent does changed.
    #[derive(Eq, JsonSchema)]
    pub struct AgentActivityChanged {
        optional {
            /// What it does now; absent where nothing is known any more.
            state: Option<ActivityState>,
        }
    }

    /// A question of an agent's was answered.
    #[derive(Eq, JsonSchema)]
    pub struct AgentAnswered {
        required {
            /// The question's id.
            ask: String,
            /// What it was answered with, such as `allow_once`, or the number of a choice.
            answer: String,
        }
        optional {
            /// What was asked, in one line.
            text: String,
            /// What the agent calls the answer.
            label: String,
        }
    }

    /// A message was stored.
    #[derive(Eq, JsonSchema)]
    pub struct MessageQueued {
        required {
            /// Its id.
            message: String,
            /// Its length.
            bytes: u64,
        }
    }

    /// A message got further, or to its end.
    #[derive(Eq, JsonSchema)]
    pub struct MessageMoved {
        required {
            /// Its id.
            message: String,
            /// How far it got.
            level: DeliveryLevel,
        }
    }

    /// A host began.
    #[derive(Eq, JsonSchema)]
    pub struct HostStarted {
        required {
            /// The number of its term: the hosts of a state directory count up.
            epoch: u64,
            /// Its process.
            process: ProcessId,
        }
        optional {
            /// Its version.
            version: Option<String>,
        }
    }

    /// A host stopped.
    #[derive(Eq, JsonSchema)]
    pub struct HostStopped {
        required {
            /// The number of its term.
            epoch: u64,
        }
        optional {
            /// Why, such as the signal that it got.
            reason: Option<String>,
        }
    }

    /// A host found itself replaced.
    #[derive(Eq, JsonSchema)]
    pub struct HostFenced {
        required {
            /// The number of its term.
            epoch: u64,
            /// The number of the term that it found.
            found: u64,
        }
    }

    /// Too many agents looked dead at once.
    #[derive(Eq, JsonSchema)]
    pub struct MassDeathHold {
        required {
            /// The sessions that looked dead.
            sessions: Vec<SessionId>,
        }
        optional {
            /// How many lived before, these included.
            live: u32,
        }
    }

    /// A changed configuration is used.
    #[derive(Eq, JsonSchema)]
    pub struct ConfigReloaded {
        required {
            /// The file.
            file: String,
        }
    }

    /// A changed configuration is not used.
    #[derive(Eq, JsonSchema)]
    pub struct ConfigRejected {
        required {
            /// The file.
            file: String,
            /// What is wrong with it, without secrets.
            problem: String,
        }
    }

    /// Whether a plugin is called changed.
    #[derive(Eq, JsonSchema)]
    pub struct PluginConditionChanged {
        required {
            /// The slot.
            slot: Slot,
            /// The plugin's name.
            name: PluginName,
            /// The SHA-256 of the instance's configuration as it was written.
            config: String,
            /// Whether calls pass now.
            state: ConditionState,
        }
        optional {
            /// Whether they passed before.
            from: Option<ConditionState>,
            /// What went wrong last.
            why: String,
            /// When the next call is let through.
            retry_at: Option<Timestamp>,
        }
    }
}
