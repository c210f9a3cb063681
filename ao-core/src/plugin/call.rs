//! The guard around every call of a slot method, and the context that travels with the call.
//!
//! The policy (timer, breaker, span) is the host's; the mechanism is here, so that linked-in plugins and loaded
//! libraries are called through the same code.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use tracing::Span;

use super::stream::GuardedStream;
use super::{BoxStream, CallContext, Host, Method, enter, enter_host};
use crate::{Code, Error, Result};

/// What the host does around each call.
pub trait CallPolicy: Send + Sync {
    /// Admits a call and gives it its context, or refuses it, as a breaker does.
    fn admit(&self, method: &Method) -> Result<Admission>;

    /// Finds out whether the plugin answers at all; asked for after [`Admission::Probe`], which is then asked again.
    fn probe(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::ready(()))
    }

    /// Ends when the call's time is over. Not asked for a call without a deadline.
    fn timer(&self, deadline: Instant) -> Pin<Box<dyn Future<Output = ()> + Send>>;

    /// Learns how an admitted call ended, once for each.
    fn record(&self, method: &Method, context: CallContext, outcome: Outcome<'_>);

    /// Learns what becomes of a stream that an admitted call opened.
    fn stream(&self, method: &Method, context: CallContext, event: StreamEvent<'_>);

    /// The host that the plugin finds as [`current_host`](super::current_host); none for one that lives elsewhere and
    /// finds it there.
    fn host(&self) -> Option<Arc<dyn Host>> {
        None
    }

    /// The span that the call runs in.
    fn span(&self, method: &Method, context: CallContext) -> Span {
        let _ = (method, context);
        Span::none()
    }
}

/// What a policy answers to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It may run.
    Go(CallContext),
    /// It is not known whether the plugin answers: probe it first, then ask again.
    Probe,
}

/// How an admitted call ended.
#[derive(Debug)]
pub enum Outcome<'a> {
    /// With an answer.
    Answered,
    /// With an error. The policy may take out of it what nobody is to read.
    Failed(&'a mut Error),
    /// The caller dropped it.
    Dropped,
}

/// What becomes of an open stream.
#[derive(Debug)]
pub enum StreamEvent<'a> {
    /// It was opened.
    Opened,
    /// A frame was not sent or received. The policy may take out of the error what nobody is to read.
    Failed(&'a mut Error),
    /// It is closed.
    Closed,
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
    let (open, value) = run(policy, method, call).await?;
    open.end(None);
    Ok(value)
}

/// Opens a stream under a policy, which also guards what the stream does.
pub async fn guard_open(
    policy: &Arc<dyn CallPolicy>,
    method: &'static Method,
    call: impl Future<Output = Result<BoxStream>>,
) -> Result<BoxStream> {
    let (open, stream) = run(&**policy, method, call).await?;
    // The stream is there before the call is over: in between, nothing would be under way.
    let stream = GuardedStream::new(stream, Arc::clone(policy), method, open.context);
    open.end(None);
    Ok(Box::new(stream))
}

/// Runs a call. One that was answered is still open: the caller ends it.
async fn run<'a, T>(
    policy: &'a dyn CallPolicy,
    method: &'a Method,
    call: impl Future<Output = Result<T>>,
) -> Result<(Open<'a>, T)> {
    let context = admitted(policy, method).await?;
    let open = Open { policy, method, context, ended: false };
    let (host, span) = (policy.host(), policy.span(method, context));
    let mut call = pin!(capture(method.name, call));
    let mut timer = context.deadline.map(|deadline| policy.timer(deadline));
    let result = poll_fn(|cx| {
        let poll = || enter(context, || enter_host(host.clone(), || call.as_mut().poll(cx)));
        if let Poll::Ready(result) = span.in_scope(poll) {
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
    match result {
        Ok(value) => Ok((open, value)),
        Err(mut error) => {
            open.end(Some(&mut error));
            Err(error)
        }
    }
}

/// A probe that is asked for again and again ends here: the policy refuses.
const PROBES: usize = 3;

async fn admitted(policy: &dyn CallPolicy, method: &Method) -> Result<CallContext> {
    for _ in 0..PROBES {
        match policy.admit(method)? {
            Admission::Go(context) => return Ok(context),
            Admission::Probe => policy.probe().await,
        }
    }
    Err(Error::unavailable(format!("`{}` was not called: whether the plugin answers is being looked at", method.name)))
}

/// An admitted call, whose end is recorded whatever becomes of it.
struct Open<'a> {
    policy: &'a dyn CallPolicy,
    method: &'a Method,
    context: CallContext,
    ended: bool,
}

impl Open<'_> {
    fn end(mut self, failure: Option<&mut Error>) {
        self.ended = true;
        self.policy.record(self.method, self.context, failure.map_or(Outcome::Answered, Outcome::Failed));
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.policy.record(self.method, self.context, Outcome::Dropped);
        }
    }
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
    use crate::plugin::{Class, Kind, current};

    const METHOD: Method = Method { name: "get", kind: Kind::Call, deadline: None, class: Class::Idempotent };

    /// Answers what it is told to, and keeps what it learns.
    #[derive(Default)]
    struct Policy {
        refuses: bool,
        deadline: Option<Instant>,
        probes: Mutex<u32>,
        learned: Mutex<Vec<String>>,
    }

    impl CallPolicy for Policy {
        fn admit(&self, _: &Method) -> Result<Admission> {
            if *self.probes.lock().unwrap() > 0 {
                Ok(Admission::Probe)
            } else if self.refuses {
                Err(Error::unavailable("open"))
            } else {
                Ok(Admission::Go(CallContext { id: 7, deadline: self.deadline }))
            }
        }

        fn probe(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
            *self.probes.lock().unwrap() -= 1;
            Box::pin(std::future::ready(()))
        }

        fn timer(&self, _: Instant) -> Pin<Box<dyn Future<Output = ()> + Send>> {
            Box::pin(std::future::ready(()))
        }

        fn record(&self, _: &Method, context: CallContext, outcome: Outcome<'_>) {
            assert_eq!(context.id, 7);
            self.learned.lock().unwrap().push(match outcome {
                Outcome::Answered => "answered".to_owned(),
                Outcome::Failed(error) => error.code.to_string(),
                Outcome::Dropped => "dropped".to_owned(),
            });
        }

        fn stream(&self, _: &Method, _: CallContext, event: StreamEvent<'_>) {
            self.learned.lock().unwrap().push(format!("{event:?}").to_lowercase());
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
        assert_eq!(policy.learned.into_inner().unwrap(), ["answered"]);
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
        assert_eq!(policy.learned.into_inner().unwrap(), ["timeout"]);
    }

    #[test]
    fn a_refused_call_is_never_polled() {
        let policy = Policy { refuses: true, ..Policy::default() };
        let unpolled: std::future::PollFn<_> = poll_fn(|_| -> Poll<Result<()>> { panic!("it was polled") });
        assert_eq!(now(guard(&policy, &METHOD, unpolled)).unwrap_err().code, Code::UNAVAILABLE);
        assert!(policy.learned.into_inner().unwrap().is_empty());
    }

    #[test]
    fn a_call_waits_for_a_probe_but_not_for_ever() {
        let policy = Policy { probes: Mutex::new(2), ..Policy::default() };
        assert_eq!(now(guard(&policy, &METHOD, async { Ok(1) })), Ok(1));
        let policy = Policy { probes: Mutex::new(100), ..Policy::default() };
        assert_eq!(now(guard(&policy, &METHOD, async { Ok(1) })).unwrap_err().code, Code::UNAVAILABLE);
    }

    #[test]
    fn a_stream_is_open_before_its_call_is_over() {
        struct Nothing;
        #[async_trait::async_trait]
        impl crate::plugin::Stream for Nothing {
            async fn next(&self) -> Result<Option<crate::plugin::Frame>> {
                Ok(None)
            }

            async fn send(&self, _: crate::plugin::Frame) -> Result<()> {
                Ok(())
            }
        }
        static OPEN: Method = Method { kind: Kind::Open, ..METHOD };
        let policy = Arc::new(Policy::default());
        let guarded: Arc<dyn CallPolicy> = policy.clone();
        drop(now(guard_open(&guarded, &OPEN, async { Ok(Box::new(Nothing) as BoxStream) })).unwrap());
        assert_eq!(*policy.learned.lock().unwrap(), ["opened", "answered", "closed"]);
    }

    #[test]
    fn a_dropped_call_is_recorded() {
        let policy = Policy::default();
        {
            let mut call = pin!(guard(&policy, &METHOD, std::future::pending::<Result<()>>()));
            assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        assert_eq!(policy.learned.into_inner().unwrap(), ["dropped"]);
    }
}
