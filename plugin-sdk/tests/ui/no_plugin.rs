//! The type is no `Plugin`.

use ao_plugin_sdk::prelude::*;

struct Mine;

#[async_trait]
impl Notifier for Mine {
    async fn notify(&self, _request: Notification) -> Result<Notified> {
        Ok(Notified::new())
    }
}

export_plugin! { notifier "mine" => Mine }

fn main() {}
