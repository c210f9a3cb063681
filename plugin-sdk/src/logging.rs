//! A library's `tracing` events, forwarded to the host. The library has its own copy of `tracing`'s statics, so the
//! host's subscriber never sees them by itself.

use std::fmt::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError, Weak};

use ao_core::plugin::{Host, current, current_host};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};

/// The hosts of this image's instances: that of the newest takes the lines of threads that the plugin started itself.
/// Each goes with its instance, whose secrets it knows.
static HOSTS: Mutex<Vec<Weak<dyn Host>>> = Mutex::new(Vec::new());

fn hosts() -> MutexGuard<'static, Vec<Weak<dyn Host>>> {
    HOSTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sends this image's events and panics to the host. Called only in a loaded library: a program that links the plugin
/// in has its own subscriber and its own panic hook.
pub(crate) fn install(host: &Arc<dyn Host>) {
    static INSTALLED: Once = Once::new();
    {
        let mut hosts = hosts();
        hosts.retain(|host| host.strong_count() > 0);
        hosts.push(Arc::downgrade(host));
    }
    INSTALLED.call_once(|| {
        // A plugin that set a subscriber of its own keeps it.
        let _ = tracing::subscriber::set_global_default(Forward);
        std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
    });
}

/// Who gets the lines of this thread.
fn receiver() -> Option<Arc<dyn Host>> {
    current_host().or_else(|| hosts().iter().rev().find_map(Weak::upgrade))
}

/// 1 error to 5 trace, as on the island.
fn number(level: Level) -> u8 {
    match level {
        Level::ERROR => 1,
        Level::WARN => 2,
        Level::INFO => 3,
        Level::DEBUG => 4,
        Level::TRACE => 5,
    }
}

struct Forward;

impl Subscriber for Forward {
    fn register_callsite(&self, _metadata: &'static Metadata<'static>) -> Interest {
        // The host's filter may change at any time.
        Interest::sometimes()
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        receiver().is_some_and(|host| host.log_enabled(number(*metadata.level()), metadata.target()))
    }

    fn event(&self, event: &Event<'_>) {
        let Some(host) = receiver() else { return };
        let mut line = Line::default();
        event.record(&mut line);
        let metadata = event.metadata();
        host.log(current().id, number(*metadata.level()), metadata.target(), &line.finish());
    }

    // The host has a span around every call; spans inside of a library stay there.
    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}

/// An event as one line: its message, then its fields.
#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Line {
    fn finish(self) -> String {
        self.message + &self.fields
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string cannot fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}
