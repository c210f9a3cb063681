//! The workspace `worktree`: every session gets a git worktree and a branch of its own. And the workspace `clone`: every
//! session gets a repository of its own ([`Cloned`]).
//!
//! - A worktree shares the project's objects, branches, stashes and configuration; only files, index and HEAD are its
//!   own. Submodules are left uninitialised and their directories empty: `postCreate` may run
//!   `git submodule update --init`.
//! - `create` makes a branch in one transaction with the record `refs/ao/created/<branch>`: the commit that it was made
//!   at. This is how a later `discard` knows, also after a crash, that the branch may go.
//! - `discard` removes nothing but what git checked out: every file goes through git's own comparison with the index,
//!   and directories are removed only when empty. A file that somebody wrote stays, and so does everything around it.
//! - git runs as a program, with the variables taken away that would make it look at another repository.

mod check_out;
mod clone;
mod create;
mod discard;
mod doctor;
mod exclude;
mod identify;
mod identities;
mod links;
mod list;
mod observe;
mod place;
mod porcelain;
mod preserve;
mod refs;
mod relocate;
mod repository;
mod restore;
mod retire;

use ao_plugin_sdk::prelude::*;

use ao_git_command::{Environment, Git};
pub use clone::{CloneConfig, Cloned};

/// The configuration of `worktree`: nothing yet.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {}

/// Makes git worktrees.
#[derive(Debug)]
pub struct Worktree {
    git: Git,
}

impl Worktree {
    /// The plugin with this environment for every git process, and nothing of its own process's.
    pub fn with_environment(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { git: Git::new(Environment::Only(variables.into_iter().collect())) }
    }
}

impl Plugin for Worktree {
    type Config = Config;

    fn new(_config: Config) -> Result<Self> {
        Ok(Self { git: Git::new(Environment::Inherited) })
    }
}

#[async_trait]
impl Workspace for Worktree {
    async fn create(&self, request: CreateWorkspace) -> Result<WorkspaceInfo> {
        create::create(&self.git, request).await
    }

    async fn check(&self, request: CreateWorkspace) -> Result<WorkspaceCheck> {
        create::check(&self.git, request).await
    }

    async fn discard(&self, request: DiscardWorkspace) -> Result<Discarded> {
        discard::discard(&self.git, request).await
    }

    async fn preserve(&self, request: PreserveWorkspace) -> Result<Receipt> {
        preserve::preserve(&self.git, request).await
    }

    async fn relocate(&self, request: RelocateWorkspace) -> Result<Relocated> {
        relocate::relocate(&self.git, request).await
    }

    async fn restore(&self, request: RestoreWorkspace) -> Result<WorkspaceInfo> {
        restore::restore(&self.git, request).await
    }

    async fn forget(&self, request: ForgetWorkspace) -> Result<Forgotten> {
        retire::forget(&self.git, request).await
    }

    async fn retire(&self, request: RetireBranch) -> Result<Retired> {
        retire::retire(&self.git, request).await
    }

    async fn observe(&self, request: ObserveWorkspaces) -> Result<Vec<WorkspaceObservation>> {
        Ok(observe::observe(&self.git, request).await)
    }

    async fn list(&self, request: ListWorkspaces) -> Result<Vec<WorkspaceInfo>> {
        list::list(&self.git, request).await
    }

    async fn identify(&self, request: IdentifySession) -> Result<Identified> {
        identify::identify(&self.git, request).await
    }

    async fn identities(&self, request: FindIdentities) -> Result<Identities> {
        identities::find(&self.git, request).await
    }

    async fn check_out(&self, request: CheckOutCommit) -> Result<CheckedOut> {
        check_out::check_out(&self.git, request).await
    }

    async fn release(&self, request: ReleaseCommit) -> Result<Released> {
        check_out::release(&self.git, request).await
    }

    async fn doctor(&self, _request: Doctor) -> Result<Vec<Finding>> {
        Ok(doctor::doctor(&self.git).await)
    }
}

export_plugin! {
    /// A git worktree and a branch for every session.
    workspace "worktree" => Worktree,
    /// A git clone of its own for every session.
    workspace "clone" => Cloned
}
