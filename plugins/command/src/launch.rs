//! A session's launch from the template.

use ao_plugin_sdk::core::model::facts::ExitMeaning;
use ao_plugin_sdk::prelude::*;

use crate::config::{PromptMode, Settings};
use crate::template::{Placeholder, Template};

/// The longest argument with a prompt in it, in bytes. Linux takes 128 KiB (`MAX_ARG_STRLEN`, execve(2)).
const LONGEST: usize = 100 * 1024;

pub(crate) fn plan(settings: &Settings, request: &PlanLaunch) -> Result<LaunchPlan> {
    if let LaunchMode::Resume { .. } = request.mode {
        return Err(Error::unsupported("a `command` agent has no conversation to resume; launch it anew"));
    }
    if let PermissionMode::AutoEdit | PermissionMode::Suggest = request.permissions {
        return Err(Error::unsupported(
            "ao cannot restrict what a `command` agent does; put the program's own flag into `argv` and leave \
             `permissions` at `default`",
        ));
    }
    let argv = settings.argv.iter().map(|argument| expand(argument, request)).collect::<Result<Vec<_>>>()?;
    let delivery = match settings.prompt {
        PromptMode::Send if request.prompt.is_some() => PromptDelivery::WhenReady,
        PromptMode::Send | PromptMode::Argument | PromptMode::File => PromptDelivery::AtLaunch,
    };
    let mut plan = LaunchPlan::new(argv, delivery);
    plan.env.clone_from(&settings.env);
    plan.env_remove.clone_from(&settings.env_remove);
    plan.exit_meaning = ExitMeaning::Completion;
    Ok(plan)
}

fn expand(argument: &Template, request: &PlanLaunch) -> Result<String> {
    let expanded = argument.expand(|placeholder| value(placeholder, request))?;
    if argument.names(Placeholder::Prompt) && expanded.len() > LONGEST {
        return Err(Error::invalid_input(format!(
            "the prompt makes an argument of {} bytes, and {LONGEST} is the most; use `{{prompt_file}}` in `argv` in \
             the place of `{{prompt}}`",
            expanded.len()
        )));
    }
    if expanded.contains('\0') {
        return Err(Error::invalid_input(format!(
            "the argument `{argument}` would hold a NUL character, which no program can be given; a prompt with one \
             needs `{{prompt_file}}`"
        )));
    }
    Ok(expanded)
}

fn value(placeholder: Placeholder, request: &PlanLaunch) -> Result<&str> {
    let missing = |what: &str| {
        Error::invalid_input(format!("`argv` names `{{{}}}`, and this session has none: {what}", placeholder.name()))
    };
    let prompt = || request.prompt.as_ref().ok_or_else(|| missing("give one with `--prompt` or `--prompt-file`"));
    match placeholder {
        Placeholder::Prompt => prompt().map(|prompt| prompt.text.as_str()),
        Placeholder::PromptFile => prompt().map(|prompt| prompt.file.as_str()),
        Placeholder::Session => Ok(request.session.as_str()),
        Placeholder::Workspace => Ok(request.workspace.as_str()),
        Placeholder::Directory => Ok(request.directory.as_str()),
        Placeholder::Model => {
            request.model.as_deref().ok_or_else(|| missing("set `model`, or write the model into `argv`"))
        }
    }
}
