//! Listening to a server: waited for until it answers, and listened to again where the connection ends.

use std::time::Duration;

use tokio::sync::mpsc;

use crate::http::Client;
use crate::server::answers;
use crate::talk::Input;

/// Before a connection that ended is made again.
const AGAIN_AFTER: Duration = Duration::from_millis(200);

/// Hands on what a server tells, for as long as somebody listens.
pub(super) async fn listen(client: Client, heard: mpsc::Sender<Input>) {
    loop {
        let version = answers(&client).await;
        if let Ok(mut events) = client.events().await {
            // In this order: what happens from here on is heard.
            let beginning = [Input::Up { version }, Input::Listening];
            for input in beginning {
                if heard.send(input).await.is_err() {
                    return;
                }
            }
            while let Some(told) = events.next().await {
                for event in told {
                    if heard.send(Input::Told(event)).await.is_err() {
                        return;
                    }
                }
            }
        }
        tokio::time::sleep(AGAIN_AFTER).await;
    }
}
