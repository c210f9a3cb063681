//! An instance that is being made: its constructor is somebody else's code, so it runs on a thread of its own, and
//! those who ask for it wait for so long and no longer.

#![expect(clippy::disallowed_methods, reason = "the limit is measured on the monotonic clock")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ao_core::slots::Instance;
use ao_core::{Code, Error, Result};

use super::Entry;

/// How long the making of an instance may take: the mapping of its library, its manifest and its constructor, none of
/// which does I/O of its own.
pub(crate) const MAKING: Duration = Duration::from_secs(10);

/// An instance that somebody makes. All who ask for it meanwhile wait for the same one.
pub(super) struct Making {
    pub(super) entry: Arc<Entry>,
    began: Instant,
    made: Mutex<Option<Result<Instance>>>,
    told: Condvar,
}

impl Making {
    pub(super) fn new(entry: Arc<Entry>) -> Self {
        Self { entry, began: Instant::now(), made: Mutex::default(), told: Condvar::new() }
    }

    /// Runs `make` on a thread of its own, in the caller's log and runtime, and tells what becomes of it to those who
    /// [wait](Self::wait). The thread ends with `make`, or never: nothing can interrupt it.
    pub(super) fn start(self: &Arc<Self>, make: impl FnOnce(&Arc<Self>) -> Result<Instance> + Send + 'static) {
        let making = Arc::clone(self);
        let dispatch = tracing::dispatcher::get_default(Clone::clone);
        let (span, runtime) = (tracing::Span::current(), tokio::runtime::Handle::try_current().ok());
        let work = move || {
            let _runtime = runtime.as_ref().map(tokio::runtime::Handle::enter);
            let make = || tracing::dispatcher::with_default(&dispatch, || span.in_scope(|| make(&making)));
            let made = catch_unwind(AssertUnwindSafe(make));
            making.tell(made.unwrap_or_else(|panic| Err(ao_core::plugin::panicked("constructor", &*panic))));
        };
        // It cannot be joined within a limit, and it may be there as long as the process.
        if let Err(error) = std::thread::Builder::new().name("plugin making".to_owned()).spawn(work) {
            self.tell(Err(Error::wrap(Code::UNAVAILABLE, "there is no thread to make the plugin on", &error)));
        }
    }

    fn tell(&self, made: Result<Instance>) {
        *self.made.lock().unwrap_or_else(PoisonError::into_inner) = Some(made);
        self.told.notify_all();
    }

    /// What became of it: [`Code::TIMEOUT`] when its time runs out while the caller waits, [`Code::UNAVAILABLE`] at
    /// once when it had run out before.
    pub(super) fn wait(&self) -> Result<Instance> {
        let left = MAKING.saturating_sub(self.began.elapsed());
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let (made, _) =
            self.told.wait_timeout_while(made, left, |made| made.is_none()).unwrap_or_else(PoisonError::into_inner);
        made.clone().unwrap_or_else(|| Err(if left.is_zero() { hangs() } else { late() }))
    }
}

/// The answer to those who waited in vain.
pub(crate) fn late() -> Error {
    let limit = MAKING.as_secs();
    Error::new(Code::TIMEOUT, format!("its constructor did not end within {limit} s; a constructor must not block"))
}

fn hangs() -> Error {
    let limit = MAKING.as_secs();
    Error::unavailable(format!(
        "its constructor has not ended for more than {limit} s, and nothing can end it; replace its library, or restart `ao`"
    ))
}
