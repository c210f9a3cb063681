//! A session's launch.

use std::collections::BTreeMap;

use ao_plugin_sdk::agent::launch::when_ready;
use ao_plugin_sdk::agent::settings::Settings;
use ao_plugin_sdk::core::model::MESSAGES_DIRECTORY;
use ao_plugin_sdk::core::model::process::session_directory;
use ao_plugin_sdk::prelude::*;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::cursor::Cursor;
use crate::files;
use crate::hooks;

/// The file with our settings, in the launch's directory.
const SETTINGS_FILE: &str = "claude-settings.json";

/// What a Claude Code that runs this `ao` left in its environment; another one would take itself for a part of it.
const OF_ANOTHER: [&str; 4] =
    ["CLAUDECODE", "CLAUDE_CODE_ENTRYPOINT", "CLAUDE_CODE_SSE_PORT", "CLAUDE_CODE_SESSION_ID"];

/// With one of these set, Claude Code skips permissions for root, too.
const SANDBOXES: [&str; 2] = ["IS_SANDBOX", "CLAUDE_CODE_BUBBLEWRAP"];

/// How many conversations with ids of the same launch may be left before it is given up.
const MOST_LEFT: u32 = 10_000;

/// Who the agent will run as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum User {
    /// The superuser, to whom Claude Code refuses some things.
    Root,
    /// Anybody else.
    Other,
}

impl User {
    pub(crate) fn of_this_process() -> Self {
        if rustix::process::geteuid().is_root() { Self::Root } else { Self::Other }
    }
}

/// Why root gets no agent without permissions, for whoever wants one.
pub(crate) const ROOT: &str = "Claude Code refuses `--dangerously-skip-permissions` to root, unless `IS_SANDBOX=1` says \
                               that the machine is a sandbox; ao never says so for you: run ao as another user, use \
                               other `permissions`, or, in a sandbox, set it in the agent's `env`";

/// Whether these variables say that the machine is a sandbox.
pub(crate) fn is_sandbox(environment: &BTreeMap<String, String>) -> bool {
    SANDBOXES.iter().any(|name| environment.get(*name).is_some_and(|value| value == "1"))
}

/// Plans a launch. Looks for the conversation's transcript.
pub(crate) fn plan(settings: &Settings, request: &PlanLaunch, user: User) -> Result<LaunchPlan> {
    let mut environment = request.environment.clone();
    environment.extend(settings.env.clone());
    let permissions = settings.permissions(request)?;
    if permissions == PermissionMode::Permissionless && user == User::Root && !is_sandbox(&environment) {
        return Err(Error::invalid_input(ROOT).at_field("permissions"));
    }
    let config = files::config_directory(&environment, &request.workspace);
    let conversation = Conversation::of(request, config.as_deref())?;
    let mut argv = vec![settings.binary.clone()];
    let mut add = |arguments: &[&str]| argv.extend(arguments.iter().map(|argument| (*argument).to_owned()));
    add(&[conversation.option, &conversation.id]);
    add(&["--settings", request.directory.join(SETTINGS_FILE).as_str()]);
    if let Some(parts) = &request.parts {
        add(&["--append-system-prompt-file", parts.instructions.file.as_str()]);
    }
    if let Some(model) = settings.model(request)? {
        add(&["--model", model]);
    }
    add(match permissions {
        PermissionMode::Permissionless => &["--dangerously-skip-permissions"],
        PermissionMode::AutoEdit => &["--permission-mode", "acceptEdits"],
        PermissionMode::Suggest => &["--permission-mode", "plan"],
        _ => &[],
    });
    argv.extend(settings.args.iter().cloned());

    let mut plan = when_ready(argv, request);
    plan.env.clone_from(&settings.env);
    plan.env_remove =
        OF_ANOTHER.iter().filter(|name| !settings.env.contains_key(**name)).map(|name| (*name).to_owned()).collect();
    let messages = session_directory(&request.directory, &request.session).join(MESSAGES_DIRECTORY);
    plan.files = vec![LaunchFile::new(SETTINGS_FILE, hooks::settings(&request.hook, permissions, &messages))];
    plan.cursor = Some(
        Cursor {
            transcript: config.as_deref().map(|config| files::transcript(config, &request.workspace, &conversation.id)),
            was_used: conversation.option == RESUME,
            config,
            conversation: Some(conversation.id.clone()),
            ..Cursor::default()
        }
        .to_value(),
    );
    plan.agent_session = Some(conversation.id);
    Ok(plan)
}

/// The option that goes on with a conversation.
const RESUME: &str = "--resume";

/// Which conversation, and how the program is told.
struct Conversation {
    option: &'static str,
    id: String,
}

impl Conversation {
    fn of(request: &PlanLaunch, config: Option<&Utf8Path>) -> Result<Self> {
        let transcript = |id: &str| config.map(|config| files::transcript(config, &request.workspace, id));
        let is_there = |id: &str| transcript(id).is_some_and(|transcript| transcript.exists());
        match &request.mode {
            LaunchMode::Fresh => {
                let mut fresh = (0..MOST_LEFT).map(|attempt| fresh_id(request, attempt));
                let left = || Error::conflict("too many conversations were left by sessions of this name");
                Ok(Self { option: "--session-id", id: fresh.find(|id| !is_there(id)).ok_or_else(left)? })
            }
            LaunchMode::Resume { agent_session } => {
                let id = Uuid::try_parse(agent_session).map_err(|_| {
                    let shown = agent_session.escape_debug();
                    Error::invalid_input(format!("`{shown}` is no conversation of Claude Code's: these are UUIDs"))
                })?;
                let id = id.hyphenated().to_string();
                // Nothing was said in it yet, so the program knows nothing of it: it is begun under its id. That its
                // transcript is not where it ought to be says nothing alone: the home or the worktree may have moved, and
                // what has a past is not silently begun anew.
                let last = Cursor::of(request.cursor.as_ref());
                let is_known_empty =
                    transcript(&id).is_some_and(|path| !path.exists() && last.is_known_empty(&id, &path));
                Ok(Self { option: if is_known_empty { "--session-id" } else { RESUME }, id })
            }
            _ => Err(Error::unsupported("this kind of launch")),
        }
    }
}

/// An id for the conversation of a launch: the same for the same launch, so that a plan can be made again. A conversation
/// with that id may be there already, left by an installation of `ao` that had the same session in the same place: the
/// program refuses to start then, and the next `attempt` gives another.
fn fresh_id(request: &PlanLaunch, attempt: u32) -> String {
    let mut hash = Sha256::new();
    for part in [request.session.as_str(), request.workspace.as_str(), request.directory.as_str()] {
        hash.update(part);
        hash.update([0]);
    }
    hash.update(attempt.to_be_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.finalize()[..16]);
    Uuid::new_v8(bytes).hyphenated().to_string()
}
