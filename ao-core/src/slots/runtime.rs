//! Where an agent's process lives: a terminal multiplexer, a plain process, a remote machine.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::common::{Doctor, Finding, Owner, unsupported};
use super::define::slots;
use crate::model::process::{ExitStatus, ProcessId};
use crate::model::{DeliveryLevel, PluginName, SessionId, Timestamp};
use crate::plugin::BoxStream;
use crate::record::{objects, record};

slots! {
/// Where an agent's process lives.
///
/// Every runtime starts the agent through the holder (`ao __hold`), which writes down its identity and, when the agent
/// ends, its exit status; so a runtime never has to guess.
slot runtime: trait Runtime {
    /// Starts the agent. The effect is looked up with `list` by `key`.
    [call 30s once] create(request: CreateRuntime) -> Result<RuntimeHandle>;
    /// Ends the agent and everything that it started; ends well when there is nothing left to end.
    [call 30s idem] destroy(request: DestroyRuntime) -> Result<Destroyed>;
    /// Takes one step of a delivery and says how far it got. After a text: `drafting` where a screen has still to show
    /// it, `drafted` where there is nothing to see.
    [call 10s once] send(request: SendInput) -> Result<Delivery>;
    /// Looks at many sessions at once. One that cannot be looked at is `unknown`, never `dead`.
    [call 5s idem] observe(request: ObserveRuntimes) -> Result<Vec<RuntimeObservation>>;
    /// All sessions of an owner that exist in the world, whoever started them.
    [call 5s idem] list(request: ListRuntimes) -> Result<Vec<RuntimeHandle>>;
    /// What the agent has printed.
    [call 5s idem] output(request: ReadOutput) -> Result<Output>;
    /// How a human gets into the session.
    [call 5s idem] attach(request: Attach) -> Result<AttachPlan>;
    /// The session's terminal: data frames both ways; control frames are [`TerminalControl`]s.
    [open 10s once] terminal(request: OpenTerminal) -> Result<BoxStream> { unsupported("a terminal stream") }
    /// Wake-ups: something may have changed. A hint, never a fact.
    [open 10s idem] watch(request: WatchRuntimes) -> Result<BoxStream> { unsupported("wake-ups") }
    /// Whether what the runtime needs is there.
    [call 10s idem] doctor(request: Doctor) -> Result<Vec<Finding>> { Ok(Vec::new()) }
}
}

record! {
    /// Starts an agent.
    pub struct CreateRuntime {
        required {
            /// The session.
            session: SessionId,
            /// Names this effect.
            key: String,
            /// Which installation it belongs to.
            owner: Owner,
            /// The program that holds agents: `<holder> __hold <spec file>`.
            holder: Utf8PathBuf,
            /// The session's own directory for records and logs; exists, mode 0700.
            directory: Utf8PathBuf,
            /// Where the agent runs.
            cwd: Utf8PathBuf,
            /// The agent's program and arguments.
            argv: Vec<String>,
            /// The agent's whole environment.
            env: BTreeMap<String, String>,
        }
        optional {
            /// The terminal's size at first.
            size: Option<Size>,
        }
    }

    /// A terminal's size in character cells.
    #[derive(Eq, Copy)]
    pub struct Size {
        required {
            /// Width.
            columns: u16,
            /// Height.
            rows: u16,
        }
    }

    /// Names a session in its runtime. Stored by the host, opaque to it.
    #[derive(Eq, JsonSchema)]
    pub struct RuntimeHandle {
        required {
            /// The runtime plugin that made it.
            plugin: PluginName,
            /// The session.
            session: SessionId,
            /// The `key` that it was created with.
            key: String,
            /// What the plugin needs to find it again.
            data: Value,
        }
    }

    /// Ends an agent.
    pub struct DestroyRuntime {
        required {
            /// Which.
            handle: RuntimeHandle,
            /// How long it may take to end by itself, in milliseconds, before it is killed.
            grace_ms: u64,
        }
    }

    /// What is left after a destruction.
    #[derive(Eq)]
    pub struct Destroyed {
        optional {
            /// Processes that could not be ended. Empty when all is well.
            survivors: Vec<ProcessId>,
        }
    }

    /// One step of a delivery.
    pub struct SendInput {
        required {
            /// Names this effect.
            key: String,
            /// To which session.
            handle: RuntimeHandle,
            /// What to put in.
            input: Input,
        }
    }

    /// How far a step of a delivery got.
    #[derive(Eq)]
    pub struct Delivery {
        required {
            /// The level reached.
            level: DeliveryLevel,
        }
        optional {
            /// What there is to say about it.
            detail: Option<String>,
        }
    }

    /// Looks at sessions.
    pub struct ObserveRuntimes {
        required {
            /// Which.
            handles: Vec<RuntimeHandle>,
        }
        optional {
            /// How many lines of the screen to bring; 0 brings none.
            screen_lines: u32,
        }
    }

    /// What was seen of one session.
    #[derive(Eq)]
    pub struct RuntimeObservation {
        required {
            /// Which.
            session: SessionId,
            /// Whether its agent lives.
            liveness: Liveness,
        }
        optional {
            /// The agent's process.
            root: Option<ProcessId>,
            /// The last lines of its screen or output, without control sequences.
            screen: Option<String>,
            /// When it last printed something, as far as the runtime knows.
            last_output_at: Option<Timestamp>,
            /// Who is at its terminal now, such as `a tmux client is attached`; `None` where nobody is, or that cannot be
            /// told. The host types nothing meanwhile.
            attended: Option<String>,
        }
    }

    /// Asks for all sessions of an owner.
    pub struct ListRuntimes {
        required {
            /// Whose.
            owner: Owner,
        }
    }

    /// Asks for what an agent printed.
    pub struct ReadOutput {
        required {
            /// Which.
            handle: RuntimeHandle,
            /// At most this many bytes.
            max_bytes: u64,
        }
        optional {
            /// Continue after a former [`Output::cursor`]; without one, the newest output.
            cursor: Option<u64>,
        }
    }

    /// What an agent printed.
    #[derive(Eq)]
    pub struct Output {
        required {
            /// As text; bytes that are not UTF-8 are replaced.
            text: String,
            /// Where the next read continues.
            cursor: u64,
        }
        optional {
            /// Whether something older than `text` was left out.
            truncated: bool,
        }
    }

    /// Asks how a human gets into a session.
    pub struct Attach {
        required {
            /// Which.
            handle: RuntimeHandle,
        }
    }

    /// Opens a session's terminal.
    pub struct OpenTerminal {
        required {
            /// Which.
            handle: RuntimeHandle,
            /// The viewer's size.
            size: Size,
        }
    }

    /// Asks for wake-ups. Each comes as a control frame with a [`WakeNote`].
    pub struct WatchRuntimes {
        required {
            /// Whose sessions.
            owner: Owner,
        }
    }

    /// A wake-up: something may have changed about a session, such as `{"session": "app-1"}`. A hint, never a fact.
    #[derive(Eq)]
    pub struct WakeNote {
        required {
            /// Which.
            session: SessionId,
        }
    }
}

/// A control frame of a `terminal` stream. The viewer sends `resize` and `detach`, the runtime `exit`; what a reader does
/// not know it passes over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TerminalControl")]
#[serde(remote = "Self", tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum TerminalControl {
    /// The viewer's terminal has another size now: `{"kind": "resize", "columns": 80, "rows": 24}`.
    Resize {
        /// Width in cells.
        columns: u16,
        /// Height in cells.
        rows: u16,
    },
    /// The viewer goes; the agent stays.
    Detach,
    /// The agent has ended. The last frame of a stream.
    Exit {
        /// How, where that is known.
        #[serde(default)]
        status: Option<ExitStatus>,
    },
    /// One that this version does not know.
    #[serde(other)]
    Unknown,
}

/// What a step of a delivery puts in. The host alone sequences the steps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Input")]
#[serde(remote = "Self", tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Input {
    /// Text, as a paste, byte for byte; nothing is submitted.
    Text {
        /// The text.
        text: String,
    },
    /// The key that submits what was typed.
    Submit,
    /// Characters, each as a key of its own: for a dialog, which takes no paste.
    Keys {
        /// The characters; none of them a control character.
        text: String,
    },
    /// A key that is no character.
    Key {
        /// Which.
        key: Key,
    },
    /// A step that this version does not know; refused.
    #[serde(other)]
    Unknown,
}

/// A key that is no character.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Key {
    /// Escape.
    Escape,
    /// Enter, whatever the program does with it.
    Enter,
    /// The tabulator.
    Tab,
    /// The arrow up.
    Up,
    /// The arrow down.
    Down,
    /// One that this version does not know; refused.
    #[serde(other)]
    Unknown,
}

/// Whether an agent lives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Liveness")]
#[serde(remote = "Self", tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Liveness {
    /// It runs.
    Alive,
    /// It ended, or is gone.
    Dead {
        /// How it ended, where that was written down.
        #[serde(default)]
        exit: Option<ExitStatus>,
    },
    /// It could not be looked at.
    Unknown {
        /// Why.
        why: String,
    },
    /// A kind of answer that this version does not know: as good as none.
    #[serde(other)]
    Unrecognised,
}

impl Liveness {
    /// Why it is not clear whether the agent lives; empty where it is.
    #[must_use]
    pub fn doubt(&self) -> &str {
        match self {
            Self::Unknown { why } => why,
            Self::Unrecognised => "the answer is of a newer version",
            Self::Alive | Self::Dead { .. } => "",
        }
    }
}

/// How a human gets into a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AttachPlan")]
#[serde(remote = "Self", tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum AttachPlan {
    /// By running a program in the human's terminal.
    Exec {
        /// The program and its arguments.
        argv: Vec<String>,
    },
    /// By the runtime's `terminal` stream.
    Stream,
    /// Not at all.
    None {
        /// Why, and what to do instead.
        why: String,
    },
    /// One that this version does not know.
    #[serde(other)]
    Unknown,
}

objects!(Input, Liveness, AttachPlan, TerminalControl);
