//! A session's launch: an argument vector and overrides, and no file of the user's is changed.

use ao_plugin_sdk::agent::launch::when_ready;
use ao_plugin_sdk::agent::program::search_path;
use ao_plugin_sdk::agent::settings;
use ao_plugin_sdk::core::model::spool::SPOOL_DIRECTORY;
use ao_plugin_sdk::prelude::*;
use toml::Value as Toml;

use crate::config::Settings;
use crate::cursor::Cursor;
use crate::overrides::{entry, set};
use crate::rollout::{self, Mark, Wanted, is_id};
use crate::{git, home, hooks, migrations, program};

/// The longest argument that holds standing instructions, in bytes, as it is quoted; a longer text is read from its file. Linux
/// takes 128 KiB (`MAX_ARG_STRLEN`, execve(2)).
const LONGEST: usize = 96 * 1024;

/// Plans a launch. Reads where the program and the worktree's git directories are, and the user's own configuration.
pub(crate) fn plan(settings: &Settings, request: &PlanLaunch) -> Result<LaunchPlan> {
    let Settings { shared: settings, trust_worktrees } = settings;
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
    argv.extend(quiet_start());
    if *trust_worktrees {
        let trusted = entry(request.workspace.as_str(), entry("trust_level", "trusted"));
        argv.extend(set("projects", trusted));
    }
    argv.extend(hooks::overrides(&request.hook));
    if let Some(parts) = &request.parts {
        argv.extend(instructions(&parts.instructions)?);
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
    plan.cursor = cursor(request, home, thread).write();
    Ok(plan)
}

/// What the first look is to know: where the record ends now, or what was there before the conversation begins. A clock may be
/// set back; the order of what is written stays.
fn cursor(request: &PlanLaunch, home: Option<Utf8PathBuf>, thread: Option<String>) -> Cursor {
    let mut cursor = Cursor { home, thread, workspace: Some(request.workspace.clone()), ..Cursor::default() };
    match (&cursor.home, &cursor.thread) {
        // Of a conversation with an id, the time of the launch is not asked for.
        (Some(home), Some(thread)) => {
            let launched_at = Timestamp::from_millis(0);
            let (thread, workspace) = (Some(thread.as_str()), request.workspace.as_path());
            let wanted = Wanted { home, thread, workspace, launched_at, after: None };
            cursor.mark = rollout::find(&wanted).map(Mark::now);
        }
        (Some(home), None) => cursor.after = Some(rollout::newest(home)),
        (None, _) => {}
    }
    cursor
}

/// What keeps Codex from asking something before it takes the first message.
///
/// Whether the worktree is trusted is not among it: Codex runs what a trusted repository's own configuration names. It takes a
/// worktree for trusted where its repository is.
fn quiet_start() -> Vec<String> {
    let all = [set("check_for_update_on_startup", false), set("notice.model_migrations", migrations::answered())];
    all.into_iter().flatten().collect()
}

/// The override that gives it its standing instructions. Codex has no file for these beside its own prompt
/// (`model_instructions_file` replaces that), so they are an argument.
fn instructions(prompt: &Prompt) -> Result<[String; 2]> {
    if prompt.text.contains('\0') {
        return Err(Error::invalid_input("the standing instructions hold a NUL character, which no argument can"));
    }
    let set = |text: &str| set("developer_instructions", text);
    let whole = set(&prompt.text);
    if whole.iter().all(|argument| argument.len() <= LONGEST) {
        return Ok(whole);
    }
    Ok(set(&format!("Before anything else, read the whole file {} and do what it says throughout.", prompt.file)))
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

fn permissions(settings: &settings::Settings, request: &PlanLaunch, home: Option<&Utf8Path>) -> Result<Vec<String>> {
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
