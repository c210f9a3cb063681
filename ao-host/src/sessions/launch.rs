//! From a worktree to a running agent: post-create steps, launch files, the runtime.

use std::collections::BTreeMap;

use ao_core::config::PostCreateCommand;
use ao_core::model::event::{EventData, SessionRestored, SessionSpawned};
use ao_core::model::facts::{HoldReason, PlannedLaunch, PromptFacts, RuntimeFacts, Session};
use ao_core::model::process::{LAUNCH_DIRECTORY, MARKER_VARIABLE};
use ao_core::model::spool::{SPOOL_DIRECTORY, SPOOL_VARIABLE};
use ao_core::model::{DeliveryLevel, SessionId};
use ao_core::slots::agent::{LaunchMode, LaunchPlan, PlanLaunch, Prompt, PromptDelivery, PromptParts};
use ao_core::slots::runtime::{CreateRuntime, RuntimeHandle};
use ao_core::{Code, Error, Result};
use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use super::observe::read_records;
use super::token::{TOKEN_VARIABLE, digest, new_token};
use super::{Sessions, SpawnRequest};
use crate::hash::sha256;
use crate::world::files::{self, PRIVATE_FILE};
use crate::world::run::{Run, run};

/// The file in a session's directory that holds its prompt.
pub(super) const PROMPT_FILE: &str = "prompt.md";
/// The files that hold its two parts.
const TASK_FILE: &str = "task.md";
pub(super) const INSTRUCTIONS_FILE: &str = "instructions.md";
/// The hidden command that an agent's hooks run.
const HOOK_COMMAND: &str = "__hook";
/// The file that holds what the post-create steps printed.
const POST_CREATE_LOG: &str = "post-create.log";

/// One launch of a session's agent.
#[derive(Clone, Debug)]
pub(super) struct Launch {
    /// Which, from 1.
    pub(super) number: u32,
    /// Where this launch's records stand: no older one's are taken for them.
    pub(super) directory: Utf8PathBuf,
    /// A new conversation or the old one.
    pub(super) mode: LaunchMode,
    /// What the agent is told.
    pub(super) prompt: Option<String>,
    /// The same in two parts.
    pub(super) parts: Option<Parts>,
}

/// What an agent is told, for one that has a place of its own for standing instructions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parts {
    pub(super) task: Option<String>,
    pub(super) instructions: String,
}

/// A plan with its environment.
pub(super) struct PreparedLaunch {
    plan: LaunchPlan,
    environment: BTreeMap<String, String>,
}

impl PreparedLaunch {
    fn sends_prompt(&self) -> bool {
        self.plan.prompt == PromptDelivery::WhenReady
    }

    /// What is sent once the agent is ready, of a launch with this prompt.
    pub(super) fn to_send(&self, prompt: Option<String>) -> Option<String> {
        if self.sends_prompt() { self.plan.message.clone().or(prompt) } else { None }
    }
}

fn cannot_write(path: &Utf8Path, error: &std::io::Error) -> Error {
    Error::wrap(Code::UNAVAILABLE, format!("cannot write `{path}`"), error)
}

impl Sessions {
    /// The session's own directory, made if it is not there.
    pub(super) fn session_directory(&self, id: &SessionId) -> Result<Utf8PathBuf> {
        let directory = self.places.session_dir(id);
        files::private_directory(&directory).map_err(|error| cannot_write(&directory, &error))?;
        Ok(directory)
    }

    /// Runs the project's `postCreate` in the new worktree, in order, up to the first failure.
    pub(super) async fn post_create(
        &self,
        id: &SessionId,
        request: &SpawnRequest<'_>,
        worktree: &Utf8Path,
    ) -> Result<()> {
        if request.project.post_create.is_empty() {
            return Ok(());
        }
        let log = self.session_directory(id)?.join(POST_CREATE_LOG);
        let mut environment = session_environment(id, request);
        // So that what a step leaves running is found with the session.
        environment.insert(MARKER_VARIABLE.to_owned(), format!("{}/{id}", self.places.owner().id));
        for (number, step) in request.project.post_create.iter().enumerate() {
            let (argv, shown) = match &step.command {
                PostCreateCommand::Run(argv) => (argv.clone(), argv.join(" ")),
                // The user spelled out a shell in a trusted file. tidy: shell because `{sh: …}` asks for one
                PostCreateCommand::Shell(line) => (vec!["sh".to_owned(), "-c".to_owned(), line.clone()], line.clone()),
            };
            let limit = step.timeout.get();
            let ended =
                run(&Run { argv: &argv, directory: worktree, environment: &environment, log: &log, limit }).await?;
            if let Some(why) = ended.failure() {
                let message =
                    format!("step {} of `postCreate` (`{shown}`) {why}; its output is in `{log}`", number + 1);
                let mut error = Error::other(message);
                error.chain = ended.tail.into_iter().collect();
                return Err(error);
            }
        }
        Ok(())
    }

    /// Writes the prompt, asks the agent for its plan, and writes the plan's files.
    pub(super) async fn write_launch_files(
        &self,
        id: &SessionId,
        request: &SpawnRequest<'_>,
        worktree: &Utf8Path,
        next: &Launch,
    ) -> Result<PreparedLaunch> {
        let directory = next.directory.clone();
        let mut wanted = PlanLaunch::new(id.clone(), worktree.to_owned(), directory.clone());
        wanted.mode = next.mode.clone();
        let session = self.get(id)?;
        wanted.role = session.role;
        if matches!(next.mode, LaunchMode::Resume { .. }) {
            wanted.cursor = session.agent.and_then(|agent| agent.cursor);
        }
        if let Some(text) = &next.prompt {
            let prompt = write_prompt(&directory, PROMPT_FILE, text)?;
            let facts = PromptFacts::new(prompt.file.as_path(), sha256(text.as_bytes()), DeliveryLevel::Queued);
            self.change(id, |session| session.prompt = Some(facts))?;
            wanted.prompt = Some(prompt);
        }
        if let Some(Parts { task, instructions }) = &next.parts {
            let mut parts = PromptParts::new(write_prompt(&directory, INSTRUCTIONS_FILE, instructions)?);
            parts.task = task.as_ref().map(|task| write_prompt(&directory, TASK_FILE, task)).transpose()?;
            wanted.parts = Some(parts);
        }
        let mut environment = session_environment(id, request);
        wanted.environment.clone_from(&environment);
        wanted.hook = vec![self.program.to_string(), HOOK_COMMAND.to_owned()];
        wanted.program = Some(self.program.clone());
        let plan = request.crew.agent.instance.plan(wanted).await?;
        if plan.argv.first().is_none_or(String::is_empty) {
            return Err(Error::invalid_input(format!(
                "the agent `{}` plans to start nothing",
                request.crew.agent_name
            )));
        }
        for file in &plan.files {
            let path = inside(&directory, &file.path)?;
            let parent = path.parent().unwrap_or(&directory);
            files::private_directory(parent).map_err(|error| cannot_write(parent, &error))?;
            files::write_atomic(&path, file.content.as_bytes(), PRIVATE_FILE)
                .map_err(|error| cannot_write(&path, &error))?;
        }
        let spool = directory.join(SPOOL_DIRECTORY);
        files::private_directory(&spool).map_err(|error| cannot_write(&spool, &error))?;
        environment.insert(SPOOL_VARIABLE.to_owned(), spool.into_string());
        environment.extend(plan.env.clone());
        for name in &plan.env_remove {
            environment.remove(name);
        }
        // The last word: no plan can give an agent another session's.
        let token = new_token(&*self.world.rng);
        let digest = digest(&token);
        environment.insert(TOKEN_VARIABLE.to_owned(), token);
        let launch = PreparedLaunch { plan, environment };
        let (meaning, at_launch) = (launch.plan.exit_meaning, !launch.sends_prompt());
        let mut planned = PlannedLaunch::new(next.number);
        planned.agent_session.clone_from(&launch.plan.agent_session);
        planned.cursor.clone_from(&launch.plan.cursor);
        let message = launch.plan.message.as_ref().map(|message| sha256(message.as_bytes()));
        self.change(id, |session| {
            session.token_sha256 = Some(digest);
            if let Some(agent) = &mut session.agent {
                agent.exit_meaning = meaning;
                agent.planned = Some(planned);
            }
            match session.prompt.as_mut() {
                // Written before the launch, which then is its delivery.
                Some(prompt) if at_launch => prompt.delivery = DeliveryLevel::Drafting,
                // By this it is known among the messages.
                Some(prompt) => prompt.sha256 = message.unwrap_or_else(|| prompt.sha256.clone()),
                None => {}
            }
        })?;
        Ok(launch)
    }

    /// Launches the agent. From its success on, the session exists.
    pub(super) async fn create_runtime(
        &self,
        id: &SessionId,
        request: &SpawnRequest<'_>,
        launch: &PreparedLaunch,
        worktree: &Utf8Path,
        next: &Launch,
    ) -> Result<Session> {
        let directory = next.directory.clone();
        let create = CreateRuntime::new(
            id.clone(),
            launch_key(id, next.number),
            self.places.owner(),
            self.program.clone(),
            directory.clone(),
            worktree.to_owned(),
            launch.plan.argv.clone(),
            launch.environment.clone(),
        );
        let handle = request.crew.runtime.instance.create(create).await?;
        let launched_point =
            if next.number > 1 { "restore.relaunch.launched" } else { "spawn.runtime_create.launched" };
        self.failpoints.pass(launched_point)?;
        let records = read_records(&directory);
        let now = self.world.now();
        let event = self.event(id, launched(&handle, request, worktree, next.number));
        let after_launch = launch.sends_prompt();
        let session = self.change_telling(id, |session| {
            begin_anew(session, next.number);
            let mut facts = RuntimeFacts::new(directory, handle, now);
            facts.launch = next.number;
            facts.holder = records.holder.as_ref().map(|record| record.holder.clone());
            facts.child = records.holder.and_then(|record| record.child);
            session.runtime = Some(facts);
            if let Some(prompt) = session.prompt.as_mut().filter(|_| !after_launch) {
                prompt.delivery = DeliveryLevel::Submitted;
            }
            vec![event]
        })?;
        self.leave_facts(&session);
        Ok(session)
    }
}

/// What is told of a launch.
fn launched(handle: &RuntimeHandle, request: &SpawnRequest<'_>, worktree: &Utf8Path, number: u32) -> EventData {
    if number > 1 {
        return EventData::SessionRestored(SessionRestored::new(number));
    }
    let mut data = SessionSpawned::new(handle.plugin.clone());
    data.agent = Some(request.crew.agent_name.clone());
    data.worktree = Some(worktree.to_string());
    EventData::SessionSpawned(data)
}

/// What was known of an earlier launch says nothing of the `number`th, of which its plugin has settled something.
pub(super) fn begin_anew(session: &mut Session, number: u32) {
    (session.end, session.failure, session.report, session.pull) = (None, None, None, None);
    // Whoever brings it back has looked at it.
    if let Some(doubt) = session.hold.take_if(|hold| hold.reason == HoldReason::Rebuild) {
        session.hold = doubt.without_its_reason();
    }
    let before = launch_key(&session.id, number.saturating_sub(1));
    if let Some(agent) = &mut session.agent {
        (agent.activity, agent.observed_at, agent.idle, agent.unseen) = (None, None, None, None);
        (agent.ask, agent.cursor, agent.limit, agent.sightings) = (None, None, None, 0);
        // An agent that does not go on with a conversation counts from nothing again.
        if agent.agent_session.is_none() {
            agent.leave(before);
        }
        if let Some(planned) = agent.planned.take().filter(|planned| planned.launch == number) {
            agent.cursor = planned.cursor;
            planned.agent_session.iter().for_each(|conversation| agent.follow(conversation));
        }
    }
    if let Some(workspace) = &mut session.workspace {
        (workspace.look, workspace.unseen) = (None, None);
    }
}

fn write_prompt(directory: &Utf8Path, name: &str, text: &str) -> Result<Prompt> {
    let file = directory.join(name);
    files::write_atomic(&file, text.as_bytes(), PRIVATE_FILE).map_err(|error| cannot_write(&file, &error))?;
    Ok(Prompt::new(text, file))
}

/// What every process of a session sees.
fn session_environment(id: &SessionId, request: &SpawnRequest<'_>) -> BTreeMap<String, String> {
    let mut environment = request.environment.clone();
    let mut set = |name: &str, value: &str| environment.insert(name.to_owned(), value.to_owned());
    set("AO_SESSION_ID", id.as_str());
    set("AO_PROJECT_ID", request.project.name.as_str());
    set("AO_CALLER_TYPE", "agent");
    if let Some(file) = &request.config_file {
        set("AO_CONFIG_PATH", file.as_str());
    }
    environment
}

/// Names the effect of a session's `launch`th launch.
pub(super) fn launch_key(id: &SessionId, launch: u32) -> String {
    format!("{id}/{LAUNCH_DIRECTORY}{launch}")
}

/// The number of the launch that a key names.
pub(super) fn launch_number(id: &SessionId, key: &str) -> Option<u32> {
    key.strip_prefix(id.as_str())?.strip_prefix('/')?.strip_prefix(LAUNCH_DIRECTORY)?.parse().ok()
}

/// Where the records of a launch stand: no older one's are taken for them.
pub(super) fn launch_directory(session: &Utf8Path, launch: u32) -> Utf8PathBuf {
    if launch > 1 { session.join(format!("{LAUNCH_DIRECTORY}{launch}")) } else { session.to_owned() }
}

/// A plan's file must stand in the session's directory.
fn inside(directory: &Utf8Path, path: &Utf8Path) -> Result<Utf8PathBuf> {
    let plain = path.components().all(|component| matches!(component, Utf8Component::Normal(_)));
    if plain && !path.as_str().is_empty() {
        return Ok(directory.join(path));
    }
    Err(Error::invalid_input(format!("the agent plans a file at `{path}`, outside of the session's directory")))
}
