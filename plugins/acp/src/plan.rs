//! A session's launch: the helper, and the file that tells it what to do.

use ao_agent_conversation::{launch, side};
use ao_plugin_sdk::agent::settings::Settings as Shared;
use ao_plugin_sdk::prelude::*;

use crate::config::Settings;
use crate::launch::{LAUNCH_FILE, LAUNCH_VERSION, Launch};

pub(crate) fn plan(settings: &Settings, request: &PlanLaunch) -> Result<LaunchPlan> {
    let launch = Launch {
        version: LAUNCH_VERSION,
        workspace: request.workspace.clone(),
        directory: request.directory.clone(),
        argv: settings.argv.clone(),
        resume: launch::resumed(&request.mode)?,
        prompt_file: request.prompt.as_ref().map(|prompt| prompt.file.clone()),
        permissions: Shared { permissions: settings.permissions, ..Shared::default() }.permissions(request)?,
        mode: settings.mode.clone(),
        model: request.model.clone().or_else(|| settings.model.clone()),
        hook: request.hook.clone(),
    };
    let mut plan = side::plan(request, "__acp", LAUNCH_FILE, &launch)?;
    plan.env.clone_from(&settings.env);
    plan.env_remove.clone_from(&settings.env_remove);
    Ok(plan)
}
