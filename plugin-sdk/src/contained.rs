//! What a plugin made, dropped where it expects to be: inside its runtime, with its host, and with nothing of a panic
//! reaching the other side of the boundary, which would end the process.

use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use ao_core::plugin::{Host, enter_host};
use tokio::runtime::Runtime;

/// A value of a plugin's.
pub(crate) struct Contained<T> {
    /// Taken only by `drop`.
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

impl<T> Drop for Contained<T> {
    fn drop(&mut self) {
        let value = self.value.take();
        let _inside = self.runtime.enter();
        // The panic hook has told of it already.
        let _ = catch_unwind(AssertUnwindSafe(|| enter_host(Some(Arc::clone(&self.host)), || drop(value))));
    }
}
