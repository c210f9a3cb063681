//! What the host does around each call of an instance: its number, its deadline, its span, whether it may run at all,
//! and what is learned from how it ended.

#![expect(clippy::disallowed_methods, reason = "a deadline is a point on this process's own monotonic clock")]

use std::collections::BTreeMap;
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

use super::breaker::{Breaker, Ended, PANIC_WINDOW, PANICS, Position, Verdict, counts};
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
    guts: Mutex<Guts>,
    in_flight: AtomicU64,
    retired: AtomicBool,
    idle: Notify,
}

struct Guts {
    breaker: Breaker,
    /// The last failure that counted.
    why: String,
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
        let guts = Mutex::new(Guts { breaker: Breaker::new(host.services.world.now()), why: String::new() });
        let (in_flight, retired, idle) = (AtomicU64::new(0), AtomicBool::new(false), Notify::new());
        Self { name, origin, deadlines, calls, host, life, library, guts, in_flight, retired, idle }
    }

    fn guts(&self) -> MutexGuard<'_, Guts> {
        self.guts.lock().unwrap_or_else(PoisonError::into_inner)
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
        let guts = self.guts();
        let (mut state, mut since, mut retry_at) = match guts.breaker.position() {
            Position::Closed => (ConditionState::Closed, guts.breaker.since(), None),
            Position::Open { until, .. } => (ConditionState::Open, guts.breaker.since(), Some(until)),
            Position::HalfOpen { .. } => (ConditionState::HalfOpen, guts.breaker.since(), None),
            Position::Disabled => (ConditionState::Disabled, guts.breaker.since(), None),
        };
        let mut why = guts.why.clone();
        if let (Some(Answers::Not { since: from, until, .. }), true) =
            (self.library.as_ref().map(|library| library.answers()), state != ConditionState::Disabled)
        {
            (state, since, retry_at) = (ConditionState::Wedged, from, Some(until));
            if why.is_empty() {
                "its library does not answer".clone_into(&mut why);
            }
        }
        if state == ConditionState::Closed {
            why.clear();
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
            failures: guts.breaker.failures(),
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
        self.refusal(Some(retry_after), "its library does not answer at all, as if a call of it blocked its threads")
    }

    fn refusal(&self, retry_after: Option<Duration>, why: &str) -> Error {
        let when = match retry_after {
            Some(left) => format!("it is tried again in {} s", left.as_secs().max(1)),
            None if self.origin == Origin::LinkedIn => "it is not tried again before `ao` is restarted".to_owned(),
            None => "it is not tried again before the library is replaced or `ao` is restarted".to_owned(),
        };
        let mut error = Error::unavailable(format!("the {} is not called: {why}; {when}", self.who()));
        error.retry_after_ms = retry_after.map(|left| u64::try_from(left.as_millis()).unwrap_or(u64::MAX));
        error
    }

    /// Whether a call may run: its library, then the instance itself.
    fn way(&self, call: u64) -> Result<Way> {
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
        let mut guts = self.guts();
        if guts.breaker.is_quiet() {
            return Ok(Way::Free);
        }
        let before = guts.breaker.position();
        let verdict = guts.breaker.admit(call, self.now());
        let tells = matches!(before, Position::Open { .. }) && guts.breaker.position() != before;
        let (failures, why, position) = (guts.breaker.failures(), guts.why.clone(), guts.breaker.position());
        drop(guts);
        if tells {
            self.tell();
        }
        match (verdict, position) {
            (Verdict::Go, _) => Ok(Way::Free),
            (Verdict::Refuse { retry_after }, Position::Disabled) => {
                let minutes = PANIC_WINDOW.as_secs() / 60;
                Err(self.refusal(
                    retry_after,
                    &format!(
                        "it panicked {PANICS} times within {minutes} minutes and is disabled; the last time: {why}"
                    ),
                ))
            }
            (Verdict::Refuse { retry_after }, _) => {
                Err(self.refusal(retry_after, &format!("{failures} calls in a row failed, the last with {why}")))
            }
        }
    }

    /// Learns how a call ended, or that a stream failed.
    fn learn(&self, call: u64, ended: Ended, why: Option<String>) {
        let mut guts = self.guts();
        if ended == Ended::Answered && guts.breaker.is_quiet() {
            return;
        }
        let before = guts.breaker.position();
        if let Some(why) = why {
            guts.why = why;
        }
        let (now, chance) = (self.now(), self.chance());
        guts.breaker.ended(call, ended, now, chance);
        let after = guts.breaker.position();
        drop(guts);
        if std::mem::discriminant(&before) != std::mem::discriminant(&after) {
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
            code if *code == Code::PANIC => Ended::Panicked,
            code if counts(code) => Ended::Failed,
            code if *code == Code::CANCELLED => Ended::Dropped,
            _ => Ended::Answered,
        };
        let why = counts(&error.code).then(|| format!("`{}` from `{}`: {error}", error.code, method.name));
        self.learn(context.id, ended, why);
    }
}

impl CallPolicy for InstancePolicy {
    fn admit(&self, method: &Method) -> Result<Admission> {
        // First in, then the look: whoever retires it after this look waits for this call.
        self.enter();
        if self.retired.load(Ordering::SeqCst) {
            self.leave();
            return Err(self.replaced());
        }
        let id = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        match self.way(id) {
            Ok(Way::Free) => {
                let limit = self.deadlines.of(self.slot(), method.name).or(method.deadline);
                Ok(Admission::Go(CallContext { id, deadline: limit.map(|limit| Instant::now() + limit) }))
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
            Outcome::Answered => self.learn(context.id, Ended::Answered, None),
            Outcome::Dropped => self.learn(context.id, Ended::Dropped, None),
            Outcome::Failed(error) => self.failed(method, context, error),
        }
        self.leave();
    }

    fn stream(&self, method: &Method, context: CallContext, event: StreamEvent<'_>) {
        match event {
            StreamEvent::Opened => self.enter(),
            StreamEvent::Failed(error) => self.failed(method, context, error),
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
