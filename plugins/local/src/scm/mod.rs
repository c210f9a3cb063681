//! The scm `local`: pull requests that live in a git repository, with nothing but git.
//!
//! - A pull request is `refs/ao/prs/<number>`: a commit whose tree holds `pull.json` (`record`) and a file for everything
//!   that was said or done, below `remarks/` (`entry`). Each change is a commit on the former one, so the ref is also
//!   the pull request's history. `git fetch origin "refs/ao/*:refs/ao/*"` carries them along.
//! - A change is one `git fast-import`, whose last step moves the ref, and only from where it was read (`write`). Who
//!   loses a race reads again.
//! - The commits of a pull request that are not on a branch any more stay: they are parents of its own commits.
//! - What there is to see is computed from refs and objects (`snapshot`), in a number of git processes that depends on
//!   the number of bases, not of pull requests; what was read of a commit is kept, as no commit changes.
//! - Looking writes nothing, not even loose objects. Merging (`merge`) touches a check-out only by git's own
//!   `merge --ff-only`.

mod change;
mod checkout;
mod conflicts;
mod decide;
mod diff;
mod doctor;
mod effect;
mod entry;
mod identity;
mod list;
mod merge;
mod objects;
mod oid;
mod open;
mod pull;
mod record;
mod refs;
mod repository;
mod snapshot;
mod standing;
mod text;
mod view;
mod write;

use ao_plugin_sdk::prelude::*;

use ao_git_command::{Environment, Git};
use repository::Repository;

/// The configuration of the scm `local`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Config {
    /// The repository with the pull requests, as an absolute path: for example a bare one that everybody pushes to. The
    /// project's own unless set.
    #[schemars(with = "Option<String>")]
    pub repository: Option<Utf8PathBuf>,
    /// What a merge does where its base is checked out.
    pub update_checkout: UpdateCheckout,
    /// Whether a pull request waits for a review before it is merged by itself.
    pub review: Review,
}

/// Whether a review is wanted that nobody has given yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Review {
    /// Each pull request waits for one.
    #[default]
    Wanted,
    /// What nobody looks at may be merged all the same.
    Optional,
}

/// What a merge does where its base is checked out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UpdateCheckout {
    /// Runs `git merge --ff-only` there, which refuses to overwrite what is not committed.
    #[default]
    FfOnly,
    /// Nothing: it says which command brings it in.
    Never,
}

/// Pull requests that live in a git repository.
#[derive(Debug)]
pub struct LocalScm {
    git: Git,
    config: Config,
    seen: pull::Seen,
    known: standing::Known,
    foretold: conflicts::Foretold,
    answered: snapshot::Answered,
}

impl LocalScm {
    /// The plugin with this environment for every git process, and nothing of its own process's.
    pub fn with_environment(config: Config, variables: impl IntoIterator<Item = (String, String)>) -> Result<Self> {
        Self::with(config, Environment::Only(variables.into_iter().collect()))
    }

    fn with(config: Config, environment: Environment) -> Result<Self> {
        if let Some(path) = config.repository.as_ref().filter(|path| !path.is_absolute()) {
            let message = format!("`{path}` is not an absolute path; write where the repository is from `/` on");
            return Err(Error::invalid_input(message).at_field("repository"));
        }
        let git = Git::new(environment);
        let (seen, known) = (pull::Seen::default(), standing::Known::default());
        let (foretold, answered) = (conflicts::Foretold::default(), snapshot::Answered::default());
        Ok(Self { git, config, seen, known, foretold, answered })
    }

    /// The repository of a request.
    async fn repository(&self, named: &str) -> Result<Repository<'_>> {
        let path = repository::locate(self.config.repository.as_deref(), named)?;
        repository::open(&self.git, &path).await
    }
}

impl Plugin for LocalScm {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        Self::with(config, Environment::Inherited)
    }
}

#[async_trait]
impl Scm for LocalScm {
    async fn snapshot(&self, request: SnapshotRequest) -> Result<Snapshot> {
        snapshot::snapshot(self, request).await
    }

    async fn list(&self, request: ListPulls) -> Result<PullPage> {
        list::list(self, request).await
    }

    async fn conversation(&self, request: ConversationRequest) -> Result<Conversation> {
        let repository = self.repository(&request.repository).await?;
        let (_, pull) = pull::one(self, &repository, &request.pull).await?;
        Ok(Conversation::new(decide::remarks(&pull.entries)))
    }

    async fn diff(&self, request: PullDiffRequest) -> Result<PullDiff> {
        diff::diff(self, request).await
    }

    async fn check_log(&self, request: CheckLogRequest) -> Result<CheckLog> {
        Err(Error::not_found(format!(
            "there is no log of `{}` here: the host runs the checks of local pull requests, and keeps their logs",
            request.check
        )))
    }

    async fn open_pull(&self, request: OpenPull) -> Result<PullRef> {
        open::open(self, request).await
    }

    async fn merge(&self, request: MergeRequest) -> Result<MergeOutcome> {
        merge::merge(self, request).await
    }

    async fn update(&self, request: UpdatePull) -> Result<PullRef> {
        change::update(self, request).await
    }

    async fn find_effect(&self, request: FindEffect) -> Result<Proof> {
        effect::find(self, request).await
    }

    async fn checkout(&self, request: CheckoutRequest) -> Result<RefSpec> {
        checkout::checkout(self, request).await
    }

    async fn doctor(&self, _request: Doctor) -> Result<Vec<Finding>> {
        Ok(doctor::doctor(&self.git).await)
    }
}
