//! What is known of a session: durable facts, never conclusions. The status is derived from them
//! (`lifecycle::status`) and stored nowhere.
//!
//! What is looked at again and again keeps the last thing that was seen, with its time. A look that told nothing is
//! written down beside it ([`Unseen`]) and never in its place.

mod agent;
mod pull;
mod runtime;
mod trash;
mod workspace;

use camino::Utf8PathBuf;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{DeliveryLevel, PluginName, ProcessId, ProjectName, SessionId, Timestamp};
use crate::record::record;
use crate::slots::agent::Role;

pub use agent::{
    AgentFacts, ExitMeaning, IdleClock, InvalidReportState, PlannedLaunch, ReportFacts, ReportState, Reporter,
};
pub use pull::{PullDetection, PullFacts};
pub use runtime::{Doubt, ExitFacts, Probe, RuntimeFacts};
pub use trash::{TrashItem, TrashState};
pub use workspace::{WorkspaceFacts, WorkspaceLook};

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
            /// The session whose agent asked for it; none where a human did.
            parent: Option<SessionId>,
            /// What it was spawned for, where that is to happen once: the key of the effect.
            spawned_for: Option<String>,
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
            /// The SHA-256 of the token that its agent was given at its last launch, in hexadecimal.
            token_sha256: Option<String>,
            /// What stands at its identity ref in the repository; written down before it is put there.
            identity: Option<String>,
            /// Its workspace.
            workspace: Option<WorkspaceFacts>,
            /// Its agent.
            agent: Option<AgentFacts>,
            /// Its runtime.
            runtime: Option<RuntimeFacts>,
            /// What its agent says of itself.
            report: Option<ReportFacts>,
            /// Files of its spool that have been read and may still be there.
            spooled: Vec<String>,
            /// Its pull request.
            pull: Option<PullFacts>,
            /// Whether a pull request that is found on its branch becomes its own.
            pull_detection: PullDetection,
            /// After how long without progress its agent is stuck, as configured, in milliseconds.
            stuck_after_ms: Option<u64>,
            /// What was moved out of its way, oldest first.
            trash: Vec<TrashItem>,
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
        optional {
            /// Until when, where that is known.
            until: Option<Timestamp>,
            /// Since when a human has paused it besides: that stays once the reason is gone.
            paused_at: Option<Timestamp>,
        }
    }

    /// A look that told nothing.
    #[derive(Eq, JsonSchema)]
    pub struct Unseen {
        required {
            /// Why.
            why: String,
            /// Since when looks tell nothing.
            since: Timestamp,
            /// When the last of them was.
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
            /// The SHA-256, in hexadecimal, of what the agent is sent: of the text, or of the message that its plugin made of it.
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

impl Hold {
    /// What is left of it once its reason is gone: a pause.
    #[must_use]
    pub fn without_its_reason(self) -> Option<Self> {
        self.paused_at.map(|at| Self::new(HoldReason::Paused, at))
    }
}

impl Unseen {
    /// One more look that told nothing.
    #[must_use]
    pub fn again(before: Option<&Self>, why: impl Into<String>, now: Timestamp) -> Self {
        Self::new(why, before.map_or(now, |before| before.since), now)
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
    /// Its workspace is being moved into the trash.
    Cleanup,
    /// It is being brought back to life.
    Restore,
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
    /// It has used what it may use.
    Budget,
    /// Its agent waits for its provider's limit to pass.
    RateLimit,
    /// It was found again after the state was lost, and nothing is verified yet.
    Rebuild,
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
