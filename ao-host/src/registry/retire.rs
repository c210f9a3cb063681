//! The end of an instance: what is under way ends, then it is told, then it is dropped.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use ao_core::plugin::{CallContext, Host, Life, SHUTDOWN, capture, scope, scope_host};
use ao_core::slots::Instance;
use tokio::task::JoinSet;

use super::policy::InstancePolicy;
use super::release::Releasable;
use crate::registry::{Entry, Origin};

/// How long an instance has for its shutdown.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(5);

/// An instance that is in use.
pub(super) struct Live {
    /// What it was made from.
    pub(super) entry: Arc<Entry>,
    /// What the registry hands out.
    pub(super) guarded: Instance,
    pub(super) policy: Arc<InstancePolicy>,
    pub(super) life: Arc<dyn Life>,
    /// The way to it, for one that is not linked in.
    pub(super) transport: Option<Arc<Releasable>>,
}

/// Instances that take no further calls. [`finish`](Self::finish) brings them to their end; without it, they end with
/// their last handle and are not told.
#[must_use = "instances are told of their end by `finish`"]
pub struct Retired(pub(super) Vec<Live>);

impl fmt::Debug for Retired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|live| live.policy.name.as_str())).finish()
    }
}

impl Retired {
    /// Whether there is nothing to bring to an end.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Waits for the calls and streams that are under way, then shuts the instances down (five seconds each, all at
    /// once) and drops them.
    pub async fn finish(self) {
        let mut ends = JoinSet::new();
        for live in self.0 {
            ends.spawn(async move {
                live.policy.drained().await;
                live.end().await;
            });
        }
        while ends.join_next().await.is_some() {}
    }

    /// The same, waiting at most so long for what is under way.
    pub(super) async fn finish_within(self, limit: Duration) {
        let mut ends = JoinSet::new();
        for live in self.0 {
            ends.spawn(async move {
                let _ = tokio::time::timeout(limit, live.policy.drained()).await;
                live.end().await;
            });
        }
        while ends.join_next().await.is_some() {}
    }
}

impl Live {
    #[expect(clippy::disallowed_methods, reason = "a deadline is a point on the monotonic clock")]
    async fn end(self) {
        if !self.policy.answers() {
            // It would not hear it, and the wait would be in vain.
            return self.let_go();
        }
        let deadline = std::time::Instant::now() + SHUTDOWN_LIMIT;
        let context = CallContext { id: 0, deadline: Some(deadline) };
        let linked_in = self.policy.origin == Origin::LinkedIn;
        let host = linked_in.then(|| Arc::clone(&self.policy.host) as Arc<dyn Host>);
        let told = scope(context, scope_host(host, capture(SHUTDOWN, self.life.shutdown())));
        let name = self.policy.name.clone();
        match tokio::time::timeout_at(deadline.into(), told).await {
            Ok(Ok(())) => {}
            Ok(Err(mut error)) => {
                self.policy.host.masks.error(&mut error);
                tracing::warn!("the plugin `{name}` could not shut down: {error}");
            }
            Err(_) => tracing::warn!("the plugin `{name}` did not shut down within {} s", SHUTDOWN_LIMIT.as_secs()),
        }
        self.let_go();
    }

    fn let_go(self) {
        let drop_it = || {
            if let Some(transport) = &self.transport {
                transport.release();
            }
            drop(self);
        };
        // A linked-in plugin may panic in its drop.
        let _ = catch_unwind(AssertUnwindSafe(drop_it));
    }
}
