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

    /// Learns how an admitted call ended, and may take out of its error what nobody is to read.
    fn record(&self, method: &Method, context: CallContext, failure: Option<&mut Error>);
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
    let mut result = poll_fn(|cx| {
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
    policy.record(method, context, result.as_mut().err());
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::task::{Context, Waker};

    use super::*;
    use crate::plugin::{Class, Kind};

    const METHOD: Method = Method { name: "get", kind: Kind::Call, deadline: None, class: Class::Idempotent };

    /// Refuses when it is told to, and keeps what it learns.
    #[derive(Default)]
    struct Policy {
        refuses: bool,
        deadline: Option<Instant>,
        learned: Mutex<Vec<Option<Code>>>,
    }

    impl CallPolicy for Policy {
        fn admit(&self, _: &Method) -> Result<CallContext> {
            if self.refuses {
                Err(Error::unavailable("open"))
            } else {
                Ok(CallContext { id: 7, deadline: self.deadline })
            }
        }

        fn timer(&self, _: Instant) -> Pin<Box<dyn Future<Output = ()> + Send>> {
            Box::pin(std::future::ready(()))
        }

        fn record(&self, _: &Method, context: CallContext, failure: Option<&mut Error>) {
            assert_eq!(context.id, 7);
            self.learned.lock().unwrap().push(failure.map(|error| error.code.clone()));
        }
    }

    fn now<T>(future: impl Future<Output = T>) -> T {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => value,
            Poll::Pending => panic!("the call waits for something"),
        }
    }

    #[test]
    fn a_call_sees_its_context_and_nothing_afterwards() {
        let policy = Policy::default();
        assert_eq!(now(guard(&policy, &METHOD, async { Ok(current().id) })), Ok(7));
        assert_eq!(current(), CallContext::default());
        assert_eq!(policy.learned.into_inner().unwrap(), [None]);
    }

    #[test]
    fn a_panic_is_an_error_and_leaves_no_context_behind() {
        let policy = Policy::default();
        let panicking = async { if current().id == 7 { panic!("on {}", "purpose") } else { Ok(()) } };
        let error = now(guard(&policy, &METHOD, panicking)).unwrap_err();
        assert_eq!((error.code, error.message.as_str()), (Code::PANIC, "`get` panicked: on purpose"));
        assert_eq!(current(), CallContext::default());
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a deadline is a point on the monotonic clock")]
    fn a_deadline_ends_a_call() {
        let policy = Policy { deadline: Some(Instant::now()), ..Policy::default() };
        let error = now(guard(&policy, &METHOD, std::future::pending::<Result<()>>())).unwrap_err();
        assert!(error.outcome_unknown());
        assert_eq!(policy.learned.into_inner().unwrap(), [Some(Code::TIMEOUT)]);
    }

    #[test]
    fn a_refused_call_is_never_polled() {
        let policy = Policy { refuses: true, ..Policy::default() };
        let unpolled: std::future::PollFn<_> = poll_fn(|_| -> Poll<Result<()>> { panic!("it was polled") });
        assert_eq!(now(guard(&policy, &METHOD, unpolled)).unwrap_err().code, Code::UNAVAILABLE);
    }
}
