//! Codex's own hooks: how they are added to the user's, and what they say.
//!
//! `notify` is not used: an override would replace the user's program. Hooks of all layers of the configuration run side by
//! side. Codex asks before it runs a hook that is new to it, unless the configuration holds the hash of what was reviewed;
//! ours come with theirs.

use std::fmt::Write as _;

use ao_plugin_sdk::agent::launch::hook_line;
use ao_plugin_sdk::prelude::*;
use sha2::{Digest, Sha256};
use toml::{Table, Value as Toml};

use crate::cursor::{Cursor, Heard, Said};
use crate::overrides::{entry, set};
use crate::rollout;

/// The hooks that are asked for: Codex's name, and the one in a hook's key. Tools' are not: an agent calls many.
const EVENTS: [(&str, &str); 5] = [
    ("SessionStart", "session_start"),
    ("UserPromptSubmit", "user_prompt_submit"),
    ("PermissionRequest", "permission_request"),
    ("Stop", "stop"),
    ("Interrupt", "interrupt"),
];

/// How long Codex waits for one, in seconds. More than 3 it does not grant to all of them.
const TIMEOUT: u8 = 3;

/// The longest text of a hook's that is kept for people, in characters.
const SHOWN: usize = 400;

/// The overrides that add our hooks to the user's.
pub(crate) fn overrides(hook: &[String]) -> Vec<String> {
    if hook.is_empty() {
        return Vec::new();
    }
    let mut states = Table::new();
    let mut arguments = Vec::new();
    for (event, label) in EVENTS {
        let command = hook_line(hook, event);
        states.extend(entry(&format!("/<session-flags>/config.toml:{label}:0:0"), state(label, &command)));
        let mut handler = entry("type", "command");
        handler.extend(entry("command", command));
        handler.extend(entry("timeout", i64::from(TIMEOUT)));
        let group = entry("hooks", vec![Toml::from(handler)]);
        arguments.extend(set(&format!("hooks.{event}"), vec![Toml::from(group)]));
    }
    arguments.extend(set("hooks.state", states));
    arguments
}

fn state(label: &str, command: &str) -> Table {
    entry("trusted_hash", trusted_hash(label, command))
}

/// What Codex compares with a hook that it finds: the SHA-256 of its normalised definition as JSON, with sorted keys.
fn trusted_hash(label: &str, command: &str) -> String {
    /// The fields in alphabetical order.
    #[derive(Serialize)]
    struct Identity<'a> {
        event_name: &'a str,
        hooks: [Handler<'a>; 1],
    }
    #[derive(Serialize)]
    struct Handler<'a> {
        r#async: bool,
        command: &'a str,
        timeout: u8,
        r#type: &'static str,
    }
    let hooks = [Handler { r#async: false, command, timeout: TIMEOUT, r#type: "command" }];
    let text = serde_json::to_vec(&Identity { event_name: label, hooks }).unwrap_or_default();
    Sha256::digest(text).iter().fold("sha256:".to_owned(), |mut hash, byte| {
        let _ = write!(hash, "{byte:02x}");
        hash
    })
}

/// What a hook says, as far as it matters here.
#[derive(Debug, Deserialize)]
struct Payload {
    session_id: String,
    transcript_path: Option<Utf8PathBuf>,
    tool_name: Option<String>,
    tool_input: Option<Value>,
}

/// Reads what a hook said. The looks that follow have the last word.
pub(crate) fn interpret(event: &HookEvent) -> Option<AgentObservation> {
    let payload = Payload::deserialize(&event.payload).ok()?;
    let mut cursor = Cursor::read(event.cursor.as_ref());
    let is_ours = cursor.thread.as_ref().is_none_or(|thread| *thread == payload.session_id);
    let said = match event.hook.as_str() {
        // A thread without a record is one of Codex's own, such as the one that finds a title.
        "SessionStart" if payload.transcript_path.is_some() => Said::Began,
        "UserPromptSubmit" if is_ours => Said::Prompted,
        // Also of a subordinate thread: the question covers the same screen.
        "PermissionRequest" => Said::Asked { text: question(&payload) },
        "Stop" | "Interrupt" if is_ours => Said::Stopped,
        _ => return None,
    };
    if said == Said::Began || cursor.thread.is_none() {
        let record = payload.transcript_path.filter(|path| rollout::belongs(path, &payload.session_id));
        cursor.follow(payload.session_id, record);
    }
    let mut observation = AgentObservation::new(event.session.clone());
    observation.agent_session.clone_from(&cursor.thread);
    if let Some(at) = event.at {
        let state = match &said {
            Said::Began | Said::Prompted => ActivityState::Active,
            Said::Asked { .. } => ActivityState::WaitingInput,
            Said::Stopped => ActivityState::Ready,
        };
        observation.activity = Some(Activity::new(state, "hook", Strength::Strong, at));
        if let Said::Asked { text } = &said {
            observation.ask = Some(ask(text, at));
        }
        cursor.heard = Some(Heard { at, said });
    }
    observation.cursor = cursor.write();
    Some(observation)
}

/// A question of which only a hook has told yet: how it can be answered, its dialog will show. The dialog has the same name
/// then, so that nobody is told twice.
pub(crate) fn ask(text: &str, at: Timestamp) -> Ask {
    Ask::new(crate::screen::fingerprint(&format!("{at} {text}")), text)
}

fn question(payload: &Payload) -> String {
    let tool = payload.tool_name.as_deref().unwrap_or("a tool");
    let part = |name: &str| payload.tool_input.as_ref().and_then(|input| input.get(name)).and_then(Value::as_str);
    let text = match (part("command"), part("description")) {
        (Some(command), Some(why)) => format!("{tool} ({why}): {command}"),
        (Some(command), None) => format!("{tool}: {command}"),
        (None, _) => format!("Codex asks for leave to use {tool}"),
    };
    text.chars().take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The hash that Codex 0.169.0 itself lists for such a hook (`hooks/list` of its app server).
    #[test]
    fn the_hash_is_the_one_that_codex_computes() {
        let command = "'/opt/a tool/ao' __hook PermissionRequest";
        assert_eq!(
            trusted_hash("permission_request", command),
            "sha256:de38721ee30fd0d966ca163a6acd46eac35a0a62c51f748c6ac8f592ccd18d92"
        );
    }
}
