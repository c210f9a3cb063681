//! The tracker `local`.

use ao_plugin_sdk::prelude::*;

/// The configuration of the tracker `local`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {}

/// Issues that live in a git repository.
#[derive(Debug)]
pub struct LocalTracker {}

impl Plugin for LocalTracker {
    type Config = Config;

    fn new(_config: Config) -> Result<Self> {
        Ok(Self {})
    }
}

#[async_trait]
impl Tracker for LocalTracker {
    async fn get(&self, request: GetIssue) -> Result<Issue> {
        Err(Error::not_found(format!("there is no issue {}", request.id)))
    }
}
