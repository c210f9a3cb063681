//! What a plugin made, dropped where it expects to be: inside its runtime, with its host, and with nothing of a panic
//! reaching the other side of the boundary, which would end the process.

use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use ao_core::plugin::{Host, enter_host};
use tokio::runtime::Runtime;

/// A value of a plugin's.
pub(crate) struct Contained<T> {
    /// Taken by `drop`, and by the end of what is a future.
    value: Option<T>,
    host: Arc<dyn Host>,
    runtime: &'static Runtime,
}

impl<T> Contained<T> {
    pub(crate) fn new(value: T, host: Arc<dyn Host>, runtime: &'static Runtime) -> Self {
        Self { value: Some(value), host, runtime }
    }
}

impl<T> Deref for Contained<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.as_ref().expect("only `drop` takes the value")
    }
}

/// A plugin's work that is done where the host polls it. Nothing of it is left when it has ended.
impl<F: Future> Future for Contained<Pin<Box<F>>> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let work = self.value.as_mut().expect("nobody polls what has ended");
        let polled = work.as_mut().poll(cx);
        if polled.is_ready() {
            self.value = None;
        }
        polled
    }
}

impl<T> Drop for Contained<T> {
    fn drop(&mut self) {
        let Some(value) = self.value.take() else { return };
        let _inside = self.runtime.enter();
        // The panic hook has told of it already.
        let _ = catch_unwind(AssertUnwindSafe(|| enter_host(Some(Arc::clone(&self.host)), || drop(value))));
    }
}
