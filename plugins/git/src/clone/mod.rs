//! The workspace `clone`: every session gets a repository of its own, with its own branches, stashes and configuration.
//!
//! - A clone shares nothing that can change with the project: objects are hard links where the file system has them, and
//!   copies elsewhere. What is committed in it is in the project once somebody fetches it.
//! - Where clones stand is written down in the project's repository, `refs/ao/clones/<session>`, before each is made: so a
//!   directory is only ever touched that `create` made.
//! - `preserve` is that of a worktree, within the clone; then everything that the project has not is fetched into it.
//! - The clone's `origin` is the project's, and its settings for identities, filters and line ends are the project's.

mod discard;
mod keep;
mod make;
mod marker;
mod record;
mod see;

use ao_plugin_sdk::prelude::*;

use crate::{check_out, doctor, identify, retire};
use ao_git_command::{Environment, Git};

/// The configuration of `clone`: nothing yet.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CloneConfig {}

/// Makes clones.
#[derive(Debug)]
pub struct Cloned {
    git: Git,
}

impl Cloned {
    /// The plugin with this environment for every git process, and nothing of its own process's.
    pub fn with_environment(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { git: Git::new(Environment::Only(variables.into_iter().collect())) }
    }
}

impl Plugin for Cloned {
    type Config = CloneConfig;

    fn new(_config: CloneConfig) -> Result<Self> {
        Ok(Self { git: Git::new(Environment::Inherited) })
    }
}

#[async_trait]
impl Workspace for Cloned {
    async fn create(&self, request: CreateWorkspace) -> Result<WorkspaceInfo> {
        make::create(&self.git, request).await
    }

    async fn check(&self, request: CreateWorkspace) -> Result<WorkspaceCheck> {
        crate::create::check(&self.git, request).await
    }

    async fn discard(&self, request: DiscardWorkspace) -> Result<Discarded> {
        discard::discard(&self.git, request).await
    }

    async fn preserve(&self, request: PreserveWorkspace) -> Result<Receipt> {
        keep::preserve(&self.git, request).await
    }

    async fn relocate(&self, request: RelocateWorkspace) -> Result<Relocated> {
        keep::relocate(&self.git, request).await
    }

    async fn restore(&self, request: RestoreWorkspace) -> Result<WorkspaceInfo> {
        keep::restore(&self.git, request).await
    }

    async fn forget(&self, request: ForgetWorkspace) -> Result<Forgotten> {
        keep::forget(&self.git, request).await
    }

    async fn retire(&self, request: RetireBranch) -> Result<Retired> {
        retire::retire(&self.git, request).await
    }

    async fn observe(&self, request: ObserveWorkspaces) -> Result<Vec<WorkspaceObservation>> {
        Ok(see::observe(&self.git, request).await)
    }

    async fn list(&self, request: ListWorkspaces) -> Result<Vec<WorkspaceInfo>> {
        see::list(&self.git, request).await
    }

    async fn identify(&self, request: IdentifySession) -> Result<Identified> {
        identify::identify(&self.git, request).await
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
