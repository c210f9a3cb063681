//! Spawning: an id, a worktree, a launched agent, or nothing at all.

use std::collections::BTreeMap;

use ao_core::config::Project;
use ao_core::lifecycle::{Assignment, Load, Means, Policy, Spent, exceeded, guidance, project_overrun, status};
use ao_core::model::event::{EventData, SessionRequested};
use ao_core::model::facts::{AgentFacts, ChosenPlugins, OperationKind, Session, WorkspaceFacts};
use ao_core::model::{BranchName, DeliveryLevel, IDENTITY_VERSION, Identity, SessionId};
use ao_core::slots::agent::{AvailabilityState, DetectAgent, LaunchMode, Role};
use ao_core::slots::workspace::{CreateWorkspace, ExistingBranch, Freshness, IdentifySession, IdentityChange};
use ao_core::{Code, Error, Result};
use camino::{Utf8Path, Utf8PathBuf};

use super::launch::{Launch, Parts};
use super::numbers::next_free;
use super::orchestrator::is_orchestrator_of;
use super::steps::Step;
use super::undo::{Abandoned, Effect};
use super::{Crew, Sent, Sessions, overlay};
use crate::store::{Reader, SessionFilter, StoreError};
use crate::trash::weigh;
use crate::world::{Places, World, files};

/// What a session is spawned from.
pub struct SpawnRequest<'a> {
    /// The project.
    pub project: &'a Project,
    /// The configuration file that says so.
    pub config_file: Option<Utf8PathBuf>,
    /// Its plugins.
    pub crew: &'a Crew,
    /// The issue to work on.
    pub issue: Option<&'a Assignment>,
    /// What to do where a session works on the issue already.
    pub repeat: Repeat,
    /// What the human says that the agent is to do.
    pub prompt: Option<String>,
    /// The session's branch; else the issue's, else `ao/<session>`.
    pub branch: Option<BranchName>,
    /// The part of the user's environment that agents may see.
    pub environment: BTreeMap<String, String>,
    /// The session whose agent asks for it, or whose work it is about, where there is one.
    pub parent: Option<SessionId>,
    /// What it is for.
    pub role: Role,
    /// The commit or branch to start from; the project's branch unless given.
    pub base: Option<String>,
    /// What to do where the branch exists already.
    pub existing_branch: ExistingBranch,
    /// Names the effect that it is spawned for, where that is to happen once: a second spawn for the same finds the first.
    pub spawned_for: Option<String>,
}

impl<'a> SpawnRequest<'a> {
    /// A worker in this project, with nothing to do yet.
    #[must_use]
    pub fn new(project: &'a Project, crew: &'a Crew) -> Self {
        let (config_file, issue, prompt, branch, parent, base, spawned_for) = Default::default();
        let (environment, repeat, role) = (BTreeMap::new(), Repeat::Refuse, Role::Worker);
        let existing_branch = ExistingBranch::Refuse;
        Self {
            project,
            config_file,
            crew,
            issue,
            repeat,
            prompt,
            branch,
            environment,
            parent,
            role,
            base,
            existing_branch,
            spawned_for,
        }
    }

    /// The session that was spawned for the same, if one was: by its key, or as the project's one orchestrator.
    fn before(&self, there: &[Session]) -> Option<Session> {
        let is_it = |session: &&Session| {
            let is_here = session.project == self.project.name && session.project_path == self.project.path;
            let is_for = self.spawned_for.is_some() && session.spawned_for == self.spawned_for;
            let is_other = self.role == Role::Orchestrator && is_orchestrator_of(session, self.project);
            is_here && session.failure.is_none() && is_for || is_other
        };
        there.iter().find(is_it).cloned()
    }

    pub(super) fn refuse_second(&self, there: &[Session]) -> Result<(), StoreError> {
        self.before(there).map_or(Ok(()), |session| Err(StoreError::SpawnedBefore(session.id)))
    }
}

/// What to do where a session works on the issue already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Repeat {
    /// Refuse.
    #[default]
    Refuse,
    /// Have it done once more.
    Again,
}

impl SpawnRequest<'_> {
    /// The session's branch.
    pub(super) fn branch_of(&self, id: &SessionId) -> BranchName {
        let wanted = self.branch.clone().or_else(|| self.issue.and_then(|issue| issue.branch.clone()));
        wanted.unwrap_or_else(|| id.default_branch())
    }

    /// Everything that the agent is told: the issue, the human's words, then how it is heard. Where there is no issue, it
    /// is the human's words and nothing else.
    pub(super) fn whole_prompt(&self) -> Option<String> {
        let words = self.prompt.as_deref();
        let Some(issue) = self.issue else { return words.map(str::to_owned) };
        Some(format!("{}\n\n{}\n", issue.prompt(words).trim_end_matches('\n'), guidance(self.means())))
    }

    /// The same in two parts, where it has standing instructions.
    pub(super) fn parts(&self) -> Option<Parts> {
        let words = self.prompt.clone();
        let (task, instructions) = match (self.role, self.issue) {
            // All that it is told holds for all that it does; its first task comes from a human.
            (Role::Orchestrator, None) => (None, words?),
            (_, Some(issue)) => (Some(issue.prompt(words.as_deref())), guidance(self.means()).to_owned()),
            (_, None) => return None,
        };
        Some(Parts { task, instructions })
    }

    fn means(&self) -> Means {
        if self.project.scm.is_some() { Means::Pulls } else { Means::Reports }
    }

    /// What to ask the workspace plugin for.
    pub(super) fn workspace_of(&self, id: &SessionId, branch: BranchName, target: &Utf8Path) -> CreateWorkspace {
        let project = self.project;
        let base = self.base.clone().unwrap_or_else(|| project.default_branch.to_string());
        let key = format!("{id}/workspace");
        let mut create = CreateWorkspace::new(key, id.clone(), project.path.clone(), target, branch, base);
        // A commit that somebody names is fetched by whoever names it.
        create.freshness = if project.fetch && self.base.is_none() { Freshness::Fetched } else { Freshness::Local };
        create.symlinks = project.symlinks.iter().map(|path| path.as_path().to_owned()).collect();
        create
    }

    /// The sessions that may work on the same issue.
    pub(super) fn same_project(&self) -> SessionFilter {
        SessionFilter { project: Some(self.project.name.clone()), project_path: Some(self.project.path.clone()) }
    }

    /// The sessions that decide whether there may be one more.
    pub(super) fn deciding(&self) -> SessionFilter {
        if self.is_limited() { SessionFilter::default() } else { self.same_project() }
    }

    fn is_limited(&self) -> bool {
        let limits = &self.project.limits;
        let counted = [limits.max_sessions, limits.max_per_project, limits.spawns_per_hour];
        counted.iter().any(Option::is_some) || self.parent.is_some()
    }

    /// Refuses where a limit leaves no room among these sessions, besides so many that are planned.
    pub(super) fn refuse_more(&self, there: &[Session], planned: u64, world: &World) -> Result<(), StoreError> {
        if !self.is_limited() {
            return Ok(());
        }
        let project = (&self.project.name, &*self.project.path);
        let load = Load::of(there, |session| is_live(session, world), project, self.parent.as_ref(), world.now());
        let exceeded = exceeded(&self.project.limits, load.and(planned), &self.project.name);
        exceeded.map_or(Ok(()), |exceeded| Err(StoreError::Limit(exceeded.message)))
    }

    /// Refuses where these sessions have used what all of the project may use together.
    pub(super) fn refuse_spent(&self, there: &[Session]) -> Result<(), StoreError> {
        let Project { name, path, budgets, prices, .. } = self.project;
        if budgets.project.is_none() {
            return Ok(());
        }
        let spent = Spent::of_project((name, path), there, prices);
        let overrun = project_overrun(budgets, &spent);
        overrun.map_or(Ok(()), |overrun| Err(StoreError::Limit(overrun.refusal(name))))
    }

    /// Refuses where what there is takes more of the disk than it may. It is measured before anything is reserved: what
    /// others write meanwhile nobody can hold anyway.
    pub(super) async fn refuse_full(&self, places: &Places) -> Result<()> {
        let Some(quota) = self.project.limits.disk_quota else { return Ok(()) };
        let roots = [places.worktrees(), places.trash()];
        let weighed = tokio::task::spawn_blocking(move || roots.iter().map(|root| weigh(root, &[]).bytes).sum::<u64>());
        let bytes = weighed.await.map_err(|error| Error::other(format!("the disk could not be measured: {error}")))?;
        if bytes < quota.get() {
            return Ok(());
        }
        Err(Error::unavailable(format!(
            "`limits.diskQuota` is {quota}, and worktrees and the trash take {} MiB: `ao gc` and `ao trash empty` make \
             room, or raise the limit",
            bytes >> 20
        )))
    }

    /// Refuses an agent that says of itself that it cannot be started.
    pub(super) async fn refuse_unusable_agent(&self) -> Result<()> {
        let found = self.crew.agent.instance.detect(DetectAgent::new()).await?;
        let code = match found.state {
            AvailabilityState::Missing | AvailabilityState::TooOld => Code::INVALID_INPUT,
            AvailabilityState::LoggedOut => Code::UNAUTHORIZED,
            _ => return Ok(()),
        };
        let name = &self.crew.agent_name;
        Err(Error::new(code, format!("the agent `{name}` cannot be started: {}", found.message)))
    }

    /// Refuses where one of these sessions works on the issue and that is not what is wanted.
    pub(super) fn refuse_repeat(&self, there: &[Session], world: &World) -> Result<(), StoreError> {
        let Some(issue) = self.issue.filter(|_| self.repeat == Repeat::Refuse) else { return Ok(()) };
        let issue = issue.id.to_string();
        self.at_it(there, world).map_or(Ok(()), |session| Err(StoreError::IssueTaken { issue, session }))
    }

    /// The one of these sessions that works on the issue.
    fn at_it(&self, there: &[Session], world: &World) -> Option<SessionId> {
        let issue = self.issue?;
        let is_at_it = |session: &&Session| {
            let is_of_issue = session.issue.as_deref() == Some(issue.id.as_str());
            let is_here = session.project == self.project.name && session.project_path == self.project.path;
            is_of_issue && is_here && is_live(session, world)
        };
        there.iter().find(is_at_it).map(|session| session.id.clone())
    }

    /// The session that works on the issue already, if one does.
    pub fn worked_on_by(&self, store: &dyn Reader, world: &World) -> Result<Option<SessionId>> {
        Ok(self.at_it(&store.sessions(&self.same_project())?, world))
    }
}

/// Whether a session is at work, as far as the records and the process table tell.
fn is_live(session: &Session, world: &World) -> bool {
    status(&overlay(session, world), world.now(), &Policy::default()).name.is_live()
}

/// A session that was spawned.
pub struct Spawned {
    /// Its facts.
    pub session: Session,
    /// How far its prompt got, where it was sent as a message, or why it did not get there.
    pub prompt: Option<Result<Sent>>,
    /// Whether it is new.
    pub origin: SpawnOrigin,
}

/// Whether a spawn has made a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpawnOrigin {
    /// It has.
    New,
    /// One was there before that was spawned for the same.
    Before,
}

impl Sessions {
    /// Spawns a session. On failure nothing is left of it but its row, which says what failed.
    pub async fn spawn(&self, request: &SpawnRequest<'_>) -> Result<Spawned> {
        self.places.ensure()?;
        request.refuse_unusable_agent().await?;
        request.refuse_full(&self.places).await?;
        let session = match self.reserve(request).await {
            Ok(session) => session,
            Err(error) => {
                let there = self.store.sessions(&request.same_project())?;
                let before = request.before(&there).ok_or(error)?;
                return Ok(Spawned { session: before, prompt: None, origin: SpawnOrigin::Before });
            }
        };
        let id = session.id.clone();
        let (step, error) = match self.build(&id, request).await {
            Ok(launched) => return self.settle(&id, request, launched.prompt).await,
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

    /// Gives the session its id and writes its first facts.
    pub(super) async fn reserve(&self, request: &SpawnRequest<'_>) -> Result<Session> {
        self.failpoints.pass("spawn.reserve_id.before")?;
        let operation = self.operation(OperationKind::Spawn, Step::ReserveId.name())?;
        let now = self.world.now();
        let project = request.project;
        let prefix = &project.session_prefix;
        let free = next_free(&self.places, project, &request.crew.workspace).await;
        let mut refuse = |there: &[Session]| {
            request.refuse_second(there)?;
            request.refuse_repeat(there, &self.world)?;
            request.refuse_spent(there)?;
            request.refuse_more(there, 0, &self.world)
        };
        let reserved = self.store.reserve_unless(prefix, free, &request.deciding(), &mut refuse, &mut |id| {
            let mut session = Session::new(id.clone(), project.name.clone(), project.path.clone(), now);
            session.config_file.clone_from(&request.config_file);
            session.op = Some(operation.clone());
            session.stuck_after_ms = project.stuck_after_ms();
            session.parent.clone_from(&request.parent);
            session.role = request.role;
            session.spawned_for.clone_from(&request.spawned_for);
            let (plugin, name) = (request.crew.agent.plugin.clone(), request.crew.agent_name.clone());
            session.agent = Some(AgentFacts::new(plugin, name));
            let (runtime, workspace) = (&request.crew.runtime.plugin, &request.crew.workspace.plugin);
            session.plugins = Some(ChosenPlugins::new(runtime.clone(), workspace.clone()));
            session.issue = request.issue.map(|issue| issue.id.to_string());
            session.issue_facts = request.issue.map(|issue| issue.facts.clone());
            let mut data = SessionRequested::new(project.name.clone(), request.crew.agent_name.clone());
            data.issue.clone_from(&session.issue);
            (session, vec![self.event(id, EventData::SessionRequested(data))])
        })?;
        Ok(reserved)
    }

    /// Everything up to the launch. An error names the step that failed.
    async fn build(&self, id: &SessionId, request: &SpawnRequest<'_>) -> Result<Launched, (Step, Error)> {
        let at = |step| move |error| (step, error);
        self.failpoints.pass("spawn.reserve_id.after").map_err(at(Step::ReserveId))?;
        let branch = request.branch_of(id);
        let target = self.places.worktree(&request.project.name, id);
        self.step(id, Step::WriteIdentityRef, self.identify(id, request, &branch, Copy::ToBeMade(&target)))
            .await
            .map_err(at(Step::WriteIdentityRef))?;
        self.step(id, Step::WorktreeAdd, self.add_worktree(id, request, branch, request.existing_branch))
            .await
            .map_err(at(Step::WorktreeAdd))?;
        self.step(id, Step::PostCreate, self.post_create(id, request, &target)).await.map_err(at(Step::PostCreate))?;
        let directory = self.session_directory(id).map_err(at(Step::WriteLaunchFiles))?;
        let (mode, prompt, parts) = (LaunchMode::Fresh, request.whole_prompt(), request.parts());
        let next = Launch { number: 1, directory, mode, prompt, parts };
        let plan = self
            .step(id, Step::WriteLaunchFiles, self.write_launch_files(id, request, &target, &next))
            .await
            .map_err(at(Step::WriteLaunchFiles))?;
        self.step(id, Step::RuntimeCreate, self.create_runtime(id, request, &plan, &target, &next))
            .await
            .map_err(at(Step::RuntimeCreate))?;
        Ok(Launched { prompt: plan.to_send(next.prompt) })
    }

    /// Writes the session's identity into the repository, where it survives the loss of the state; and into its copy
    /// where that is there already.
    pub(super) async fn identify(
        &self,
        id: &SessionId,
        request: &SpawnRequest<'_>,
        branch: &BranchName,
        copy: Copy<'_>,
    ) -> Result<()> {
        let session = self.get(id)?;
        let (Copy::ToBeMade(path) | Copy::There(path)) = copy;
        let mut identity = Identity::new(
            IDENTITY_VERSION,
            id.clone(),
            request.project.name.clone(),
            self.places.owner().id,
            branch.clone(),
            session.created_at,
        );
        identity.project_path = Some(session.project_path);
        identity.config_file = session.config_file;
        identity.issue = session.issue;
        identity.path = Some(path.to_owned());
        identity.base_ref = Some(request.base.clone().unwrap_or_else(|| request.project.default_branch.to_string()));
        (identity.agent, identity.agent_name) = session.agent.map(|agent| (agent.plugin, agent.name)).unzip();
        (identity.runtime, identity.workspace) =
            session.plugins.map(|plugins| (plugins.runtime, plugins.workspace)).unzip();
        let blob = identity.blob();
        // Written down first, so that an undo removes this one and no other.
        self.change(id, |session| session.identity = Some(blob.clone()))?;
        let change = IdentityChange::Write { blob };
        let mut identify = IdentifySession::new(request.project.path.clone(), id.clone(), change);
        identify.copy = matches!(copy, Copy::There(_)).then(|| path.to_owned());
        match request.crew.workspace.instance.identify(identify).await {
            // A workspace plugin need not keep identities.
            Err(error) if error.code == Code::UNSUPPORTED => Ok(()),
            other => other.map(drop),
        }
    }

    /// Makes the session's copy of the project.
    pub(super) async fn add_worktree(
        &self,
        id: &SessionId,
        request: &SpawnRequest<'_>,
        branch: BranchName,
        existing: ExistingBranch,
    ) -> Result<()> {
        let target = &self.places.worktree(&request.project.name, id);
        let plugin = request.crew.workspace.plugin.clone();
        let mut create = request.workspace_of(id, branch, target);
        create.existing_branch = existing;
        // Written down before it is made, so that an undo after a crash knows where to look.
        self.change(id, |session| {
            create.identity.clone_from(&session.identity);
            let mut facts = WorkspaceFacts::new(plugin, target.clone(), create.branch.clone());
            facts.base_ref.clone_from(&create.base);
            facts.symlinks.clone_from(&create.symlinks);
            session.workspace = Some(facts);
        })?;
        let parent = target.parent().unwrap_or(target);
        files::private_directory(parent)
            .map_err(|error| Error::unavailable(format!("cannot make the directory `{parent}`: {error}")))?;
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
    pub(super) async fn settle(
        &self,
        id: &SessionId,
        request: &SpawnRequest<'_>,
        prompt: Option<String>,
    ) -> Result<Spawned> {
        let prompt = match prompt {
            None => None,
            Some(text) => {
                let sent = self.step(id, Step::FirstPrompt, self.first_prompt(id, request.crew, &text)).await;
                Some(sent)
            }
        };
        let level = prompt.as_ref().map(|sent| sent.as_ref().map_or(DeliveryLevel::Failed, |sent| sent.level));
        let own = self.own_process()?;
        let session = self.change(id, |session| {
            for kind in [OperationKind::Spawn, OperationKind::Restore] {
                super::end_operation(session, kind, &own);
            }
            if let (Some(facts), Some(level)) = (&mut session.prompt, level) {
                facts.delivery = level;
            }
        })?;
        Ok(Spawned { session, prompt, origin: SpawnOrigin::New })
    }
}

/// The copy of a session that is identified.
#[derive(Clone, Copy, Debug)]
pub(super) enum Copy<'a> {
    /// It will stand there.
    ToBeMade(&'a Utf8Path),
    /// It stands there.
    There(&'a Utf8Path),
}

/// What is left to do after the launch.
struct Launched {
    /// The prompt, where it is sent as a message.
    prompt: Option<String>,
}
