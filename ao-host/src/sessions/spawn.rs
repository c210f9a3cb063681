//! Spawning: an id, a worktree, a launched agent, or nothing at all.

use std::collections::BTreeMap;

use ao_core::config::Project;
use ao_core::model::event::EventKind;
use ao_core::model::facts::{AgentFacts, ChosenPlugins, OperationKind, Session, WorkspaceFacts};
use ao_core::model::{BranchName, DeliveryLevel, SessionId};
use ao_core::slots::workspace::{CreateWorkspace, Freshness, IdentifySession, IdentityChange};
use ao_core::{Error, Result};
use camino::Utf8PathBuf;
use serde_json::json;

use super::steps::Step;
use super::undo::{Abandoned, Effect};
use super::{Crew, Sent, Sessions};
use crate::world::files;

/// What a session is spawned from.
pub struct SpawnRequest<'a> {
    /// The project.
    pub project: &'a Project,
    /// The configuration file that says so.
    pub config_file: Option<Utf8PathBuf>,
    /// Its plugins.
    pub crew: &'a Crew,
    /// What the agent is to do.
    pub prompt: Option<String>,
    /// The session's branch; else `ao/<session>`.
    pub branch: Option<BranchName>,
    /// The part of the user's environment that agents may see.
    pub environment: BTreeMap<String, String>,
}

/// A session that was spawned.
pub struct Spawned {
    /// Its facts.
    pub session: Session,
    /// How far its prompt got, where it was sent as a message, or why it did not get there.
    pub prompt: Option<Result<Sent>>,
}

impl Sessions {
    /// Spawns a session. On failure nothing is left of it but its row, which says what failed.
    pub async fn spawn(&self, request: &SpawnRequest<'_>) -> Result<Spawned> {
        self.places.ensure()?;
        let session = self.reserve(request)?;
        let id = session.id.clone();
        let (step, error) = match self.build(&id, request).await {
            Ok(launched) => return self.settle(&id, request, launched.send_prompt).await,
            Err(failed) => failed,
        };
        if self.get(&id).is_ok_and(|session| session.runtime.is_some()) {
            // From the launch on it goes forward: the agent lives, and the next command finishes what is left.
            return Err(error.context(format!("`{id}` was launched, but not everything could be written down")));
        }
        let effect = if error.outcome_unknown() { Effect::Unknown } else { Effect::Recorded };
        let (runtime, workspace) = (&request.crew.runtime, &request.crew.workspace);
        Err(self.abandon(&id, &Abandoned { runtime, workspace, step, effect }, error).await)
    }

    fn reserve(&self, request: &SpawnRequest<'_>) -> Result<Session> {
        self.failpoints.pass("spawn.reserve_id.before")?;
        let operation = self.operation(OperationKind::Spawn, Step::ReserveId.name())?;
        let now = self.world.now();
        let project = request.project;
        let prefix = &project.session_prefix;
        let reserved = self.store.reserve(prefix, 1, &mut |id| {
            let mut session = Session::new(id.clone(), project.name.clone(), project.path.clone(), now);
            session.config_file.clone_from(&request.config_file);
            session.op = Some(operation.clone());
            let (plugin, name) = (request.crew.agent.plugin.clone(), request.crew.agent_name.clone());
            session.agent = Some(AgentFacts::new(plugin, name));
            let (runtime, workspace) = (&request.crew.runtime.plugin, &request.crew.workspace.plugin);
            session.plugins = Some(ChosenPlugins::new(runtime.clone(), workspace.clone()));
            let data = json!({"project": project.name, "agent": request.crew.agent_name});
            (session, vec![self.event(EventKind::SessionRequested, id, data)])
        })?;
        Ok(reserved)
    }

    /// Everything up to the launch. An error names the step that failed.
    async fn build(&self, id: &SessionId, request: &SpawnRequest<'_>) -> Result<Launched, (Step, Error)> {
        let at = |step| move |error| (step, error);
        self.failpoints.pass("spawn.reserve_id.after").map_err(at(Step::ReserveId))?;
        let branch = request.branch.clone().unwrap_or_else(|| id.default_branch());
        let target = self.places.worktree(&request.project.name, id);
        self.step(id, Step::WriteIdentityRef, self.identify(id, request, &branch))
            .await
            .map_err(at(Step::WriteIdentityRef))?;
        self.step(id, Step::WorktreeAdd, self.add_worktree(id, request, branch, &target))
            .await
            .map_err(at(Step::WorktreeAdd))?;
        self.step(id, Step::PostCreate, self.post_create(id, request, &target)).await.map_err(at(Step::PostCreate))?;
        let plan = self
            .step(id, Step::WriteLaunchFiles, self.write_launch_files(id, request, &target))
            .await
            .map_err(at(Step::WriteLaunchFiles))?;
        self.step(id, Step::RuntimeCreate, self.create_runtime(id, request, &plan, &target))
            .await
            .map_err(at(Step::RuntimeCreate))?;
        Ok(Launched { send_prompt: plan.sends_prompt() && request.prompt.is_some() })
    }

    /// Writes the session's identity into the repository, where it survives the loss of the state.
    async fn identify(&self, id: &SessionId, request: &SpawnRequest<'_>, branch: &BranchName) -> Result<()> {
        let blob = json!({
            "version": 1,
            "session": id,
            "project": request.project.name,
            "owner": self.places.owner().id,
            "branch": branch,
            "createdAt": self.world.now(),
        })
        .to_string();
        // Written down first, so that an undo removes this one and no other.
        self.change(id, |session| session.identity = Some(blob.clone()))?;
        let change = IdentityChange::Write { blob };
        let identify = IdentifySession::new(request.project.path.clone(), id.clone(), change);
        match request.crew.workspace.instance.identify(identify).await {
            // A workspace plugin need not keep identities.
            Err(error) if error.code == ao_core::Code::UNSUPPORTED => Ok(()),
            other => other.map(drop),
        }
    }

    async fn add_worktree(
        &self,
        id: &SessionId,
        request: &SpawnRequest<'_>,
        branch: BranchName,
        target: &Utf8PathBuf,
    ) -> Result<()> {
        let project = request.project;
        let base = project.default_branch.to_string();
        let plugin = request.crew.workspace.plugin.clone();
        let symlinks: Vec<_> = project.symlinks.iter().map(|path| path.as_path().to_owned()).collect();
        // Written down before it is made, so that an undo after a crash knows where to look.
        self.change(id, |session| {
            let mut facts = WorkspaceFacts::new(plugin, target.clone(), branch.clone());
            facts.base_ref.clone_from(&base);
            facts.symlinks.clone_from(&symlinks);
            session.workspace = Some(facts);
        })?;
        let parent = target.parent().unwrap_or(target);
        files::private_directory(parent)
            .map_err(|error| Error::unavailable(format!("cannot make the directory `{parent}`: {error}")))?;
        let mut create = CreateWorkspace::new(
            format!("{id}/workspace"),
            id.clone(),
            project.path.clone(),
            target.clone(),
            branch,
            base,
        );
        create.freshness = if project.fetch { Freshness::Fetched } else { Freshness::Local };
        create.symlinks = symlinks;
        let made = request.crew.workspace.instance.create(create).await?;
        self.change(id, |session| {
            if let Some(facts) = &mut session.workspace {
                facts.path = made.path;
                facts.branch_created = made.branch_created;
                facts.base = made.base.or(Some(made.head));
            }
        })?;
        Ok(())
    }

    /// The session is launched: whatever happens from here on, it is there.
    async fn settle(&self, id: &SessionId, request: &SpawnRequest<'_>, send_prompt: bool) -> Result<Spawned> {
        let prompt = match request.prompt.as_ref().filter(|_| send_prompt) {
            None => None,
            Some(text) => {
                let sent = self.step(id, Step::FirstPrompt, self.first_prompt(id, request.crew, text)).await;
                Some(sent)
            }
        };
        let level = prompt.as_ref().map(|sent| sent.as_ref().map_or(DeliveryLevel::Failed, |sent| sent.level));
        let own = self.own_process()?;
        let session = self.change(id, |session| {
            super::end_operation(session, OperationKind::Spawn, &own);
            if let (Some(facts), Some(level)) = (&mut session.prompt, level) {
                facts.delivery = level;
            }
        })?;
        Ok(Spawned { session, prompt })
    }
}

/// What is left to do after the launch.
struct Launched {
    send_prompt: bool,
}
