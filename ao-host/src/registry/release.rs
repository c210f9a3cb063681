//! A transport that can be let go of while callers still hold on to it: so that a replaced instance really ends.

use std::sync::{Arc, PoisonError, RwLock};

use ao_core::plugin::{BoxStream, CallContext, Transport};
use ao_core::{Error, Result};
use async_trait::async_trait;

/// The transport to an instance, until it is released.
pub(super) struct Releasable(RwLock<Option<Arc<dyn Transport>>>);

impl Releasable {
    pub(super) fn new(inner: Arc<dyn Transport>) -> Self {
        Self(RwLock::new(Some(inner)))
    }

    /// Drops the instance, or leaves that to the last call that is under way.
    pub(super) fn release(&self) {
        let inner = self.0.write().unwrap_or_else(PoisonError::into_inner).take();
        drop(inner);
    }

    fn inner(&self) -> Option<Arc<dyn Transport>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn released() -> Error {
    Error::unavailable("the plugin's instance has ended; the next call takes a new one")
}

#[async_trait]
impl Transport for Releasable {
    fn has(&self, method: &str) -> bool {
        // What is released answers so itself.
        self.0.read().unwrap_or_else(PoisonError::into_inner).as_ref().is_none_or(|inner| inner.has(method))
    }

    async fn call(&self, context: CallContext, method: &'static str, payload: Vec<u8>) -> Result<Vec<u8>> {
        self.inner().ok_or_else(released)?.call(context, method, payload).await
    }

    async fn open(&self, context: CallContext, method: &'static str, payload: Vec<u8>) -> Result<BoxStream> {
        self.inner().ok_or_else(released)?.open(context, method, payload).await
    }
}
