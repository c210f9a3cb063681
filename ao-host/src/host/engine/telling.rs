//! Telling humans: notices that are written down go to the notifiers that their configuration names, until one has told.
//!
//! Each call is written down as begun before it is made, and its outcome when it is there: after a crash it is known what may
//! have arrived. Calls run beside everything else, one an instance at a time. What a delivery becomes is decided in
//! [`notices`](ao_core::lifecycle::notices).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use ao_core::config::SlotConfig;
use ao_core::lifecycle::Policy;
use ao_core::lifecycle::notices::Attempt;
use ao_core::model::event::{Event, EventData, NotifyTried};
use ao_core::model::{DeliveryState, Notice, NoticeDelivery, NoticeState, PluginName};
use ao_core::plugin::EffectClass;
use ao_core::slots::notifier::{Notified, Priority};
use ao_core::slots::{Notifier, Slot};
use ao_core::{Error, Result};
use camino::Utf8PathBuf;

use super::super::HostContext;
use super::crews::Crews;
use super::daily::Daily;
use super::{Done, Engine, address};
use crate::setup::{Setup, SetupError};
use crate::store::Fence;

/// How soon a configuration is looked at again that cannot be used.
const AGAIN: Duration = Duration::from_secs(30);
/// How long a host that ends waits for what is being told.
const LAST_WORDS: Duration = Duration::from_secs(3);
/// How long notices are kept that somebody has seen…
const KEPT_FOR: Duration = Duration::from_hours(90 * 24);
/// …and how many of them.
const KEPT: u32 = 1000;

/// A notice's way through one notifier.
type Way = (String, PluginName);

/// What the engine keeps about telling. All of it may be lost: what counts is in the store.
#[derive(Default)]
pub(super) struct Telling {
    /// When notices are looked at next.
    at: Option<Duration>,
    /// Calls under way, and the instance of each, by its address.
    calls: BTreeMap<Way, usize>,
    /// What came of calls, and could not be written down yet.
    heard: BTreeMap<Way, Result<Notified>>,
    /// When a delivery was tried last, and when it is next.
    tries: BTreeMap<Way, (Duration, Duration)>,
    forgetting: Daily,
}

impl Telling {
    /// Asks for a look.
    pub(super) fn ask(&mut self, at: Duration) {
        self.at = Some(self.at.map_or(at, |before| before.min(at)));
    }

    /// A configuration is another one now: what could not be told may be tried at once.
    pub(super) fn ask_anew(&mut self, at: Duration) {
        self.tries.values_mut().for_each(|(_, next)| *next = at);
        self.ask(at);
    }

    /// When the next look is due.
    pub(super) const fn next(&self) -> Option<Duration> {
        self.at
    }

    fn is_calling(&self, instance: usize) -> bool {
        self.calls.values().any(|busy| *busy == instance)
    }
}

/// A notifier that can be called.
struct Ready {
    notifier: Arc<dyn Notifier>,
    effect: EffectClass,
}

impl Engine {
    /// Begins to tell what is to be told now, if it is time to look.
    pub(super) fn tell_humans(&mut self) -> Result<()> {
        let now = self.elapsed();
        if self.telling.at.is_none_or(|at| at > now) {
            return Ok(());
        }
        // Whoever fails here looks again.
        self.telling.at = Some(now);
        self.write_heard()?;
        let open = self.context.sessions.store.open_notices()?;
        let is_open = |(id, _): &Way| open.iter().any(|notice| notice.id == *id);
        self.telling.tries.retain(|way, _| is_open(way));
        self.telling.at = None;
        for notice in open {
            self.tell(&notice)?;
        }
        Ok(())
    }

    /// Does what is due of one notice.
    fn tell(&mut self, notice: &Notice) -> Result<()> {
        let now = self.elapsed();
        let route = self.crews.route(&self.context, notice.config_file.as_ref(), notice.priority);
        if route.is_err() {
            self.telling.ask(now + AGAIN);
        }
        let under_way = self.telling.calls.keys().filter(|(id, _)| *id == notice.id);
        let ours: BTreeSet<_> = under_way.map(|(_, alias)| alias.clone()).collect();
        let at = self.context.sessions.world.now();
        let mut prepared = notice.clone();
        prepare(&mut prepared, &route, &ours, at);
        if prepared != *notice {
            let fresh = self.change_notice(&notice.id, &mut |notice| prepare(notice, &route, &ours, at))?;
            let Some(fresh) = fresh else { return Ok(()) };
            prepared = fresh;
        }
        if route.is_err() || !prepared.is_waiting() {
            return Ok(());
        }
        let due: Vec<_> = prepared.aliases(DeliveryState::Waiting).cloned().collect();
        for alias in due {
            self.try_to_tell(&prepared, alias)?;
        }
        Ok(())
    }

    /// Begins one attempt, if it is due and the notifier is free.
    fn try_to_tell(&mut self, notice: &Notice, alias: PluginName) -> Result<()> {
        let (now, way) = (self.elapsed(), (notice.id.clone(), alias));
        if self.telling.calls.contains_key(&way) {
            return Ok(());
        }
        if let Some((_, next)) = self.telling.tries.get(&way).filter(|(_, next)| *next > now) {
            let next = *next;
            self.telling.ask(next);
            return Ok(());
        }
        let Ready { notifier, effect } = match self.crews.notifier(&self.context, notice.config_file.as_ref(), &way.1) {
            Ok(ready) => ready,
            Err(error) => return self.write_attempt(&way, Attempt::NotCalled(&error)),
        };
        let instance = address(&notifier);
        if self.telling.is_calling(instance) {
            // The end of that call asks for a look.
            return Ok(());
        }
        let sessions = Arc::clone(&self.context.sessions);
        let alias = &way.1;
        let begun = self.change_notice(&notice.id, &mut |notice| {
            // Somebody may have seen it meanwhile.
            let is_due = notice.is_waiting()
                && notice.delivery(alias).is_some_and(|delivery| delivery.state == DeliveryState::Waiting);
            if is_due {
                notice.begin(alias, effect, sessions.world.now());
            }
        })?;
        let state = begun.as_ref().and_then(|notice| notice.delivery(alias)).map(|delivery| delivery.state);
        let (Some(begun), Some(DeliveryState::Trying)) = (begun, state) else { return Ok(()) };
        self.telling.calls.insert(way.clone(), instance);
        sessions.failpoints.pass("react.notify_post.before")?;
        self.calls.spawn(async move {
            let answer = notifier.notify(begun.notification()).await;
            Done::Told { notice: way.0, alias: way.1, answer }
        });
        Ok(())
    }

    /// A notifier has answered.
    pub(super) fn notifier_answered(
        &mut self,
        notice: String,
        alias: PluginName,
        answer: Result<Notified>,
    ) -> Result<()> {
        self.telling.heard.insert((notice, alias), answer);
        self.telling.ask(self.elapsed());
        self.context.sessions.failpoints.pass("react.notify_post.after")?;
        self.write_heard()
    }

    /// Writes down what came of calls. What cannot be written now is kept: it is known, and must not become doubtful.
    fn write_heard(&mut self) -> Result<()> {
        while let Some((way, answer)) = self.telling.heard.first_key_value().map(|(way, it)| (way.clone(), it.clone()))
        {
            match &answer {
                Ok(told) => self.write_attempt(&way, Attempt::Told(told.reference.as_deref()))?,
                Err(error) => self.write_attempt(&way, Attempt::Failed(error))?,
            }
            self.telling.heard.remove(&way);
            self.telling.calls.remove(&way);
        }
        Ok(())
    }

    /// Writes down what came of one attempt, and tells of it.
    fn write_attempt(&mut self, way: &Way, attempt: Attempt<'_>) -> Result<()> {
        let (elapsed, now) = (self.elapsed(), self.context.sessions.world.now());
        let tried = self.telling.tries.get(way).map(|(tried, _)| elapsed.saturating_sub(*tried));
        let mut next = None;
        self.change_notice(&way.0, &mut |notice| {
            // What passed before this host looked counts as far as any gap does.
            let last =
                notice.delivery(&way.1).filter(|delivery| delivery.attempts > 0).and_then(|delivery| delivery.at);
            let before = last.map_or(Duration::ZERO, |at| Policy::default().counted(at, now));
            next = notice.tried(&way.1, attempt, tried.unwrap_or(before), now);
        })?;
        match next {
            Some(pause) => {
                self.telling.tries.insert(way.clone(), (elapsed, elapsed + pause));
                self.telling.ask(elapsed + pause);
            }
            None => drop(self.telling.tries.remove(way)),
        }
        Ok(())
    }

    /// Changes a notice in the name of this host, with the events that tell of what changed.
    pub(super) fn change_notice(&mut self, id: &str, apply: &mut dyn FnMut(&mut Notice)) -> Result<Option<Notice>> {
        let sessions = Arc::clone(&self.context.sessions);
        let (mut written, mut is_settled) = (Vec::new(), false);
        let changed = sessions.store.change_notice(Fence::Epoch(self.epoch), id, &mut |notice| {
            let before = notice.clone();
            apply(notice);
            is_settled = notice.state != before.state;
            let news = news(&before, notice).into_iter();
            written = news.map(|data| sessions.world.event(notice.session.as_ref(), data)).collect::<Vec<Event>>();
            written.clone()
        })?;
        self.book.was_written(written);
        if is_settled {
            self.reacting.told(id);
        }
        Ok(changed)
    }

    /// Lets what is being told come to its end, for a moment: an answer that is not heard leaves a doubt.
    pub(super) async fn end_telling(&mut self) {
        let last = async {
            while !self.telling.calls.is_empty() {
                match self.calls.join_next().await {
                    Some(Ok(Done::Told { notice, alias, answer })) => {
                        if let Err(error) = self.notifier_answered(notice, alias, answer) {
                            tracing::warn!("what a notifier answered could not be written down: {error}");
                        }
                    }
                    Some(_) => {}
                    None => break,
                }
            }
        };
        if tokio::time::timeout(LAST_WORDS, last).await.is_err() {
            tracing::warn!("a notifier did not answer before the host ended");
        }
    }

    /// Forgets old notices that somebody has seen, if it is time.
    pub(super) fn forget_notices_if_due(&mut self) -> Result<()> {
        let now = self.context.sessions.world.now();
        if self.telling.forgetting.is_due(now) {
            let kept = i64::try_from(KEPT_FOR.as_millis()).unwrap_or(i64::MAX);
            let before = ao_core::model::Timestamp::from_millis(now.as_millis().saturating_sub(kept));
            self.context.sessions.store.forget_notices(Fence::Epoch(self.epoch), before, KEPT)?;
        }
        Ok(())
    }
}

/// Looks up whom a notice goes to, and what became of calls of a host that is gone.
fn prepare(
    notice: &mut Notice,
    route: &Result<Vec<PluginName>>,
    ours: &BTreeSet<PluginName>,
    now: ao_core::model::Timestamp,
) {
    notice.recover(|alias| ours.contains(alias), now);
    match route {
        Ok(aliases) => notice.route(aliases),
        Err(error) if notice.state == NoticeState::Open => notice.why = Some(error.to_string()),
        Err(_) => {}
    }
}

/// What there is to tell of a notice that changed: each delivery that came to an end, or failed for another reason than
/// before; and that none is left.
fn news(before: &Notice, now: &Notice) -> Vec<EventData> {
    let tried = |delivery: Option<&NoticeDelivery>, why: Option<String>| {
        let mut data = NotifyTried::new(now.id.as_str());
        (data.notifier, data.reason) = (delivery.map(|delivery| delivery.alias.to_string()), why);
        data
    };
    let mut news = Vec::new();
    for delivery in &now.deliveries {
        let was = before.delivery(&delivery.alias);
        let is_other = was.is_none_or(|was| was.state != delivery.state);
        let is_new_reason = was.is_none_or(|was| was.why != delivery.why) && delivery.why.is_some();
        match delivery.state {
            DeliveryState::Sent if is_other => news.push(EventData::NotifySent(tried(Some(delivery), None))),
            DeliveryState::Failed | DeliveryState::Uncertain if is_other => {
                news.push(EventData::NotifyFailed(tried(Some(delivery), delivery.why.clone())));
            }
            DeliveryState::Waiting if is_new_reason => {
                news.push(EventData::NotifyFailed(tried(Some(delivery), delivery.why.clone())));
            }
            _ => {}
        }
    }
    if now.state == NoticeState::Undelivered && before.state != NoticeState::Undelivered {
        let whys = now.deliveries.iter().filter_map(|one| Some(format!("{}: {}", one.alias, one.why.as_ref()?)));
        let whys = whys.collect::<Vec<_>>().join("; ");
        news.push(EventData::NotifyUndelivered(tried(None, Some(whys))));
    }
    news
}

impl Crews {
    /// The configuration that says who is told, if it is in force. A session's whose file is gone is the user's own.
    fn telling(&mut self, context: &HostContext, file: Option<&Utf8PathBuf>) -> Result<&Setup> {
        let file = file.or(context.files.local.as_ref());
        let setup = self.setup(context, file)?;
        setup.require_trust()?;
        match file.filter(|file| setup.loaded.files.local.as_ref() != Some(*file) && file.is_file()) {
            Some(file) => Err(Error::unavailable(format!("`{file}`, which says who is told, cannot be used"))),
            None => Ok(setup),
        }
    }

    /// Who is told of something that matters so much.
    fn route(
        &mut self,
        context: &HostContext,
        file: Option<&Utf8PathBuf>,
        priority: Priority,
    ) -> Result<Vec<PluginName>> {
        Ok(self.telling(context, file)?.loaded.config.notifiers().aliases(priority))
    }

    /// A notifier of a configuration, by its name there.
    fn notifier(&mut self, context: &HostContext, file: Option<&Utf8PathBuf>, alias: &PluginName) -> Result<Ready> {
        let setup = self.telling(context, file)?;
        let missing = || Error::not_found(format!("the configuration has no notifier `{alias}`"));
        let wanted: &SlotConfig = setup.loaded.config.notifiers().find(alias).ok_or_else(missing)?;
        let (plugin, instance) = setup.instance(Slot::Notifier, wanted).map_err(unusable)?;
        let effect = setup.registry.entry(Slot::Notifier, &plugin)?.component.effect;
        let notifier = instance.notifier().ok_or_else(|| Error::other("an instance of another slot"))?;
        Ok(Ready { notifier, effect })
    }
}

/// A notifier's settings that are wrong, in a line.
fn unusable(error: SetupError) -> Error {
    match error {
        SetupError::Other(error) => error,
        SetupError::Config(problems) => {
            let messages: BTreeSet<_> = problems.iter().map(|problem| problem.message.clone()).collect();
            Error::invalid_input(messages.into_iter().collect::<Vec<_>>().join("; "))
        }
    }
}
