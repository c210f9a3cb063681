//! Looking ahead: what a spawn would do, and whether it would fail for a reason that can be known. Makes nothing.

use ao_core::config::PostCreateCommand;
use ao_core::lifecycle::{PlannedPlugins, PlannedStep, SpawnPlan};
use ao_core::model::SessionId;
use ao_core::{Code, Result};

use super::SpawnRequest;
use super::numbers::next_free;
use crate::store::Reader;
use crate::world::{Places, World};

/// What looking ahead needs: no store that can be written to, and no program that holds agents.
pub struct Outlook<'a> {
    /// The facts.
    pub store: &'a dyn Reader,
    /// Clock and processes.
    pub world: &'a World,
    /// Where everything would stand.
    pub places: &'a Places,
    /// How many sessions of the same prefix are planned before this one.
    pub ahead: u64,
}

impl Outlook<'_> {
    /// The plan of a spawn, or the error that it would fail with.
    pub async fn plan(&self, request: &SpawnRequest<'_>) -> Result<SpawnPlan> {
        let there = self.store.sessions(&request.deciding())?;
        request.refuse_second(&there)?;
        request.refuse_repeat(&there, self.world)?;
        request.refuse_spent(&there)?;
        request.refuse_more(&there, self.ahead, self.world)?;
        request.refuse_full(self.places).await?;
        let (project, crew) = (request.project, request.crew);
        let prefix = &project.session_prefix;
        let free = next_free(self.places, project, &crew.workspace).await;
        let next = self.store.last_number(prefix)?.saturating_add(1).max(free);
        let id = SessionId::numbered(prefix, next.saturating_add(self.ahead));
        let worktree = self.places.worktree(&project.name, &id);
        let create = request.workspace_of(&id, request.branch_of(&id), &worktree);
        let base_commit = match crew.workspace.instance.check(create.clone()).await {
            Ok(check) => check.base,
            // A workspace plugin need not be able to look ahead.
            Err(error) if error.code == Code::UNSUPPORTED => None,
            Err(error) => return Err(error),
        };
        request.refuse_unusable_agent().await?;
        let mut plugins =
            PlannedPlugins::new(crew.agent.plugin.clone(), crew.runtime.plugin.clone(), crew.workspace.plugin.clone());
        plugins.tracker = crew.tracker.as_ref().map(|tracker| tracker.plugin.clone());
        let (agent, path) = (crew.agent_name.clone(), project.path.clone());
        let mut plan =
            SpawnPlan::new(id, project.name.clone(), path, create.branch, create.base, worktree, agent, plugins);
        plan.base_commit = base_commit;
        plan.issue = request.issue.map(|issue| issue.id.to_string());
        plan.issue_facts = request.issue.map(|issue| issue.facts.clone());
        plan.prompt = request.whole_prompt();
        plan.symlinks = create.symlinks;
        plan.post_create = project.post_create.iter().map(planned_step).collect();
        Ok(plan)
    }
}

fn planned_step(step: &ao_core::config::PostCreateStep) -> PlannedStep {
    let argv = match &step.command {
        PostCreateCommand::Run(argv) => argv.clone(),
        // As `post_create` runs it. tidy: shell because `{sh: …}` asks for one
        PostCreateCommand::Shell(line) => vec!["sh".to_owned(), "-c".to_owned(), line.clone()],
    };
    PlannedStep::new(argv, u64::try_from(step.timeout.get().as_millis()).unwrap_or(u64::MAX))
}
