//! A session's launch: the helper, the file that tells it what to do, and what OpenCode sees in its environment.

use std::collections::BTreeMap;

use ao_agent_conversation::{launch, side};
use ao_plugin_sdk::core::model::draft::digest;
use ao_plugin_sdk::core::model::process::session_directory;
use ao_plugin_sdk::prelude::*;

use crate::config::{Model, Server, Settings};
use crate::launch::{LAUNCH_FILE, LAUNCH_VERSION, Launch, Place};
use crate::rules;

/// What every OpenCode is told, unless the configuration says otherwise: to stay as it is, and to wait for no plugin. Any
/// `plugin` of the user's lets the first request wait for the network, for more than a minute where there is none.
const OWN: &[(&str, &str)] = &[("OPENCODE_DISABLE_AUTOUPDATE", "1"), ("OPENCODE_PURE", "1")];

pub(crate) fn plan(settings: &Settings, request: &PlanLaunch) -> Result<LaunchPlan> {
    let permissions = permissions(settings, request)?;
    let (task, instructions) = match &request.parts {
        Some(parts) => (parts.task.as_ref(), Some(parts.instructions.file.clone())),
        None => (request.prompt.as_ref(), None),
    };
    let model = settings.shared.model(request)?.map(Model::of).transpose()?;
    let env = environment(settings, permissions);
    let shared = match settings.server {
        Server::Shared => Some(place(settings, request, &env)?),
        _ => None,
    };
    let launch = Launch {
        version: LAUNCH_VERSION,
        session: request.session.clone(),
        workspace: request.workspace.clone(),
        directory: request.directory.clone(),
        server: settings.server,
        shared,
        binary: settings.shared.binary.clone(),
        args: settings.shared.args.clone(),
        resume: launch::resumed(&request.mode)?,
        prompt_file: task.map(|prompt| prompt.file.clone()),
        instructions_file: instructions,
        permissions,
        model,
        agent: settings.agent.clone(),
        turn_limit: settings.turn_limit.map(|limit| limit.as_secs()),
        program: request.program.as_ref().map_or_else(|| "ao".to_owned(), ToString::to_string),
        hook: request.hook.clone(),
    };
    let mut plan = side::plan(request, "__opencode", LAUNCH_FILE, &launch)?;
    plan.env = env;
    plan.env_remove = vec!["OPENCODE_SERVER_USERNAME".to_owned(), "OPENCODE_SERVER_PASSWORD".to_owned()];
    Ok(plan)
}

/// The variable with rules of what may be done without asking.
const RULES: &str = "OPENCODE_PERMISSION";

/// The mode whose rules a session has. Those that its agent's `env` has instead stand for themselves, as long as the session
/// does not say more: rules of its own would come behind them, and count.
fn permissions(settings: &Settings, request: &PlanLaunch) -> Result<PermissionMode> {
    let mode = settings.shared.permissions(request)?;
    let stand = request.permissions == PermissionMode::Default && settings.shared.env.contains_key(RULES);
    Ok(if stand { PermissionMode::Default } else { mode })
}

fn environment(settings: &Settings, permissions: PermissionMode) -> BTreeMap<String, String> {
    let mut env: BTreeMap<String, String> =
        OWN.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    env.extend(settings.shared.env.clone());
    if let Some(rules) = rules::of_server(permissions) {
        env.insert(RULES.to_owned(), rules);
    }
    env
}

/// Where the server stands that this launch shares: with those of its project that are launched alike.
fn place(settings: &Settings, request: &PlanLaunch, env: &BTreeMap<String, String>) -> Result<Place> {
    let directory = &request.directory;
    let sessions = session_directory(directory, &request.session).parent();
    let state = sessions.and_then(Utf8Path::parent).ok_or_else(|| {
        Error::invalid_input(format!(
            "`{directory}` is no session's directory, so there is no place for a shared server"
        ))
    })?;
    let project = request.environment.get("AO_PROJECT_ID");
    let own = json!([state, project, settings.shared.binary, settings.shared.args, env]).to_string();
    let key = digest(&own).chars().take(16).collect::<String>();
    Ok(Place { directory: state.join("opencode").join(&key), marker: format!("opencode-server-{key}") })
}
