//! The settings of the probe.

use ao_plugin_sdk::prelude::*;

/// What stands under the plugin's block.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Config {
    /// Shown in the plugin's answers.
    pub label: String,
    /// A secret; shown by its length only.
    pub token: Option<String>,
    /// A number that must be small.
    #[schemars(range(max = 10))]
    pub level: u8,
}

impl Config {
    /// The secret, for who gives it away.
    pub(crate) fn token(&self) -> &str {
        self.token.as_deref().unwrap_or_default()
    }

    /// The configuration as the answers show it.
    #[must_use]
    pub fn shown(&self) -> String {
        let token = self.token.as_ref().map_or(0, String::len);
        format!("label={} level={} token={token} characters", self.label, self.level)
    }
}
