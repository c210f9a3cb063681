//! The current call, as a plugin sees it.

use std::time::{Duration, Instant};

use ao_core::plugin::{current, current_host, enter, enter_host, panicked};
use ao_core::{Code, Error, Result};

/// How much time is left for the current call; `None` when it has no limit.
///
/// The host stops waiting then. Work that takes longer should be cut short by the plugin, so that its error can say
/// what took so long.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the deadline is a point on this process's own monotonic clock")]
pub fn deadline() -> Option<Duration> {
    current().deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
}

/// Runs work that blocks its thread, such as reading a large file, beside the calls of this library.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let (context, host) = (current(), current_host());
    let work = move || enter(context, || enter_host(host, work));
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) if error.is_panic() => Err(panicked("blocking work", &*error.into_panic())),
        Err(_) => Err(Error::new(Code::CANCELLED, "blocking work was cancelled")),
    }
}
