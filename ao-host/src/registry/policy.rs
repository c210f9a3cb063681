//! What the host does around each call of an instance: its number, its deadline, its span, whether it may run at all,
//! and what is learned from how it ended.

use std::collections::BTreeMap;
use std::mem::discriminant;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ao_core::model::{PluginName, Timestamp};
use ao_core::plugin::{Admission, CallContext, CallPolicy, Host, Life, Method, Outcome, StreamEvent};
use ao_core::slots::Slot;
use ao_core::{Code, Error, Result};
use tokio::sync::Notify;
use tracing::Span;

use super::breaker::{Ended, counts};
use super::breakers::{Breakers, End, PANIC_WINDOW, PANICS, Refusal, Standing};
use super::host::InstanceHost;
use super::watch::LibraryWatch;
use super::wedge::{Answers, Way};
use super::{Condition, ConditionState, Origin};

/// Time limits of single methods in place of the contract's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deadlines(BTreeMap<(Slot, String), Duration>);

impl Deadlines {
    /// From slot, method and limit.
    pub fn new(limits: impl IntoIterator<Item = (Slot, String, Duration)>) -> Self {
        Self(limits.into_iter().map(|(slot, method, limit)| ((slot, method), limit)).collect())
    }

    pub(super) fn of(&self, slot: Slot, method: &str) -> Option<Duration> {
        self.0.iter().find(|((at, name), _)| *at == slot && name == method).map(|(_, limit)| *limit)
    }
}

/// The policy of one instance.
pub(super) struct InstancePolicy {
    pub(super) name: PluginName,
    pub(super) origin: Origin,
    pub(super) deadlines: Deadlines,
    pub(super) calls: Arc<AtomicU64>,
    pub(super) host: Arc<InstanceHost>,
    pub(super) life: Arc<dyn Life>,
    /// What is known of its library; none for a plugin that is linked in.
    pub(super) library: Option<Arc<LibraryWatch>>,
    breakers: Mutex<Breakers>,
    in_flight: AtomicU64,
    retired: AtomicBool,
    idle: Notify,
}

/// What an instance's policy is made from.
pub(super) struct Parts {
    pub(super) name: PluginName,
    pub(super) origin: Origin,
    pub(super) deadlines: Deadlines,
    pub(super) calls: Arc<AtomicU64>,
    pub(super) host: Arc<InstanceHost>,
    pub(super) life: Arc<dyn Life>,
    pub(super) library: Option<Arc<LibraryWatch>>,
}

impl InstancePolicy {
    pub(super) fn new(parts: Parts) -> Self {
        let Parts { name, origin, deadlines, calls, host, life, library } = parts;
        let breakers = Mutex::new(Breakers::new(host.services.world.now()));
        let (in_flight, retired, idle) = (AtomicU64::new(0), AtomicBool::new(false), Notify::new());
        Self { name, origin, deadlines, calls, host, life, library, breakers, in_flight, retired, idle }
    }

    fn breakers(&self) -> MutexGuard<'_, Breakers> {
        self.breakers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Timestamp {
        self.host.services.world.now()
    }

    fn chance(&self) -> u8 {
        let mut chance = [0];
        self.host.services.world.rng.fill(&mut chance);
        chance[0]
    }

    fn slot(&self) -> Slot {
        self.host.scope.slot
    }

    /// Who it is, in messages.
    fn who(&self) -> String {
        format!("{} plugin `{}` ({})", self.slot(), self.name, self.origin)
    }

    /// How it is doing.
    pub(super) fn condition(&self) -> Condition {
        let Standing { mut state, mut since, mut retry_at, mut why, failures } = self.breakers().standing();
        if let (Some(Answers::Not { since: from, until, .. }), true) =
            (self.library.as_ref().map(|library| library.answers()), state != ConditionState::Disabled)
        {
            (state, since, retry_at) = (ConditionState::Wedged, from, Some(until));
            if why.is_empty() {
                "its library does not answer".clone_into(&mut why);
            }
        }
        Condition {
            slot: self.slot(),
            name: self.name.clone(),
            origin: self.origin.clone(),
            config: self.host.scope.config.clone(),
            state,
            since,
            retry_at,
            why,
            failures,
            dropped_lines: self.host.dropped_lines(),
        }
    }

    /// Writes down that something changed.
    pub(super) fn tell(&self) {
        let condition = self.condition();
        let (state, why) = (condition.state.as_str(), &condition.why);
        tracing::info!(slot = %self.slot(), plugin = %self.name, state, "calls of the plugin: {state}: {why}");
        if let Some(log) = &self.host.services.conditions {
            log.record(&condition);
        }
    }

    /// Whether its library is not known to be silent.
    pub(super) fn answers(&self) -> bool {
        self.library.as_ref().is_none_or(|library| !matches!(library.answers(), Answers::Not { .. }))
    }

    /// Lets no further call in.
    pub(super) fn retire(&self) {
        self.retired.store(true, Ordering::SeqCst);
    }

    /// Ends when no call and no stream is under way.
    pub(super) async fn drained(&self) {
        loop {
            let idle = self.idle.notified();
            if self.in_flight.load(Ordering::SeqCst) == 0 {
                return;
            }
            idle.await;
        }
    }

    /// The next call's number.
    fn number(&self) -> u64 {
        self.calls.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn enter(&self) {
        self.in_flight.fetch_add(1, Ordering::SeqCst);
    }

    fn leave(&self) {
        if self.in_flight.fetch_sub(1, Ordering::SeqCst) == 1 && self.retired.load(Ordering::SeqCst) {
            self.idle.notify_waiters();
        }
    }

    fn replaced(&self) -> Error {
        let mut error =
            Error::unavailable(format!("the {} was replaced or closed; the next call takes the new one", self.who()));
        error.retry_after_ms = Some(0);
        error
    }

    fn wedged(&self, retry_after: Duration) -> Error {
        let why = "its library does not answer at all, as if a call of it blocked its threads";
        self.refusal(&format!("the {}", self.who()), Some(retry_after), why)
    }

    /// `what` names what is not called.
    fn refusal(&self, what: &str, retry_after: Option<Duration>, why: &str) -> Error {
        let when = match retry_after {
            Some(left) => format!("it is tried again in {} s", left.as_secs().max(1)),
            None if self.origin == Origin::LinkedIn => "it is not tried again before `ao` is restarted".to_owned(),
            None => "it is not tried again before the library is replaced or `ao` is restarted".to_owned(),
        };
        let mut error = Error::unavailable(format!("{what} is not called: {why}; {when}"));
        error.retry_after_ms = retry_after.map(|left| u64::try_from(left.as_millis()).unwrap_or(u64::MAX));
        error
    }

    /// Whether a call may run: its library, then the instance and the method.
    fn way(&self, method: &Method, call: u64) -> Result<Way> {
        if let Some(library) = &self.library {
            let answers = library.answers();
            if answers != Answers::Presumably {
                match answers.way(self.now()) {
                    Way::Free => {}
                    Way::Probe => return Ok(Way::Probe),
                    Way::Blocked { retry_after } => return Err(self.wedged(retry_after)),
                }
            }
        }
        let mut breakers = self.breakers();
        if breakers.is_quiet() {
            return Ok(Way::Free);
        }
        let before = breakers.position(method.name);
        let admitted = breakers.admit(method.name, call, self.now());
        let tells = discriminant(&before) != discriminant(&breakers.position(method.name));
        drop(breakers);
        if tells {
            self.tell();
        }
        let (what, minutes) = (self.who(), PANIC_WINDOW.as_secs() / 60);
        match admitted {
            Ok(()) => Ok(Way::Free),
            Err(Refusal::Disabled { why }) => Err(self.refusal(
                &format!("the {what}"),
                None,
                &format!("it panicked {PANICS} times within {minutes} minutes and is disabled; the last time: {why}"),
            )),
            Err(Refusal::Rests { retry_after, failures, why }) => Err(self.refusal(
                &format!("`{}` of the {what}", method.name),
                Some(retry_after),
                &format!("{failures} calls in a row failed, the last with {why}"),
            )),
        }
    }

    /// Learns how a call ended, or that a stream failed.
    fn learn(&self, method: &Method, call: u64, ended: Ended, why: String) {
        let mut breakers = self.breakers();
        if ended == Ended::Answered && breakers.is_quiet() {
            return;
        }
        let stands = |breakers: &Breakers| (discriminant(&breakers.position(method.name)), breakers.is_disabled());
        let before = stands(&breakers);
        let end = End { ended, why, chance: self.chance() };
        breakers.ended(method.name, call, end, self.calls.load(Ordering::Relaxed), self.now());
        let after = stands(&breakers);
        drop(breakers);
        if before != after {
            self.tell();
        }
    }

    /// Masks an error, tells the log of it, and says what it means.
    fn failed(&self, method: &Method, context: CallContext, error: &mut Error) {
        self.host.masks.error(error);
        let (slot, name) = (self.slot(), &self.name);
        tracing::debug!(call = context.id, "{slot} `{name}`, {}: {}: {error}", method.name, error.code);
        if error.code == Code::TIMEOUT
            && let Some(library) = &self.library
        {
            library.timed_out();
        }
        let ended = match &error.code {
            // It was not called: its process is not to be started again yet.
            code if *code == Code::UNAVAILABLE && self.library.as_ref().is_some_and(|library| library.rests()) => {
                Ended::Dropped
            }
            code if *code == Code::PANIC => Ended::Panicked,
            code if counts(code) => Ended::Failed,
            code if *code == Code::CANCELLED => Ended::Dropped,
            _ => Ended::Answered,
        };
        let why = if counts(&error.code) {
            clipped(format!("`{}` from `{}`: {error}", error.code, method.name))
        } else {
            String::new()
        };
        self.learn(method, context.id, ended, why);
    }
}

/// The most characters of a failure that are kept for later.
const LONGEST_WHY: usize = 600;

/// A failure as it is kept: it is shown in lists.
fn clipped(mut why: String) -> String {
    if let Some((end, _)) = why.char_indices().nth(LONGEST_WHY) {
        why.truncate(end);
        why.push('…');
    }
    why
}

impl CallPolicy for InstancePolicy {
    fn admit(&self, method: &Method) -> Result<Admission> {
        // First in, then the look: whoever retires it after this look waits for this call.
        self.enter();
        if self.retired.load(Ordering::SeqCst) {
            self.leave();
            return Err(self.replaced());
        }
        let id = self.number();
        match self.way(method, id) {
            Ok(Way::Free) => {
                let limit = self.deadlines.of(self.slot(), method.name).or(method.deadline);
                Ok(Admission::Go(CallContext {
                    id,
                    deadline: limit.map(|limit| (tokio::time::Instant::now() + limit).into_std()),
                }))
            }
            other => {
                self.leave();
                other.map(|_| Admission::Probe)
            }
        }
    }

    fn probe(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            if let Some(library) = &self.library {
                library.probe(&self.life, &self.host.services.world).await;
            }
        })
    }

    fn timer(&self, deadline: Instant) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(tokio::time::sleep_until(deadline.into()))
    }

    fn record(&self, method: &Method, context: CallContext, outcome: Outcome<'_>) {
        match outcome {
            Outcome::Answered => self.learn(method, context.id, Ended::Answered, String::new()),
            Outcome::Dropped => self.learn(method, context.id, Ended::Dropped, String::new()),
            Outcome::Failed(error) => self.failed(method, context, error),
        }
        self.leave();
    }

    fn stream(&self, method: &Method, context: CallContext, event: StreamEvent<'_>) {
        match event {
            StreamEvent::Opened => self.enter(),
            StreamEvent::Failed(error) => {
                // What is lost is lost to all open streams at once; a panic or a bad frame is this stream's, and new.
                let own = [Code::PANIC, Code::PROTOCOL].contains(&error.code);
                let id = if own { self.number() } else { context.id };
                self.failed(method, CallContext { id, ..context }, error);
            }
            StreamEvent::Closed => self.leave(),
        }
    }

    fn host(&self) -> Option<Arc<dyn Host>> {
        let linked_in = self.library.is_none();
        linked_in.then(|| Arc::clone(&self.host) as Arc<dyn Host>)
    }

    fn span(&self, method: &Method, context: CallContext) -> Span {
        let (slot, plugin) = (self.slot().as_str(), self.name.as_str());
        tracing::debug_span!(target: "ao::plugin", "call", slot, plugin, method = method.name, call = context.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_kept_up_to_a_length() {
        assert_eq!(clipped("short".to_owned()), "short");
        assert_eq!(clipped("ä".repeat(10_000)).chars().count(), LONGEST_WHY + 1);
    }
}
