//! The kit's own clock and timer, which work on any thread, with or without a runtime.

#![expect(clippy::disallowed_methods, reason = "the kit measures real plugins in real time")]

use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// The time now.
pub(super) fn now() -> Instant {
    Instant::now()
}

/// Rests for a moment between two looks at something that has no event to wait for.
pub(super) async fn rest() {
    after(Duration::from_millis(10)).await;
}

/// Ends after this time. A thread keeps the time: the future may be polled where there is no timer.
pub(super) async fn after(delay: Duration) {
    let shared = Arc::new(Mutex::new((false, None::<Waker>)));
    let theirs = Arc::clone(&shared);
    let wake = move || {
        std::thread::sleep(delay);
        let mut state = theirs.lock().unwrap_or_else(PoisonError::into_inner);
        state.0 = true;
        if let Some(waker) = state.1.take() {
            waker.wake();
        }
    };
    // Without a thread the time is over at once, which every check survives.
    let started = std::thread::Builder::new().name("conformance-timer".to_owned()).spawn(wake).is_ok();
    std::future::poll_fn(|cx| {
        let mut state = shared.lock().unwrap_or_else(PoisonError::into_inner);
        if state.0 || !started {
            return Poll::Ready(());
        }
        state.1 = Some(cx.waker().clone());
        Poll::Pending
    })
    .await;
}

/// A future's answer, and the longest that it held its thread.
pub(super) async fn timed<F: Future>(future: F) -> (F::Output, Duration) {
    let mut future = pin!(future);
    let mut longest = Duration::ZERO;
    let output = std::future::poll_fn(|cx| {
        let began = now();
        let polled = future.as_mut().poll(cx);
        longest = longest.max(began.elapsed());
        polled
    })
    .await;
    (output, longest)
}

/// A future's answer, if it is there at the first look.
pub(super) fn at_once<T>(mut future: Pin<Box<dyn Future<Output = T> + Send + '_>>) -> Option<T> {
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// Polls a future for this long, then drops it: what the host does when it stops waiting. Its answer, if it was quicker.
pub(super) async fn abandoned_after<F: Future>(delay: Duration, future: F) -> Option<F::Output> {
    tokio::time::timeout(delay, future).await.ok()
}
