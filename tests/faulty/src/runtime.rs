//! A runtime whose terminals misbehave, but for an honest one whose handle has the key `echo`. It has no sessions.

use std::sync::atomic::{AtomicBool, Ordering};

use ao_plugin_sdk::prelude::*;

use crate::probe::Echo;
use crate::{Config, Place};

/// The runtime.
pub struct FaultyRuntime {
    config: Config,
}

impl Plugin for FaultyRuntime {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        Ok(Self { config })
    }
}

fn no_sessions<T>() -> Result<T> {
    Err(Error::unsupported("sessions"))
}

#[async_trait]
impl Runtime for FaultyRuntime {
    async fn create(&self, _request: CreateRuntime) -> Result<RuntimeHandle> {
        no_sessions()
    }

    async fn destroy(&self, _request: DestroyRuntime) -> Result<Destroyed> {
        Ok(Destroyed::new())
    }

    async fn send(&self, _request: SendInput) -> Result<Delivery> {
        no_sessions()
    }

    async fn observe(&self, _request: ObserveRuntimes) -> Result<Vec<RuntimeObservation>> {
        no_sessions()
    }

    async fn list(&self, _request: ListRuntimes) -> Result<Vec<RuntimeHandle>> {
        Ok(Vec::new())
    }

    async fn output(&self, _request: ReadOutput) -> Result<Output> {
        no_sessions()
    }

    async fn attach(&self, _request: Attach) -> Result<AttachPlan> {
        Ok(AttachPlan::Stream)
    }

    async fn terminal(&self, request: OpenTerminal) -> Result<BoxStream> {
        if request.handle.key == "echo" {
            return Ok(Box::new(Echo::new()));
        }
        Ok(Box::new(FaultyStream { config: self.config, greeted: AtomicBool::new(false) }))
    }
}

/// A stream of one honest frame; what follows is the fault.
struct FaultyStream {
    config: Config,
    greeted: AtomicBool,
}

#[async_trait]
impl Stream for FaultyStream {
    async fn next(&self) -> Result<Option<Frame>> {
        if !self.greeted.swap(true, Ordering::Relaxed) {
            return Ok(Some(Frame::Data(b"hello".to_vec())));
        }
        if self.config.at != Place::Stream {
            return Ok(None);
        }
        let answer = self.config.fault.answer().await?;
        Ok(Some(Frame::Data(answer.into_bytes())))
    }

    async fn send(&self, _frame: Frame) -> Result<()> {
        Ok(())
    }
}

impl Drop for FaultyStream {
    fn drop(&mut self) {
        if self.config.at == Place::Drop {
            let _ = self.config.fault.now();
        }
    }
}
