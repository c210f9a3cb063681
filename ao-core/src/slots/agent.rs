//! Which program the agent is: how it is launched, what it is doing, how it takes a message.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::common::{Doctor, Finding, Proof, unsupported};
use super::define::slots;
use super::runtime::{Input, Liveness};
use crate::model::facts::ExitMeaning;
use crate::model::{DeliveryLevel, SessionId, Timestamp};
use crate::plugin::BoxStream;
use crate::record::{objects, record};

slots! {
/// Which program the agent is.
///
/// An agent plugin starts nothing itself: it plans a launch for a runtime, and reads what the runtime saw.
slot agent: trait Agent {
    /// Whether the program is there and usable.
    [call 10s idem] detect(request: DetectAgent) -> Result<AgentAvailability>;
    /// How to launch it for a session.
    [call 10s idem] plan(request: PlanLaunch) -> Result<LaunchPlan>;
    /// What many sessions' agents are doing.
    [call 5s idem] observe(request: ObserveAgents) -> Result<Vec<AgentObservation>>;
    /// Reads a hook's payload, which the agent pushed. Looks follow, and have the last word: what they are to know of it is
    /// handed to them by the `cursor`.
    [call 10s idem] interpret(request: HookEvent) -> Result<Vec<AgentObservation>> { Ok(Vec::new()) }
    /// How a message reaches it.
    [call 10s once] deliver(request: DeliverMessage) -> Result<DeliverPlan> {
        Ok(DeliverPlan::Runtime { inputs: vec![Input::Text { text: request.text }, Input::Submit] })
    }
    /// Whether a message stands in the agent's own record. Where that is not there so far, the error is [`crate::Code::NOT_FOUND`].
    [call 5s idem] confirm(request: ConfirmDelivery) -> Result<Proof> { Ok(Proof::Unknown) }
    /// How a question of the agent's is answered.
    [call 10s once] answer(request: AnswerAsk) -> Result<DeliverPlan> { unsupported("answers to questions") }
    /// How its turn is interrupted: it stops what it does, and waits for what it is told. Where a plugin that does so itself found
    /// no turn, it says [`DeliveryLevel::Withdrawn`].
    [call 10s once] interrupt(request: InterruptAgent) -> Result<DeliverPlan> { unsupported("interruptions") }
    /// Wake-ups: something may have changed. A hint, never a fact.
    [open 10s idem] watch(request: WatchAgents) -> Result<BoxStream> { unsupported("wake-ups") }
    /// Whether what the agent needs is there.
    [call 10s idem] doctor(request: Doctor) -> Result<Vec<Finding>> { Ok(Vec::new()) }
}
}

record! {
    /// Asks whether the program is there.
    #[derive(Eq)]
    pub struct DetectAgent {
        optional {
            /// Where relative programs are looked for.
            cwd: Option<Utf8PathBuf>,
        }
    }

    /// Whether the program is usable.
    #[derive(Eq)]
    pub struct AgentAvailability {
        required {
            /// In one word.
            state: AvailabilityState,
            /// In a sentence, with what to do where it is not usable.
            message: String,
        }
        optional {
            /// The program's version.
            version: Option<String>,
        }
    }

    /// Plans a launch.
    pub struct PlanLaunch {
        required {
            /// For which session.
            session: SessionId,
            /// Its worktree.
            workspace: Utf8PathBuf,
            /// The session's own directory; the prompt file and the plan's files stand in it.
            directory: Utf8PathBuf,
        }
        optional {
            /// A new conversation or an old one.
            mode: LaunchMode,
            /// What the session is for.
            role: Role,
            /// What the agent may do without asking.
            permissions: PermissionMode,
            /// The model, in the agent's own words.
            model: Option<String>,
            /// What it is to do, with its standing instructions.
            prompt: Option<Prompt>,
            /// The same in two parts, for an agent that has a place of its own for standing instructions.
            parts: Option<PromptParts>,
            /// The command for the agent's own hooks: with the hook's name as one more argument and its payload as JSON on
            /// standard input, it leaves that for [`Agent::interpret`]. It ends with code 0 within 100 ms, and says nothing.
            hook: Vec<String>,
            /// What the session's processes will see, before [`LaunchPlan::env`].
            environment: BTreeMap<String, String>,
            /// The `ao` that launches it.
            program: Option<Utf8PathBuf>,
            /// The [`AgentObservation::cursor`] of the last look at the conversation that is gone on with.
            cursor: Option<Value>,
        }
    }

    /// A prompt in two parts.
    #[derive(Eq)]
    pub struct PromptParts {
        required {
            /// What holds for all that the agent does.
            instructions: Prompt,
        }
        optional {
            /// What it is to do first.
            task: Option<Prompt>,
        }
    }

    /// A prompt, in both forms that a launch may need.
    #[derive(Eq)]
    pub struct Prompt {
        required {
            /// The text.
            text: String,
            /// A file that holds the same text, byte for byte.
            file: Utf8PathBuf,
        }
    }

    /// How to launch an agent.
    pub struct LaunchPlan {
        required {
            /// The program and its arguments.
            argv: Vec<String>,
            /// How the prompt reaches it.
            prompt: PromptDelivery,
        }
        optional {
            /// Variables on top of the session's own.
            env: BTreeMap<String, String>,
            /// Variables of the session's environment that the agent must not see.
            env_remove: Vec<String>,
            /// Files to write before the launch.
            files: Vec<LaunchFile>,
            /// What an exit with code 0 will mean.
            exit_meaning: ExitMeaning,
            /// What is sent once the agent is ready, where that is not the whole prompt.
            message: Option<String>,
            /// The agent's own id for the conversation, where the launch determines it.
            agent_session: Option<String>,
            /// Handed to the first look.
            cursor: Option<Value>,
        }
    }

    /// A file that a launch needs.
    #[derive(Eq)]
    pub struct LaunchFile {
        required {
            /// Relative to the session's directory.
            path: Utf8PathBuf,
            /// What it holds.
            content: String,
        }
    }

    /// Looks at agents.
    pub struct ObserveAgents {
        required {
            /// Which.
            targets: Vec<AgentTarget>,
            /// The host's time.
            now: Timestamp,
        }
    }

    /// One agent to look at, with what its runtime saw.
    pub struct AgentTarget {
        required {
            /// The session.
            session: SessionId,
            /// Whether its process lives.
            liveness: Liveness,
            /// When it was launched.
            launched_at: Timestamp,
            /// Its worktree.
            workspace: Utf8PathBuf,
        }
        optional {
            /// The last lines of its screen or output.
            screen: Option<String>,
            /// When it last printed something.
            last_output_at: Option<Timestamp>,
            /// The agent's own id for the conversation.
            agent_session: Option<String>,
            /// The [`AgentObservation::cursor`] of the last look.
            cursor: Option<Value>,
            /// Its launch's own directory, as it was in [`PlanLaunch::directory`].
            directory: Option<Utf8PathBuf>,
            /// A message that the host has put in and now looks for in the composer: so a plugin can recognise what its
            /// agent shows in place of a long text.
            draft: Option<String>,
        }
    }

    /// What was seen of one agent.
    #[derive(Eq)]
    pub struct AgentObservation {
        required {
            /// The session.
            session: SessionId,
        }
        optional {
            /// What it is doing; `None` when that cannot be told.
            activity: Option<Activity>,
            /// What it waits for from a human.
            ask: Option<Ask>,
            /// What its composer holds.
            composer: Composer,
            /// The [`digest`](crate::model::draft::digest) of all that the composer holds, where that can be told. Without
            /// it, [`Composer::Draft`]'s text is compared.
            draft_digest: Option<String>,
            /// The agent's own id for the conversation.
            agent_session: Option<String>,
            /// What it is about, in one line.
            summary: Option<String>,
            /// Handed back at the next look.
            cursor: Option<Value>,
            /// Why nothing could be told.
            unknown: Option<String>,
            /// What this conversation has used in all, from its beginning on and over all launches, a model each; none where that
            /// cannot be told. The host adds up conversations, by their `agent_session`.
            usage: Option<Vec<ModelUsage>>,
            /// Its provider lets it wait.
            limit: Option<RateLimit>,
            /// The prompt that came with its launch ([`PromptDelivery::AtLaunch`]) stands in its record.
            prompt_taken: bool,
        }
    }

    /// What a conversation has used of one model, in tokens. No token is counted twice.
    #[derive(Eq, JsonSchema)]
    pub struct ModelUsage {
        required {
            /// The model, in the provider's words.
            model: String,
        }
        optional {
            /// Read, and neither written to nor read from a cache.
            input_tokens: u64,
            /// Written, with what was thought.
            output_tokens: u64,
            /// Read from a cache.
            cache_read_tokens: u64,
            /// Written to a cache.
            cache_write_tokens: u64,
            /// What it cost, in millionths of a US dollar, where the agent itself says so.
            cost_micros: Option<u64>,
        }
    }

    /// A provider that lets an agent wait.
    #[derive(Eq, JsonSchema)]
    pub struct RateLimit {
        required {
            /// What it says, in one line.
            text: String,
        }
        optional {
            /// Until when.
            until: Option<Timestamp>,
        }
    }

    /// What an agent is doing.
    #[derive(Eq, JsonSchema)]
    pub struct Activity {
        required {
            /// In one word.
            state: ActivityState,
            /// How that was found, such as `screen`, `exit status` or `hook`.
            source: String,
            /// How far it can be believed.
            strength: Strength,
            /// Since when.
            since: Timestamp,
        }
    }

    /// A question of an agent's.
    #[derive(Eq, JsonSchema)]
    pub struct Ask {
        required {
            /// Names the question.
            id: String,
            /// What is asked.
            text: String,
        }
        optional {
            /// What can be answered; none where a human has to look for themselves.
            options: Vec<AskOption>,
        }
    }

    /// One answer to a question.
    #[derive(Eq, JsonSchema)]
    pub struct AskOption {
        required {
            /// What it does, as [`AnswerAsk::answer`] names it: `allow_once`, `allow_always`, `reject_once`, `reject_always`;
            /// of a question that is no permission, its number from 1.
            answer: String,
            /// What the agent calls it.
            label: String,
        }
    }

    /// A payload that an agent's hook pushed.
    pub struct HookEvent {
        required {
            /// The session.
            session: SessionId,
            /// The hook's name.
            hook: String,
            /// What it said.
            payload: Value,
        }
        optional {
            /// When, by the clock of the host's machine.
            at: Option<Timestamp>,
            /// The [`AgentObservation::cursor`] of the last look or hook.
            cursor: Option<Value>,
            /// Its launch's own directory, as it was in [`PlanLaunch::directory`].
            directory: Option<Utf8PathBuf>,
        }
    }

    /// Asks how a message reaches the agent.
    #[derive(Eq)]
    pub struct DeliverMessage {
        required {
            /// Names this effect.
            key: String,
            /// To which session.
            session: SessionId,
            /// The message.
            text: String,
        }
        optional {
            /// The [`AgentObservation::cursor`] of the last look.
            cursor: Option<Value>,
            /// Its launch's own directory, as it was in [`PlanLaunch::directory`].
            directory: Option<Utf8PathBuf>,
        }
    }

    /// Asks whether a message stands in the agent's record.
    #[derive(Eq)]
    pub struct ConfirmDelivery {
        required {
            /// The `key` of the delivery.
            key: String,
            /// The session.
            session: SessionId,
            /// The message.
            text: String,
        }
        optional {
            /// Where the agent's record ended before the delivery.
            cursor: Option<Value>,
            /// Its launch's own directory, as it was in [`PlanLaunch::directory`].
            directory: Option<Utf8PathBuf>,
        }
    }

    /// Answers a question.
    #[derive(Eq)]
    pub struct AnswerAsk {
        required {
            /// Names this effect.
            key: String,
            /// The session.
            session: SessionId,
            /// The [`Ask::id`].
            ask: String,
            /// The answer, by kind, such as `allow_once`.
            answer: String,
        }
        optional {
            /// The [`AgentObservation::cursor`] of the last look.
            cursor: Option<Value>,
            /// Its launch's own directory, as it was in [`PlanLaunch::directory`].
            directory: Option<Utf8PathBuf>,
            /// The last lines of its screen.
            screen: Option<String>,
        }
    }

    /// Interrupts an agent's turn.
    #[derive(Eq)]
    pub struct InterruptAgent {
        required {
            /// Names this effect.
            key: String,
            /// The session.
            session: SessionId,
        }
        optional {
            /// The [`AgentObservation::cursor`] of the last look.
            cursor: Option<Value>,
            /// Its launch's own directory, as it was in [`PlanLaunch::directory`].
            directory: Option<Utf8PathBuf>,
            /// The last lines of its screen.
            screen: Option<String>,
        }
    }

    /// Asks for wake-ups.
    pub struct WatchAgents {
        required {
            /// Of which sessions.
            sessions: Vec<SessionId>,
        }
    }
}

/// Whether a program is usable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AvailabilityState {
    /// Ready for use.
    Usable,
    /// Not installed.
    Missing,
    /// Too old.
    TooOld,
    /// Not logged in.
    LoggedOut,
    /// It cannot be told.
    #[serde(other)]
    Unknown,
}

/// A new conversation or an old one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "LaunchMode")]
#[serde(remote = "Self", tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum LaunchMode {
    /// A new one.
    #[default]
    Fresh,
    /// The one with this id.
    Resume {
        /// The agent's own id for it.
        agent_session: String,
    },
    /// One that this version does not know.
    #[serde(other)]
    Unknown,
}

/// What a session is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Role {
    /// Works on one thing.
    #[default]
    Worker,
    /// Drives `ao` itself.
    Orchestrator,
    /// Reviews another session's work.
    Reviewer,
    /// One that this version does not know.
    #[serde(other)]
    Unknown,
}

/// What an agent may do without asking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum PermissionMode {
    /// What the agent's own settings say.
    #[default]
    Default,
    /// Everything.
    Permissionless,
    /// Edits, but not commands.
    AutoEdit,
    /// Nothing.
    Suggest,
    /// One that this version does not know.
    #[serde(other)]
    Unknown,
}

/// How the prompt reaches an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "PromptDelivery")]
#[serde(remote = "Self", tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum PromptDelivery {
    /// It stands in the arguments, or in a file that they name: nothing is left to do.
    AtLaunch,
    /// The host sends it as a message once the agent is ready.
    WhenReady,
    /// One that this version does not know.
    #[serde(other)]
    Unknown,
}

/// What an agent is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ActivityState {
    /// It works.
    Active,
    /// It waits for a message.
    Ready,
    /// It has waited for long.
    Idle,
    /// It waits for a human's decision.
    WaitingInput,
    /// It reports that it cannot go on.
    Blocked,
    /// It ended.
    Exited,
    /// A state that this version does not know.
    #[serde(other)]
    Unknown,
}

/// How far an observation can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Strength {
    /// From a screen, or from silence.
    Weak,
    /// From a protocol, a hook, a transcript or an exit status.
    Strong,
    /// One that this version does not know.
    #[serde(other)]
    Unknown,
}

/// What an agent's composer holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Composer")]
#[serde(remote = "Self", tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Composer {
    /// Nothing.
    Empty,
    /// A draft.
    Draft {
        /// What can be seen of it.
        text: String,
    },
    /// It is covered by a dialog.
    Dialog,
    /// It has none, or none that matters: the plugin hands messages, answers and interruptions over itself, and nothing is
    /// typed. So nobody at the terminal is in the way.
    None,
    /// It cannot be told.
    #[default]
    #[serde(other)]
    Unknown,
}

/// How a message reaches an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "DeliverPlan")]
#[serde(remote = "Self", tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum DeliverPlan {
    /// By these steps through the runtime, in this order.
    Runtime {
        /// The steps.
        inputs: Vec<Input>,
    },
    /// The plugin has delivered it itself.
    Done {
        /// How far it got.
        level: DeliveryLevel,
    },
    /// One that this version does not know.
    #[serde(other)]
    Unknown,
}

objects!(LaunchMode, PromptDelivery, Composer, DeliverPlan);
