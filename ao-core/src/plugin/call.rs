//! The guard around every call of a slot method, and the context that travels with the call.
//!
//! The policy (timer, breaker, span) is the host's; the mechanism is here, so that linked-in plugins and loaded
//! libraries are called through the same code.

use std::any::Any;
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Instant;

use super::Method;
use crate::{Code, Error, Result};

/// What travels with a call, on either side of the boundary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct CallContext {
    /// The host's number for the call; 0 outside of any.
    pub id: u64,
    /// When the host stops waiting; `None` is never.
    pub deadline: Option<Instant>,
}

/// What the host does around each call.
pub trait CallPolicy: Send + Sync {
    /// Admits a call and gives it its context, or refuses it, as a breaker does.
    fn admit(&self, method: &Method) -> Result<CallContext>;

    /// Ends when the call's time is over. Not asked for a call without a deadline.
    fn timer(&self, deadline: Instant) -> Pin<Box<dyn Future<Output = ()> + Send>>;

    /// Learns how an admitted call ended.
    fn record(&self, method: &Method, context: CallContext, failure: Option<&Error>);
}

thread_local! {
    static CURRENT: RefCell<CallContext> = const { RefCell::new(CallContext { id: 0, deadline: None }) };
}

/// The context of the call that is being polled on this thread.
#[must_use]
pub fn current() -> CallContext {
    CURRENT.with_borrow(|context| *context)
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

/// Runs a future with `context` as [`current`] whenever it is polled.
pub async fn scope<F: Future>(context: CallContext, future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|cx| enter(context, || future.as_mut().poll(cx))).await
}

/// Runs a call and turns a panic in it into an error. `what` names the call.
pub async fn capture<T>(what: &str, call: impl Future<Output = Result<T>>) -> Result<T> {
    let mut call = pin!(call);
    poll_fn(|cx| {
        let polled = catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(cx)));
        polled.unwrap_or_else(|panic| Poll::Ready(Err(panicked(what, &*panic))))
    })
    .await
}

/// Runs one call under a policy: admission, deadline, capture of panics, record of the outcome.
pub async fn guard<T>(policy: &dyn CallPolicy, method: &Method, call: impl Future<Output = Result<T>>) -> Result<T> {
    let context = policy.admit(method)?;
    let mut call = pin!(capture(method.name, scope(context, call)));
    let mut timer = context.deadline.map(|deadline| policy.timer(deadline));
    let result = poll_fn(|cx| {
        if let Poll::Ready(result) = call.as_mut().poll(cx) {
            return Poll::Ready(result);
        }
        match timer.as_mut().map(|timer| timer.as_mut().poll(cx)) {
            Some(Poll::Ready(())) => {
                Poll::Ready(Err(Error::new(Code::TIMEOUT, format!("`{}` did not answer in time", method.name))))
            }
            _ => Poll::Pending,
        }
    })
    .await;
    policy.record(method, context, result.as_ref().err());
    result
}

/// The error that a panic becomes. `what` names the work that panicked.
#[must_use]
pub fn panicked(what: &str, panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().copied();
    let said =
        text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("a value that is not text");
    Error::new(Code::PANIC, format!("`{what}` panicked: {said}"))
}
