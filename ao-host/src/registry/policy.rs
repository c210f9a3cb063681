//! What the host does around each call of a plugin: its number, its deadline, and a line in the log when it fails.

#![expect(clippy::disallowed_methods, reason = "a deadline is a point on this process's own monotonic clock")]

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ao_core::config::Secrets;
use ao_core::plugin::{CallContext, CallPolicy, Host, Method};
use ao_core::slots::Slot;
use ao_core::{Error, Result};
use async_trait::async_trait;

/// Time limits of single methods in place of the contract's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deadlines(BTreeMap<(Slot, String), Duration>);

impl Deadlines {
    /// From slot, method and limit.
    pub fn new(limits: impl IntoIterator<Item = (Slot, String, Duration)>) -> Self {
        Self(limits.into_iter().map(|(slot, method, limit)| ((slot, method), limit)).collect())
    }

    pub(super) fn of(&self, slot: Slot, method: &str) -> Option<Duration> {
        self.0.iter().find(|((at, name), _)| *at == slot && name == method).map(|(_, limit)| *limit)
    }
}

/// The policy of one instance.
pub(super) struct InstancePolicy {
    pub(super) slot: Slot,
    pub(super) name: String,
    pub(super) deadlines: Deadlines,
    pub(super) calls: Arc<AtomicU64>,
    pub(super) secrets: Secrets,
}

/// A plugin may quote its configuration, with what its references stood for.
pub(super) fn mask(error: &mut Error, secrets: &Secrets) {
    error.message = secrets.mask(&error.message);
    for cause in &mut error.chain {
        *cause = secrets.mask(cause);
    }
}

impl CallPolicy for InstancePolicy {
    fn admit(&self, method: &Method) -> Result<CallContext> {
        let limit = self.deadlines.of(self.slot, method.name).or(method.deadline);
        let id = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        Ok(CallContext { id, deadline: limit.map(|limit| Instant::now() + limit) })
    }

    fn timer(&self, deadline: Instant) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(tokio::time::sleep_until(deadline.into()))
    }

    fn record(&self, method: &Method, context: CallContext, failure: Option<&mut Error>) {
        if let Some(error) = failure {
            mask(error, &self.secrets);
            let (slot, name) = (self.slot, &self.name);
            tracing::debug!(call = context.id, "{slot} `{name}`, {}: {}: {error}", method.name, error.code);
        }
    }
}

/// Puts the lines of a library into the host's log.
pub(super) struct Lines {
    pub(super) name: String,
    pub(super) secrets: Secrets,
}

macro_rules! at_level {
    ($level:expr, $emit:ident $($arguments:tt)*) => {
        match $level {
            0 | 1 => tracing::$emit!(target: "ao::plugin", tracing::Level::ERROR, $($arguments)*),
            2 => tracing::$emit!(target: "ao::plugin", tracing::Level::WARN, $($arguments)*),
            3 => tracing::$emit!(target: "ao::plugin", tracing::Level::INFO, $($arguments)*),
            4 => tracing::$emit!(target: "ao::plugin", tracing::Level::DEBUG, $($arguments)*),
            _ => tracing::$emit!(target: "ao::plugin", tracing::Level::TRACE, $($arguments)*),
        }
    };
}

#[async_trait]
impl Host for Lines {
    fn log_enabled(&self, level: u8, _target: &str) -> bool {
        at_level!(level, enabled)
    }

    fn log(&self, call: u64, level: u8, target: &str, message: &str) {
        let plugin = &self.name;
        // A line is one line, and no terminal acts on it.
        let message = self.secrets.mask(message).escape_debug().to_string();
        at_level!(level, event plugin, module = target, call, "{message}");
    }

    async fn call(&self, method: &str, _payload: Vec<u8>) -> Result<Vec<u8>> {
        Err(Error::unsupported(format!("this host answers no `{method}`")))
    }
}
