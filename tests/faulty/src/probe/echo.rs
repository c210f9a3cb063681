//! A stream that sends back what it gets. Some control frames make it misbehave; the host's tests send them.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use ao_plugin_sdk::prelude::*;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// The stream. It holds one frame; who sends another waits until the first was read.
pub(crate) struct Echo {
    sender: Mutex<Option<Sender<Frame>>>,
    receiver: tokio::sync::Mutex<Receiver<Frame>>,
    panics_in_drop: AtomicBool,
}

impl Echo {
    pub(crate) fn new() -> Self {
        let (sender, receiver) = channel(1);
        Self { sender: Mutex::new(Some(sender)), receiver: receiver.into(), panics_in_drop: AtomicBool::new(false) }
    }

    fn sender(&self) -> Result<Sender<Frame>> {
        let closed = || Error::conflict("the stream has ended");
        self.sender.lock().map_err(|_| closed())?.clone().ok_or_else(closed)
    }
}

/// What a control frame asks for.
fn kind(frame: &Frame) -> &str {
    match frame {
        Frame::Control(value) => value["kind"].as_str().unwrap_or_default(),
        _ => "",
    }
}

#[async_trait]
impl Stream for Echo {
    async fn next(&self) -> Result<Option<Frame>> {
        let Some(frame) = self.receiver.lock().await.recv().await else { return Ok(None) };
        match kind(&frame) {
            "fail" => Err(Error::unavailable("the line is cut")),
            "panic_next" => panic!("a stream that panics"),
            "big" => Ok(Some(Frame::Data(vec![0; Frame::MAX_DATA + 1]))),
            _ => Ok(Some(frame)),
        }
    }

    async fn send(&self, frame: Frame) -> Result<()> {
        match kind(&frame) {
            "exit" => {
                self.sender.lock().map_err(|_| Error::conflict("the stream has ended"))?.take();
                Ok(())
            }
            "panic_send" => panic!("a stream that panics"),
            "panic_drop" => {
                self.panics_in_drop.store(true, Ordering::Relaxed);
                Ok(())
            }
            _ => self.sender()?.send(frame).await.map_err(|_| Error::conflict("the stream has ended")),
        }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        tracing::info!("the terminal is closed");
        assert!(!self.panics_in_drop.load(Ordering::Relaxed), "a stream that panics in its drop");
    }
}
