//! Two-way streams: terminals and wake-ups.

use async_trait::async_trait;
use serde_json::Value;

use crate::Result;

/// One piece of a stream.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Frame {
    /// Raw bytes, at most 64 KiB.
    Data(Vec<u8>),
    /// A control message, such as `{"kind":"resize","columns":80,"rows":24}`.
    Control(Value),
}

/// An open stream. Dropping it closes it.
#[async_trait]
pub trait Stream: Send + Sync {
    /// The next frame from the plugin; `None` at the end.
    async fn next(&self) -> Result<Option<Frame>>;

    /// Sends a frame to the plugin; returns when the plugin has taken it.
    async fn send(&self, frame: Frame) -> Result<()>;
}

/// What an `open` method returns.
pub type BoxStream = Box<dyn Stream>;
