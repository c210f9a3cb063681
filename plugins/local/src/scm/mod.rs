//! The scm `local`.

use ao_plugin_sdk::prelude::*;

/// The configuration of the scm `local`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {}

/// Pull requests that live in a git repository.
#[derive(Debug)]
pub struct LocalScm {}

impl Plugin for LocalScm {
    type Config = Config;

    fn new(_config: Config) -> Result<Self> {
        Ok(Self {})
    }
}

#[async_trait]
impl Scm for LocalScm {
    async fn snapshot(&self, request: SnapshotRequest) -> Result<Snapshot> {
        let absent = |target: PullTarget| PullObservation::new(target.session, PullFound::Absent);
        Ok(Snapshot::new(request.targets.into_iter().map(absent).collect::<Vec<_>>()))
    }

    async fn check_log(&self, request: CheckLogRequest) -> Result<CheckLog> {
        Err(Error::not_found(format!("there is no log of {}", request.check)))
    }

    async fn merge(&self, request: MergeRequest) -> Result<MergeOutcome> {
        Err(Error::not_found(format!("there is no pull request {}", request.pull.number)))
    }
}
