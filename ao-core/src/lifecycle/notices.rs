//! Telling a human: to whom a notice goes, what becomes of a delivery after each attempt, and when it is tried again.
//!
//! A delivery is written down as [`DeliveryState::Trying`] before its notifier is called. What certainly did not arrive is
//! tried again, later each time. Where nobody knows whether it did, it depends on the receiver: one that drops what has a known id
//! gets it again; else it is never repeated, and shown.

use std::time::Duration;

use crate::Error;
use crate::model::notice::{Acknowledged, DeliveryState, Notice, NoticeDelivery, NoticeState};
use crate::model::{PluginName, Timestamp};
use crate::plugin::EffectClass;

/// For how long a delivery is tried, in time in which somebody looked.
pub const PATIENCE: Duration = Duration::from_hours(24);
/// How long after its first attempt the second one comes; each further one twice as long after the last…
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// …but no longer than this.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// What came of an attempt.
#[derive(Clone, Copy, Debug)]
pub enum Attempt<'a> {
    /// The notifier has told; with the receiver's name for it, if it has one.
    Told(Option<&'a str>),
    /// The notifier was called, and failed.
    Failed(&'a Error),
    /// There is no such notifier, or it cannot be used: it was not called.
    NotCalled(&'a Error),
}

/// How long after an attempt the next one comes. `attempts` counts those that there were.
fn pause(attempts: u32, error: &Error) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(1 << attempts.saturating_sub(1).min(16)).min(LONGEST_PAUSE);
    let asked = error.retry_after_ms.map_or(Duration::ZERO, Duration::from_millis).min(PATIENCE);
    // What does not get better by itself waits for somebody to mend it.
    let least = if error.retryable() || error.outcome_unknown() { doubled } else { LONGEST_PAUSE };
    least.max(asked)
}

impl Notice {
    /// Whether something is still to be done for it to be told.
    #[must_use]
    pub fn is_open(&self) -> bool {
        let any = |state| self.aliases(state).next().is_some();
        let is_wanted = self.is_waiting() && (any(DeliveryState::Waiting) || self.is_unrouted());
        is_wanted || any(DeliveryState::Trying)
    }

    /// Whether it was not looked up yet whom it goes to.
    fn is_unrouted(&self) -> bool {
        self.state == NoticeState::Open && self.deliveries.is_empty()
    }

    /// Whether somebody was to be told, and so far could not be: it is given up, or every notifier has failed at least once.
    #[must_use]
    pub fn is_undelivered(&self) -> bool {
        let tried = |delivery: &NoticeDelivery| delivery.attempts > 0 && delivery.state != DeliveryState::Trying;
        let failing = !self.deliveries.is_empty() && self.deliveries.iter().all(tried);
        match self.state {
            NoticeState::Undelivered => true,
            NoticeState::Open => failing || self.why.is_some(),
            _ => false,
        }
    }

    /// Sends it to the notifiers of its route as it is now. Without any, the inbox is where it is told. One that it goes to
    /// no more is let go unless it was reached; once somebody was told, no other is added.
    pub fn route(&mut self, aliases: &[PluginName]) {
        if self.is_unrouted() && aliases.is_empty() {
            self.state = NoticeState::Told;
        }
        for delivery in &mut self.deliveries {
            if delivery.state == DeliveryState::Waiting && !aliases.contains(&delivery.alias) {
                delivery.state = DeliveryState::Failed;
                let last = delivery.why.take().map(|why| format!("; before that: {why}")).unwrap_or_default();
                delivery.why = Some(format!("the configuration does not name it for this any more{last}"));
            }
        }
        if self.state == NoticeState::Open {
            let new = aliases.iter().filter(|alias| self.delivery(alias).is_none()).cloned().collect::<Vec<_>>();
            self.deliveries.extend(new.into_iter().map(NoticeDelivery::new));
        }
        self.why = None;
        self.settle();
    }

    /// What was under way when a host was killed: nobody knows what came of it. `is_ours` names what is under way now.
    pub fn recover(&mut self, is_ours: impl Fn(&PluginName) -> bool, now: Timestamp) {
        let lost =
            |delivery: &&mut NoticeDelivery| delivery.state == DeliveryState::Trying && !is_ours(&delivery.alias);
        for delivery in self.deliveries.iter_mut().filter(lost) {
            delivery.attempts += 1;
            delivery.at = Some(now);
            delivery.why = Some("the host ended while it was told; it is not known whether it arrived".to_owned());
            let repeats = delivery.effect == EffectClass::Keyed;
            delivery.state = if repeats { DeliveryState::Waiting } else { DeliveryState::Uncertain };
        }
        self.settle();
    }

    /// A notifier is about to be called.
    pub fn begin(&mut self, alias: &PluginName, effect: EffectClass, now: Timestamp) {
        if let Some(delivery) = self.deliveries.iter_mut().find(|delivery| delivery.alias == *alias) {
            (delivery.state, delivery.effect, delivery.at) = (DeliveryState::Trying, effect, Some(now));
        }
    }

    /// Writes down what came of an attempt, and says how long after it the next one comes; none where there is none.
    /// `waited` is the time since the last attempt, as far as somebody looked.
    pub fn tried(
        &mut self,
        alias: &PluginName,
        attempt: Attempt<'_>,
        waited: Duration,
        now: Timestamp,
    ) -> Option<Duration> {
        let delivery = self.deliveries.iter_mut().find(|delivery| delivery.alias == *alias)?;
        let waited = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
        delivery.waited_ms = delivery.waited_ms.saturating_add(waited);
        (delivery.attempts, delivery.at) = (delivery.attempts.saturating_add(1), Some(now));
        let (error, is_doubtful) = match attempt {
            Attempt::Told(reference) => {
                delivery.state = DeliveryState::Sent;
                (delivery.why, delivery.reference) = (None, reference.map(str::to_owned));
                self.settle();
                return None;
            }
            Attempt::Failed(error) => (error, error.outcome_unknown()),
            Attempt::NotCalled(error) => (error, false),
        };
        let repeats = !is_doubtful || delivery.effect == EffectClass::Keyed;
        let next =
            (repeats && Duration::from_millis(delivery.waited_ms) < PATIENCE).then(|| pause(delivery.attempts, error));
        delivery.state = match (next, is_doubtful) {
            (Some(_), _) => DeliveryState::Waiting,
            (None, true) => DeliveryState::Uncertain,
            (None, false) => DeliveryState::Failed,
        };
        delivery.why =
            Some(if is_doubtful { format!("it is not known whether it arrived: {error}") } else { error.to_string() });
        self.settle();
        next
    }

    /// Somebody has seen it, and need not be told any more. Who did so first is kept.
    pub fn acknowledge(&mut self, by: impl Into<String>, now: Timestamp) {
        if self.acknowledged.is_none() {
            self.acknowledged = Some(Acknowledged::new(now, by));
        }
        if self.state == NoticeState::Open {
            self.state = NoticeState::Told;
        }
    }

    /// There is nothing to tell any more. Who was told stays told.
    pub fn withdraw(&mut self) {
        if matches!(self.state, NoticeState::Open | NoticeState::Undelivered) {
            self.state = NoticeState::Withdrawn;
        }
    }

    /// Its state, from its deliveries. Who was told stays told, and what was withdrawn stays so.
    fn settle(&mut self) {
        if self.deliveries.is_empty() || !matches!(self.state, NoticeState::Open | NoticeState::Undelivered) {
            return;
        }
        let any = |state| self.aliases(state).next().is_some();
        self.state = if any(DeliveryState::Sent) {
            NoticeState::Told
        } else if any(DeliveryState::Waiting) || any(DeliveryState::Trying) {
            NoticeState::Open
        } else {
            NoticeState::Undelivered
        };
    }
}

#[cfg(test)]
mod tests;
