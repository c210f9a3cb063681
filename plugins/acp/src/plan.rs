//! A session's launch: the helper, and the file that tells it what to do.

use ao_plugin_sdk::prelude::*;

use crate::config::Settings;
use crate::launch::{LAUNCH_FILE, LAUNCH_VERSION, Launch};

/// The `ao` that is launched where the host does not say which.
const PROGRAM: &str = "ao";

pub(crate) fn plan(settings: &Settings, request: &PlanLaunch) -> Result<LaunchPlan> {
    let permissions = match request.permissions {
        PermissionMode::Default => settings.permissions,
        asked => asked,
    };
    if permissions == PermissionMode::Unknown {
        let message =
            "this version does not know that permission mode; it knows permissionless, auto-edit, default, suggest";
        return Err(Error::unsupported(message));
    }
    let resume = match &request.mode {
        LaunchMode::Fresh => None,
        LaunchMode::Resume { agent_session } => Some(agent_session.clone()),
        _ => return Err(Error::unsupported("this version does not know that kind of launch")),
    };
    let launch = Launch {
        version: LAUNCH_VERSION,
        workspace: request.workspace.clone(),
        directory: request.directory.clone(),
        argv: settings.argv.clone(),
        resume: resume.clone(),
        prompt_file: request.prompt.as_ref().map(|prompt| prompt.file.clone()),
        permissions,
        mode: settings.mode.clone(),
        model: request.model.clone().or_else(|| settings.model.clone()),
        hook: request.hook.clone(),
    };
    let text = serde_json::to_string_pretty(&launch)
        .map_err(|error| Error::wrap(Code::OTHER, "cannot write the launch down", &error))?;
    let program = request.program.as_ref().map_or_else(|| PROGRAM.to_owned(), ToString::to_string);
    let argv = vec![program, "__acp".to_owned(), request.directory.join(LAUNCH_FILE).into_string()];
    // The helper hands the prompt over once there is a conversation.
    let mut plan = LaunchPlan::new(argv, PromptDelivery::AtLaunch);
    plan.env.clone_from(&settings.env);
    plan.env_remove.clone_from(&settings.env_remove);
    plan.files = vec![LaunchFile::new(LAUNCH_FILE, text)];
    plan.agent_session = resume;
    Ok(plan)
}
