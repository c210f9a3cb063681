//! One slot and name, twice.

use ao_plugin_sdk::prelude::*;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Config {}

struct Mine;

impl Plugin for Mine {
    type Config = Config;

    fn new(_config: Config) -> Result<Self> {
        Ok(Self)
    }
}

#[async_trait]
impl Notifier for Mine {
    async fn notify(&self, _request: Notification) -> Result<Notified> {
        Ok(Notified::new())
    }
}

export_plugin! { notifier "mine" => Mine, notifier "mine" => Mine }

fn main() {}
