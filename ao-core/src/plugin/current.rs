//! Who is called and by whom: the context and the host of the call that is being polled on this thread.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use super::Host;

/// What travels with a call, on either side of the boundary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct CallContext {
    /// The host's number for the call; 0 outside of any.
    pub id: u64,
    /// When the host stops waiting; `None` is never.
    pub deadline: Option<Instant>,
}

thread_local! {
    static CURRENT: RefCell<CallContext> = const { RefCell::new(CallContext { id: 0, deadline: None }) };
    static HOST: RefCell<Option<Arc<dyn Host>>> = const { RefCell::new(None) };
}

/// The context of the call that is being polled on this thread.
#[must_use]
pub fn current() -> CallContext {
    // Code that runs while the thread ends, such as a thread-local's destructor, belongs to no call.
    CURRENT.try_with(|context| context.try_borrow().map(|context| *context).unwrap_or_default()).unwrap_or_default()
}

/// The host of the instance whose call is being polled on this thread; none outside of any.
#[must_use]
pub fn current_host() -> Option<Arc<dyn Host>> {
    HOST.try_with(|host| host.try_borrow().ok()?.clone()).ok().flatten()
}

/// Runs `work` with `context` as [`current`].
pub fn enter<T>(context: CallContext, work: impl FnOnce() -> T) -> T {
    struct Restore(CallContext);
    impl Drop for Restore {
        fn drop(&mut self) {
            CURRENT.set(self.0);
        }
    }
    let _restore = Restore(CURRENT.replace(context));
    work()
}

/// Runs `work` with this host as [`current_host`], or with none.
pub fn enter_host<T>(host: Option<Arc<dyn Host>>, work: impl FnOnce() -> T) -> T {
    struct Restore(Option<Arc<dyn Host>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            let _ = HOST.try_with(|host| host.replace(self.0.take()));
        }
    }
    // A thread that ends has none any more.
    let _restore = Restore(HOST.try_with(|current| current.replace(host)).ok().flatten());
    work()
}

/// Runs a future with `context` as [`current`] whenever it is polled.
pub async fn scope<F: Future>(context: CallContext, future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|cx| enter(context, || future.as_mut().poll(cx))).await
}

/// Runs a future with this host as [`current_host`] whenever it is polled.
pub async fn scope_host<F: Future>(host: Option<Arc<dyn Host>>, future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|cx| enter_host(host.clone(), || future.as_mut().poll(cx))).await
}
