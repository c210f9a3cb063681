//! A session's launch: an argument vector and overrides, and no file of the user's is changed.

use ao_plugin_sdk::agent::launch::when_ready;
use ao_plugin_sdk::agent::program::search_path;
use ao_plugin_sdk::agent::settings::Settings;
use ao_plugin_sdk::core::model::spool::SPOOL_DIRECTORY;
use ao_plugin_sdk::prelude::*;
use toml::Value as Toml;

use crate::cursor::Cursor;
use crate::overrides::{entry, set};
use crate::{git, home, hooks, migrations, program};

/// The longest standing instructions that are an argument, in bytes; a longer text is read from its file. Linux takes 128 KiB
/// (`MAX_ARG_STRLEN`, execve(2)), and quoting may double a text.
const LONGEST: usize = 48 * 1024;

/// Plans a launch. Reads where the program and the worktree's git directories are, and the user's own configuration.
pub(crate) fn plan(settings: &Settings, request: &PlanLaunch) -> Result<LaunchPlan> {
    let home = home::of(settings, &request.environment);
    if let Some(why) = home.as_deref().and_then(home::closed) {
        return Err(Error::new(Code::CONFLICT, why));
    }
    let mut seen = request.environment.clone();
    seen.extend(settings.env.clone());
    let program = program::resolve(&settings.binary, &search_path(&seen), Some(&request.workspace));
    let mut argv = vec![program.path];
    let thread = resumed(&request.mode)?;
    if thread.is_some() {
        argv.push("resume".to_owned());
    }
    // The background server would work on when the session is ended, with the permissions of who started it first.
    argv.push("--no-daemon".to_owned());
    argv.extend(quiet_start(&request.workspace));
    argv.extend(hooks::overrides(&request.hook));
    if let Some(parts) = &request.parts {
        argv.extend(set("developer_instructions", instructions(&parts.instructions)?));
    }
    argv.extend(permissions(settings, request, home.as_deref())?);
    if let Some(model) = settings.model(request)? {
        argv.extend(["--model".to_owned(), model.to_owned()]);
    }
    argv.extend(settings.args.iter().cloned());
    argv.extend(thread.clone());

    let mut plan = when_ready(argv, request);
    plan.env = program.env;
    plan.env.extend(settings.env.clone());
    plan.agent_session.clone_from(&thread);
    plan.cursor = Cursor { home, thread, workspace: Some(request.workspace.clone()), ..Cursor::default() }.write();
    Ok(plan)
}

/// What keeps Codex from asking something before it takes the first message.
fn quiet_start(workspace: &Utf8Path) -> Vec<String> {
    let trusted = entry(workspace.as_str(), entry("trust_level", "trusted"));
    let all = [
        set("check_for_update_on_startup", false),
        set("projects", trusted),
        set("notice.model_migrations", migrations::answered()),
    ];
    all.into_iter().flatten().collect()
}

fn instructions(prompt: &Prompt) -> Result<Toml> {
    if prompt.text.contains('\0') {
        return Err(Error::invalid_input("the standing instructions hold a NUL character, which no argument can"));
    }
    if prompt.text.len() <= LONGEST {
        return Ok(prompt.text.as_str().into());
    }
    Ok(format!("Before anything else, read the whole file {} and do what it says throughout.", prompt.file).into())
}

/// The conversation to go on with. Codex takes names, too, and options; an id is neither.
fn resumed(mode: &LaunchMode) -> Result<Option<String>> {
    match mode {
        LaunchMode::Fresh => Ok(None),
        LaunchMode::Resume { agent_session } if is_id(agent_session) => Ok(Some(agent_session.clone())),
        LaunchMode::Resume { agent_session } => {
            let shown = agent_session.escape_debug();
            Err(Error::invalid_input(format!("`{shown}` is no id of a conversation of Codex's; launch it anew")))
        }
        _ => Err(Error::unsupported("this kind of launch")),
    }
}

fn is_id(text: &str) -> bool {
    let is_digit = |(index, byte): (usize, u8)| match index {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    text.len() == 36 && text.bytes().enumerate().all(is_digit)
}

fn permissions(settings: &Settings, request: &PlanLaunch, home: Option<&Utf8Path>) -> Result<Vec<String>> {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    match settings.permissions(request)? {
        PermissionMode::Permissionless => Ok(words(&["--dangerously-bypass-approvals-and-sandbox"])),
        PermissionMode::Suggest => Ok(words(&["--ask-for-approval", "on-request", "--sandbox", "read-only"])),
        PermissionMode::AutoEdit => {
            let mut all = words(&["--ask-for-approval", "on-request", "--sandbox", "workspace-write"]);
            all.extend(writable(request).flat_map(|directory| ["--add-dir".to_owned(), directory.into_string()]));
            Ok(all)
        }
        _ => Ok(additions(request, home)),
    }
}

/// What a sandboxed command writes besides the worktree: git's files of a commit, and what it reports to `ao`.
fn writable(request: &PlanLaunch) -> impl Iterator<Item = Utf8PathBuf> {
    git::directories(&request.workspace).into_iter().chain([request.directory.join(SPOOL_DIRECTORY)])
}

/// The same, added to what the user lets sandboxed commands write. Where the user has no such sandbox, it says nothing;
/// `--add-dir` would then end Codex.
fn additions(request: &PlanLaunch, home: Option<&Utf8Path>) -> Vec<String> {
    let users = home.map(home::user_config).unwrap_or_default().sandbox_workspace_write.writable_roots;
    let all: Vec<Toml> =
        users.into_iter().chain(writable(request).map(Utf8PathBuf::into_string)).map(Toml::from).collect();
    set("sandbox_workspace_write.writable_roots", all).into()
}
