//! A type that cannot be used from several threads.

use std::rc::Rc;

use ao_plugin_sdk::prelude::*;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Config {}

struct Mine(Rc<str>);

impl Plugin for Mine {
    type Config = Config;

    fn new(_config: Config) -> Result<Self> {
        Ok(Self("".into()))
    }
}

#[async_trait]
impl Notifier for Mine {
    async fn notify(&self, _request: Notification) -> Result<Notified> {
        Ok(Notified::new())
    }
}

export_plugin! { notifier "mine" => Mine }

fn main() {}
